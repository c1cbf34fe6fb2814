# What the probe says of captures: golden files, and whatever PCAPS names.
EXTRA_DIST += \
	tests/pcap

PCAP_SUITE = pcap
PCAP_FLAGS =
check-pcap:
	@p=utilities/ovs-inspect-probe; \
	if $(MAKE) --no-print-directory $$p >$$p.log 2>&1; then \
	    INSP_PCAPS='$(PCAPS)' $(TALLY) $(PCAP_SUITE) --name captures -- \
	        $(PYTHON3) $(srcdir)/tests/pcap/run.py --probe=$$p \
	        $(PCAP_FLAGS); \
	else \
	    $(TALLY) $(PCAP_SUITE) --name "building the probe" -- \
	        sh -c "cat $$p.log; exit 1"; \
	fi
CLEANFILES += utilities/ovs-inspect-probe.log
.PHONY: check-pcap
