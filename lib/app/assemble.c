/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A dialog has a stream for each direction, which a connection of datagrams
 * has no use for: here it is.  The place of a byte is its sequence number, the
 * first is 0.
 *
 * What reaches beyond the window is refused before the stream sees it, which
 * would otherwise count as lost.  A stream that is lost for another reason (no
 * memory, too many holes) begins again with what comes next.
 */

#include "app/dialog-private.h"

static struct insp_stream *
stream_of(const struct insp_reading *r)
{
    return &r->dialog->stream[r->side];
}

void
insp_reading_forget(struct insp_reading *r)
{
    struct insp_stream *s = stream_of(r);
    bool is_done = s->is_done;
    uint8_t share = s->share;

    insp_stream_end(s, &r->dialogs->store);
    memset(s, 0, sizeof *s);
    s->is_done = is_done;
    s->share = share;
}

bool
insp_reading_assemble(struct insp_reading *r, uint32_t at, const void *bytes,
                      size_t size, struct insp_assembly *a)
{
    struct insp_stream *s = stream_of(r);
    struct insp_stream_view view;

    *a = (struct insp_assembly){ NULL, 0 };
    if (r->is_stream || !size || at > INSP_READER_WINDOW ||
        size > INSP_READER_WINDOW - at) {
        return false;
    }
    if (!s->is_begun) {
        insp_stream_begin(s, 0);
    }
    insp_dialog_set_room(r->dialog, r->side);
    (void) insp_stream_push(s, &r->dialogs->store, at, bytes, size, size,
                            &view);
    if (s->is_lost) {
        insp_dialogs_note(r->dialogs, INSP_READER_NO_BLOCK);
        insp_reading_forget(r);
        return false;
    }
    *a = (struct insp_assembly){ view.bytes, view.size };
    return true;
}

void
insp_reading_keep(struct insp_reading *r, const struct insp_assembly *a)
{
    struct insp_stream *s = stream_of(r);
    struct insp_stream_view view = { a->bytes, a->size, 0, false };

    if (a->bytes && !s->block) {
        insp_stream_done(s, &r->dialogs->store, &view, 0, 0);
    }
    if (s->is_lost) {
        insp_dialogs_note(r->dialogs, INSP_READER_NO_BLOCK);
        insp_reading_forget(r);
    }
}
