# SPDX-License-Identifier: Apache-2.0
# What the probe says of captures: golden files, and whatever PCAPS names.
EXTRA_DIST += \
	tests/pcap

PCAP_SUITE = pcap
PCAP_FLAGS =
check-pcap:
	@p=utilities/ovs-inspect-probe; s=0; \
	if $(MAKE) --no-print-directory $$p >$$p.log 2>&1; then \
	    INSP_PCAPS='$(PCAPS)' $(TALLY) $(PCAP_SUITE) --name captures -- \
	        $(PYTHON3) $(srcdir)/tests/pcap/run.py --probe=$$p \
	        $(PCAP_FLAGS) || s=1; \
	else \
	    $(TALLY) $(PCAP_SUITE) --name "building the probe" -- \
	        sh -c "cat $$p.log; exit 1" || s=1; \
	fi; exit $$s
CLEANFILES += utilities/ovs-inspect-probe.log

# Whatever PCAPS names, against tshark, whose words of a capture are kept in
# tests/tshark: minutes the first time.
check-agreement: utilities/ovs-inspect-probe
	INSP_PCAPS='$(PCAPS)' $(TALLY) agreement --name tshark --timeout 3600 -- \
	    $(PYTHON3) $(srcdir)/tests/pcap/agree.py \
	    --probe=utilities/ovs-inspect-probe --cache=tests/tshark
CLEAN_LOCAL += clean-tshark
clean-tshark:
	rm -rf tests/tshark
.PHONY: check-agreement check-pcap clean-tshark
