# SPDX-License-Identifier: Apache-2.0
# What configure asks, one macro a question.

# OVSEXT_OWN_BUILD_DIR
#
# Automake cannot build in a second folder once the source folder itself has
# been configured.  So the source folder never is: ./configure continues as
# ../configure in _build, and a GNUmakefile forwards every target there.
AC_DEFUN([OVSEXT_OWN_BUILD_DIR],
  [ovsext_source=`cd "$srcdir" && pwd -P`
   if test "$ovsext_source" = "`pwd -P`"; then
     AS_MKDIR_P([_build])
     cat >GNUmakefile <<'OVSEXT_END'
# Written by ./configure: the build stands in _build.
.PHONY: all
all:
	+@$(MAKE) -C _build all
GNUmakefile: ;
%:
	+@$(MAKE) -C _build $[]@
OVSEXT_END
     echo "configure: building in $ovsext_source/_build"
     rm -f -r conftest* confdefs* config.log
     cd _build || exit 1
     "$ovsext_source/configure" "$[]@"
     exit $?
   fi])

# OVSEXT_SAME_TARBALL
#
# "make dist" of one commit gives the same bytes wherever and whenever it runs:
# files in one order, of nobody, all as old as the commit (SOURCE_DATE_EPOCH
# when it is set; unpacked from a tarball, as old as its files).
AC_DEFUN([OVSEXT_SAME_TARBALL],
  [AC_SUBST([DIST_EPOCH])
   DIST_EPOCH='$${SOURCE_DATE_EPOCH:-`test -e $(srcdir)/.git && git -c safe.directory="*" -C $(srcdir) log -1 --format=%ct 2>/dev/null || stat -c %Y $(srcdir)/configure.ac`}'
   AC_SUBST([GZIP_ENV], ['--best --no-name'])
   am__tar='$${TAR-tar} --format=posix --sort=name --mtime=@$(DIST_EPOCH) --owner=0 --group=0 --numeric-owner --mode=u+rw,go=u,go-w --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime -chf - "$$tardir"'])

# OVSEXT_CHECK_PYTHON3: PYTHON3.  A version manager's shim costs Open vSwitch's
# build and tests a multiple of their time, so the system's comes first.
AC_DEFUN([OVSEXT_CHECK_PYTHON3],
  [AC_ARG_VAR([PYTHON3], [Python 3.6 or newer])
   AC_CACHE_CHECK([for Python 3.6 or newer], [ovsext_cv_python3],
     [ovsext_cv_python3=no
      for p in "$PYTHON3" /usr/bin/python3 python3; do
        if test -n "$p" && "$p" -c 'import sys
sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1; then
          ovsext_cv_python3=$p
          break
        fi
      done])
   if test "$ovsext_cv_python3" = no; then
     AC_MSG_ERROR([no Python 3.6 or newer: apt-get install python3])
   fi
   PYTHON3=$ovsext_cv_python3])

# OVSEXT_CHECK_LIBRARIES: OPENSSL_LIBS, UNWIND_LIBS, PCAP_LIBS, CUNIT_LIBS.
AC_DEFUN([OVSEXT_CHECK_LIBRARIES],
  [ovsext_save_LIBS=$LIBS
   AC_CHECK_HEADER([openssl/ssl.h], [],
     [AC_MSG_ERROR([no OpenSSL headers: apt-get install libssl-dev])])
   AC_CHECK_LIB([ssl], [SSL_CTX_set_psk_use_session_callback],
     [OPENSSL_LIBS="-lssl -lcrypto"],
     [AC_MSG_ERROR([OpenSSL 1.1.1 or newer is needed: apt-get install libssl-dev])],
     [-lcrypto])
   AC_SUBST([OPENSSL_LIBS])

   ovsext_unwind=no
   AC_CHECK_HEADER([libunwind.h],
     [AC_CHECK_LIB([unwind], [unw_backtrace],
        [ovsext_unwind=yes
         UNWIND_LIBS=-lunwind
         AC_DEFINE([HAVE_LIBUNWIND], [1],
                   [Define to 1 when libunwind is there.])])])
   AC_SUBST([UNWIND_LIBS])

   # The probe reads files itself; live traffic it has from libpcap.
   ovsext_pcap=no
   AC_CHECK_HEADER([pcap/pcap.h],
     [AC_CHECK_LIB([pcap], [pcap_set_tstamp_precision],
        [ovsext_pcap=yes
         PCAP_LIBS=-lpcap
         AC_DEFINE([HAVE_LIBPCAP], [1],
                   [Define to 1 when libpcap is there.])])])
   AC_SUBST([PCAP_LIBS])

   ovsext_cunit=no
   AC_CHECK_HEADER([CUnit/CUnit.h],
     [AC_CHECK_LIB([cunit], [CU_run_all_tests],
        [ovsext_cunit=yes
         CUNIT_LIBS=-lcunit])])
   AC_SUBST([CUNIT_LIBS])
   AM_CONDITIONAL([HAVE_CUNIT], [test $ovsext_cunit = yes])
   AM_CONDITIONAL([HAVE_PCAP], [test -n "$PCAP_LIBS"])
   LIBS=$ovsext_save_LIBS])

