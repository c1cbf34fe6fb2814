/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     read-capture FILE
 *
 * Reads a capture file as libpcap does, and does nothing with it: what any
 * program that uses libpcap takes before it begins its own work.  Prints how
 * many packets and bytes it has. */

#include <inttypes.h>
#include <stdio.h>

#include <pcap/pcap.h>

int
main(int argc, char *argv[])
{
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
    uint64_t n_packets = 0, n_bytes = 0;
    struct pcap_pkthdr *header;
    const unsigned char *bytes;
    int got;

    if (!pcap) {
        fprintf(stderr, "read-capture: %s\n",
                argc == 2 ? error : "usage: read-capture FILE");
        return 1;
    }
    while ((got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
        n_packets++;
        n_bytes += header->len;
    }
    if (got == PCAP_ERROR) {
        fprintf(stderr, "read-capture: %s\n", pcap_geterr(pcap));
    }
    pcap_close(pcap);
    printf("%" PRIu64 " %" PRIu64 "\n", n_packets, n_bytes);
    return got == PCAP_ERROR;
}
