/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is what one end of an acknowledged uplink sends, a
 * stream of frames.  A frame that is understood must be written again as the
 * same bytes, but for what a reader may mend (a reason's text) or must not
 * look at (a zero that is none); its texts are text and its runs have an
 * end. */

#include "export/frame.h"

#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"

static void
check_text(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *) text;
    const uint8_t *end = memchr(text, '\0', size);

    FUZZ_PROMISE(end);
    for (size_t n; at < end; at += n) {
        n = insp_utf8_size(at, end);
        FUZZ_PROMISE(n && *at >= ' ' && *at != 0x7f);
    }
}

static void
check_run(const struct insp_frame_run *run)
{
    FUZZ_PROMISE(run->first && run->count);
    FUZZ_PROMISE(run->first + run->count > run->first);
}

static void
check_frame(const struct insp_uplink_frame *f, const uint8_t *data,
            size_t size)
{
    uint8_t *room = malloc(size);
    struct insp_put put = insp_put(room, size);

    FUZZ_PROMISE(room);
    switch (f->type) {
    case INSP_FRAME_HELLO:
        check_text(f->hello.sensor, sizeof f->hello.sensor);
        check_text(f->hello.uplink, sizeof f->hello.uplink);
        FUZZ_PROMISE(f->hello.sensor[0] && f->hello.uplink[0]);
        FUZZ_PROMISE(f->hello.next);
        insp_frame_put_hello(&put, &f->hello);
        break;
    case INSP_FRAME_WELCOME: insp_frame_put_welcome(&put, &f->welcome); break;
    case INSP_FRAME_MESSAGE: {
        size_t begun = insp_frame_begin_message(&put);

        if (f->message.run.count) {
            check_run(&f->message.run);
            FUZZ_PROMISE(f->message.floor <= f->message.run.first);
        }
        FUZZ_PROMISE(f->message.run.count <= f->message.size);
        FUZZ_PROMISE(f->message.size <= INSP_FRAME_RECORDS_MAX);
        insp_put_bytes(&put, f->message.bytes, f->message.size);
        insp_frame_end_message(&put, begun, &f->message);
        break;
    }
    case INSP_FRAME_ACK:
        check_run(&f->ack);
        insp_frame_put_ack(&put, &f->ack);
        break;
    case INSP_FRAME_LOST:
        check_run(&f->lost);
        insp_frame_put_lost(&put, &f->lost);
        break;
    case INSP_FRAME_CLOSE:
        check_text(f->why, sizeof f->why);
        free(room);
        return;
    }
    FUZZ_PROMISE(!put.full && insp_put_size(&put) == size);
    if (f->type == INSP_FRAME_WELCOME) {
        memcpy(room + 10, data + 10, 2);
    } else if (f->type == INSP_FRAME_LOST) {
        memcpy(room + 12, data + 12, 4);
    }
    FUZZ_PROMISE(!memcmp(room, data, size));
    free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n;

    while (insp_frame_extent(data, size, &n) == INSP_FRAME_WHOLE) {
        /* Its own allocation: a sanitizer sees a read past the end. */
        uint8_t *bytes = malloc(n);
        struct insp_uplink_frame f;

        FUZZ_PROMISE(bytes && n <= INSP_FRAME_MAX);
        memcpy(bytes, data, n);
        if (!insp_frame_read(bytes, n, &f)) {
            check_frame(&f, bytes, n);
        }
        free(bytes);
        data += n;
        size -= n;
    }
    return 0;
}