# OVSEXT_WARNINGS: INSP_WARNINGS, fatal in a git tree unless told otherwise.
AC_DEFUN([OVSEXT_WARNINGS],
  [AC_ARG_ENABLE([werror],
     [AS_HELP_STRING([--enable-werror],
        [make warnings errors (default: in a git tree)])],
     [ovsext_werror=$enableval],
     [AS_IF([test -e "$srcdir/.git"], [ovsext_werror=yes],
            [ovsext_werror=no])])
   INSP_WARNINGS="-Wall -Wextra -Wshadow -Wstrict-prototypes dnl
-Wmissing-prototypes"
   AS_IF([test "$ovsext_werror" = yes],
         [INSP_WARNINGS="$INSP_WARNINGS -Werror"])
   AC_SUBST([INSP_WARNINGS])])

# OVSEXT_SANITIZE: SANITIZE_CFLAGS, for us and for Open vSwitch.
AC_DEFUN([OVSEXT_SANITIZE],
  [AC_ARG_ENABLE([sanitize],
     [AS_HELP_STRING([--enable-sanitize=LIST],
        [build all with these sanitizers: address,undefined or thread;
         fuzzer with clang])],
     [], [enable_sanitize=no])
   AC_SUBST([SANITIZE_CFLAGS])
   ovsext_fuzzer=no
   AS_CASE([$enable_sanitize],
     [no], [],
     [yes], [AC_MSG_ERROR(
       [--enable-sanitize needs a list, such as address,undefined])],
     [SANITIZE_CFLAGS="-fsanitize=$enable_sanitize -fno-omit-frame-pointer"
      AS_CASE([,$enable_sanitize,], [*,undefined,*],
        [SANITIZE_CFLAGS="$SANITIZE_CFLAGS -fno-sanitize-recover=undefined"])
      AS_CASE([,$enable_sanitize,], [*,fuzzer-no-link,*],
        [ovsext_fuzzer=yes])
      ovsext_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS $SANITIZE_CFLAGS"
      AC_MSG_CHECKING([whether $CC can link with -fsanitize=$enable_sanitize])
      AC_LINK_IFELSE([AC_LANG_PROGRAM],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([$CC cannot build with -fsanitize=$enable_sanitize])])
      CFLAGS=$ovsext_save_CFLAGS])
   AM_CONDITIONAL([FUZZER], [test $ovsext_fuzzer = yes])])

# OVSEXT_CHECK_TOOLS: what only some targets need, and may be missing.
AC_DEFUN([OVSEXT_CHECK_TOOLS],
  [AC_CHECK_PROGS([CLANG], [clang clang-18 clang-16 clang-15 clang-14], [no])
   AC_CHECK_PROGS([CLANG_FORMAT], [clang-format-14 clang-format], [no])
   AC_CHECK_PROGS([CCACHE], [ccache], [no])
   AC_CHECK_PROGS([GIT], [git], [no])])

