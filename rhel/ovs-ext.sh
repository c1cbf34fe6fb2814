# SPDX-License-Identifier: Apache-2.0
# The tools of ovs-ext before those of the distribution, for who logs in: they
# know the tables and the action of inspectors, and all that the others know.
case :$PATH: in
*:/usr/libexec/ovs-ext/bin:*) ;;
*) PATH=/usr/libexec/ovs-ext/bin:$PATH ;;
esac
