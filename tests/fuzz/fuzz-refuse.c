/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is a frame, behind two bytes that are ignored, so
 * that seeds are those of fuzz-parse.  It is parsed and refused to both ends;
 * whatever comes out must parse again as a whole RST or ICMP error, between
 * the same two addresses, with right lengths and checksums, and must itself
 * be something that nobody answers. */

#include "packet/refuse.h"

#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"

static uint32_t
sum_of(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum += i & 1 ? bytes[i] : (uint32_t) bytes[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void
check_sums(const struct insp_packet *a, const uint8_t *out, size_t size)
{
    size_t n = a->ip_version == 4 ? 4 : 16;
    size_t l4_size = size - a->l4_ofs;
    uint32_t sum = 0;

    if (a->ip_version == 4) {
        FUZZ_PROMISE(sum_of(0, out + a->l3_ofs, 20) == 0xffff);
    }
    if (a->proto != INSP_PROTO_ICMP) {
        sum = sum_of(a->proto + (uint32_t) l4_size, a->src, n);
        sum = sum_of(sum, a->dst, n);
    }
    FUZZ_PROMISE(sum_of(sum, out + a->l4_ofs, l4_size) == 0xffff);
}

static void
check_answer(const struct insp_packet *p, enum insp_refuse_to to,
             const uint8_t *out, size_t size)
{
    struct insp_packet a;
    bool is_back = to == INSP_REFUSE_TO_SOURCE;
    size_t n = p->ip_version == 4 ? 4 : 16;
    uint8_t again[INSP_REFUSE_MAX];

    FUZZ_PROMISE(size <= INSP_REFUSE_MAX);
    FUZZ_PROMISE(insp_packet_parse(&a, out, size, size) == INSP_PACKET_OK);
    FUZZ_PROMISE(a.ip_version == p->ip_version && !a.is_fragment && !a.group);
    FUZZ_PROMISE(a.n_vlans == (is_back ? 0 : p->n_vlans));
    FUZZ_PROMISE(!memcmp(a.src, is_back ? p->dst : p->src, n));
    FUZZ_PROMISE(!memcmp(a.dst, is_back ? p->src : p->dst, n));
    FUZZ_PROMISE(a.payload_ofs + a.payload_size == size);
    if (p->proto == INSP_PROTO_TCP) {
        FUZZ_PROMISE(a.proto == INSP_PROTO_TCP && a.tcp_flags & INSP_TCP_RST);
        FUZZ_PROMISE(!(p->tcp_flags & INSP_TCP_RST));
    } else {
        FUZZ_PROMISE(is_back);
        FUZZ_PROMISE(a.proto == (p->ip_version == 4 ? INSP_PROTO_ICMP
                                                    : INSP_PROTO_ICMPV6));
    }
    check_sums(&a, out, size);
    FUZZ_PROMISE(!insp_refuse(&a, out, INSP_REFUSE_TO_SOURCE, again));
    FUZZ_PROMISE(!insp_refuse(&a, out, INSP_REFUSE_TO_DESTINATION, again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insp_packet p;
    enum insp_packet_fact fact;
    uint8_t *frame;

    if (size <= 2) {
        return 0;
    }
    /* Its own allocation: a sanitizer sees a read past the end. */
    size -= 2;
    frame = malloc(size);
    FUZZ_PROMISE(frame != NULL);
    memcpy(frame, data + 2, size);
    fact = insp_packet_parse(&p, frame, size, size);
    for (int to = 0; to < 2; to++) {
        uint8_t *out = malloc(INSP_REFUSE_MAX);
        size_t n;

        FUZZ_PROMISE(out != NULL);
        n = insp_refuse(&p, frame, (enum insp_refuse_to) to, out);
        FUZZ_PROMISE(!n || fact == INSP_PACKET_OK);
        if (n) {
            check_answer(&p, (enum insp_refuse_to) to, out, n);
        }
        free(out);
    }
    free(frame);
    return 0;
}