# OVSEXT_OVS
#
# Finds the source of Open vSwitch: OVS_SOURCE (absolute; a folder or a
# tarball) and OVS_VERSION, and asks whether every edit finds its place.
# --without-ovs builds the library, its unit tests and its fuzz replays alone.
AC_DEFUN([OVSEXT_OVS],
  [AC_ARG_WITH([ovs],
     [AS_HELP_STRING([--without-ovs],
        [build the library and its tests only])],
     [], [with_ovs=yes])
   AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=DIR|TARBALL],
        [source of Open vSwitch
         (default: /usr/src/openvswitch/openvswitch.tar.gz)])],
     [], [with_ovs_source=/usr/src/openvswitch/openvswitch.tar.gz])
   AC_ARG_WITH([dpdk],
     [AS_HELP_STRING([--with-dpdk@<:@=static|shared@:>@],
        [build Open vSwitch with DPDK (default: no)])],
     [], [with_dpdk=no])
   AC_ARG_VAR([OVS_CFLAGS], [compiler flags for Open vSwitch
                             (default: -O2 -g)])
   : "${OVS_CFLAGS:=-O2 -g}"

   OVS_SOURCE=
   OVS_VERSION=none
   AS_IF([test "$with_ovs" != no],
     [OVS_SOURCE=$with_ovs_source
      AS_CASE([$OVS_SOURCE],
        [yes|no|''], [AC_MSG_ERROR(
           [--with-ovs-source needs a folder or a tarball])],
        [/*], [], [OVS_SOURCE=`pwd`/$OVS_SOURCE])
      AC_MSG_CHECKING([for the source of Open vSwitch])
      # Debian keeps its tarball in a folder that it may be named by.
      AS_IF([test -d "$OVS_SOURCE" && test ! -e "$OVS_SOURCE/configure.ac" &&
             test -e "$OVS_SOURCE/openvswitch.tar.gz"],
            [OVS_SOURCE=$OVS_SOURCE/openvswitch.tar.gz])
      AS_IF([test -d "$OVS_SOURCE"],
        [OVS_VERSION=`cat "$OVS_SOURCE/configure.ac" 2>/dev/null`],
        [test -f "$OVS_SOURCE"],
        [OVS_VERSION=`tar -xOf "$OVS_SOURCE" --wildcards \
           '*/configure.ac' 2>/dev/null`],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([there is no $OVS_SOURCE.
  Install Debian's package openvswitch-source (apt-get install
  openvswitch-source), or say --with-ovs-source=DIR or =TARBALL, or
  --without-ovs to build the library and its tests only.])])
      OVS_VERSION=`AS_ECHO(["$OVS_VERSION"]) | $SED -n \
        's/^@<:@A-Z_@:>@*(openvswitch, @<:@@<:@:space:@:>@@:>@*\(@<:@^,@:>@*\),.*/\1/p'`
      AS_IF([test -z "$OVS_VERSION"],
        [AC_MSG_RESULT([$OVS_SOURCE])
         AC_MSG_ERROR([$OVS_SOURCE holds no source of Open vSwitch])])
      AC_MSG_RESULT([$OVS_VERSION in $OVS_SOURCE])

      # A version that is not known, or a source that was changed, is refused
      # here and not after minutes of building.
      AC_MSG_CHECKING([whether the extension fits into it])
      AS_IF([ovsext_says=`"$PYTHON3" "$srcdir/ovs-ext/integrate" --check \
               --source "$OVS_SOURCE" 2>&1`],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([$ovsext_says
  Documentation/versions.md says which versions are supported, and how another
  one comes to be.])])

      AC_CHECK_HEADER([cap-ng.h], [ovsext_capng=yes], [ovsext_capng=no])

      # Open vSwitch's configure gets what ours got, plus our gate: a switch
      # over its enums that does not know the new action must not compile.
      OVS_CONFIGURE_ARGS="--enable-silent-rules"
      AS_CASE([$with_dpdk],
        [no], [],
        [yes], [OVS_CONFIGURE_ARGS="$OVS_CONFIGURE_ARGS --with-dpdk"],
        [OVS_CONFIGURE_ARGS="$OVS_CONFIGURE_ARGS --with-dpdk=$with_dpdk"])
      OVS_CC=$CC
      AS_CASE([$CC], [*ccache*], [],
        [AS_IF([test "$CCACHE" != no], [OVS_CC="$CCACHE $CC"])])])
   AC_SUBST([OVS_SOURCE])
   AC_SUBST([OVS_VERSION])
   AC_SUBST([OVS_CONFIGURE_ARGS])
   AC_SUBST([OVS_CC])
   AM_CONDITIONAL([WITH_OVS], [test "$with_ovs" != no])])

AC_DEFUN([OVSEXT_SUMMARY],
  [AS_IF([test "$with_ovs" = no],
     [ovsext_says_ovs="no: library and its tests only"],
     [ovsext_says_ovs="$OVS_VERSION"])
   AS_IF([test "$CCACHE" = no],
     [ovsext_says_ccache="no (a rebuild of Open vSwitch takes minutes)"],
     [ovsext_says_ccache=$CCACHE])
   AS_IF([test $ovsext_cunit = no],
     [ovsext_says_unit="no (apt-get install libcunit1-dev)"],
     [ovsext_says_unit=yes])
   AS_IF([test $ovsext_pcap = no],
     [ovsext_says_pcap="files only (apt-get install libpcap0.8-dev)"],
     [ovsext_says_pcap="files and interfaces"])
   AS_IF([test $ovsext_unwind = no],
     [ovsext_says_unwind="no (apt-get install libunwind-dev)"],
     [ovsext_says_unwind=yes])
   AS_IF([test "$CLANG" = no],
     [ovsext_says_fuzz="no (apt-get install clang)"],
     [ovsext_says_fuzz="with $CLANG"])
   echo "
ovs-ext $PACKAGE_VERSION
  Open vSwitch             $ovsext_says_ovs"
   AS_IF([test "$with_ovs" != no],
     [echo "    source                 $OVS_SOURCE
    DPDK                   $with_dpdk
    flags                  $OVS_CFLAGS
    ccache                 $ovsext_says_ccache"])
   echo "  prefix                   $prefix
  compiler                 $CC $CFLAGS
  warnings are errors      $ovsext_werror
  sanitizers               $enable_sanitize
  Python                   $PYTHON3
  OpenSSL                  yes
  backtraces (libunwind)   $ovsext_says_unwind
  probe (libpcap)          $ovsext_says_pcap
  unit tests (CUnit)       $ovsext_says_unit
  fuzzing                  $ovsext_says_fuzz

Now: make, make check, make install.
"])
