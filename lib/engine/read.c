/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: a packet's payload goes to the readers of its connection.
 *
 * It stands between counting and judging, so that what a packet tells is known
 * when that packet is judged.  When it tells the protocol or the server name,
 * and there are rules that look at these, both directions are judged anew. */

#include "engine/path.h"

static bool
show(struct insp_batch *b, const struct insp_item *item,
     const struct insp_frame *frame, const struct insp_flow_packet *in,
     struct insp_conn *conn, int64_t expected)
{
    const struct insp_packet *packet = &item->packet;
    struct insp_payload payload = {
        .bytes = (const uint8_t *) frame->data + packet->payload_ofs,
        .size = packet->payload_size,
        .index = insp_table_index(b->inspector->table, conn),
        .tcp_seq = packet->tcp_seq,
        .expected = (uint32_t) expected,
        .has_expected = expected >= 0,
        .tcp_flags = packet->tcp_flags,
        .at_work = &b->place->app,
        .may_be_copy = b->ctx->zone.kind == INSP_ZONE_GROUP,
        .now_ns = in->now_ns,
    };

    payload.captured =
        INSP_MIN(packet->payload_size, frame->size - packet->payload_ofs);
    payload.tcp_seq += !!(packet->tcp_flags & INSP_TCP_SYN);
    return insp_dialog_feed(b->inspector->dialogs, conn, item->side, &payload);
}

void
insp_read(struct insp_batch *b, const struct insp_item *item,
          const struct insp_frame *frame, const struct insp_flow_packet *in,
          struct insp_conn *conn, int64_t expected)
{
    bool changed = item->packet.is_fragment
                       ? insp_dialog_pass_by(b->inspector->dialogs, conn)
                       : show(b, item, frame, in, conn, expected);

    if (changed && b->inspector->reads_apps) {
        insp_judge_anew(conn);
    }
}
