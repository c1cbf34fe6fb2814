/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * app.def and first.def as tables.  Readers are found by their protocol's
 * number, protocols by a well-known port through a short list: whoever is
 * asked first has the best chance to be right, and no more than that.
 */

#include "app/app.h"

static const char *const words[INSP_N_APPS] = {
    [INSP_APP_NONE] = "",
    [INSP_APP_UNREAD] = "unread",
    [INSP_APP_UNKNOWN] = "unknown",
    [INSP_APP_LISTENER] = "listener",
#define PORTS(...)
#define INSP_APP(NAME, WORD, READER, PORTS, TEXT) [INSP_APP_##NAME] = WORD,
#include "app/app.def"
#define INSP_FIRST(NAME, WORD, TEXT) [INSP_APP_##NAME] = WORD,
#include "app/first.def"
};

static const struct insp_reader *const readers[INSP_N_APPS_READ] = {
#define PORTS(...)
#define INSP_APP(NAME, WORD, READER, PORTS, TEXT)                             \
    [INSP_APP_##NAME] = &insp_reader_##READER,
#include "app/app.def"
};

#define PORTS_MAX 8
static const uint16_t ports[INSP_N_APPS_READ][PORTS_MAX] = {
#define PORTS(...)                                                            \
    {                                                                         \
        __VA_ARGS__                                                           \
    }
#define INSP_APP(NAME, WORD, READER, PORTS, TEXT) [INSP_APP_##NAME] = PORTS,
#include "app/app.def"
};

const char *
insp_app_word(enum insp_app app)
{
    return (unsigned int) app < INSP_N_APPS ? words[app] : "";
}

enum insp_app
insp_app_by_word(const char *word)
{
    for (unsigned int i = INSP_APP_UNREAD; i < INSP_N_APPS; i++) {
        if (!strcmp(words[i], word)) {
            return (enum insp_app) i;
        }
    }
    return INSP_APP_NONE;
}

void
insp_apps_print(uint64_t apps, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned int i = INSP_APP_UNKNOWN + 1; i < INSP_N_APPS_READ; i++) {
        size_t length = strlen(words[i]);

        if (apps >> i & 1 && used + length + 2 <= size) {
            if (used) {
                text[used++] = ',';
            }
            memcpy(text + used, words[i], length + 1);
            used += length;
        }
    }
}

const struct insp_reader *
insp_reader_of(enum insp_app app)
{
    return (unsigned int) app < INSP_N_APPS_READ ? readers[app] : NULL;
}

bool
insp_app_has_port(enum insp_app app, uint16_t port)
{
    unsigned int i = 0;

    while (i < PORTS_MAX && ports[app][i] && ports[app][i] != port) {
        i++;
    }
    return port && i < PORTS_MAX && ports[app][i] == port;
}

/* Four ports at a time: a lane without a bit in it is the one. */
static bool
has_lane(const uint16_t lanes[4], uint64_t wanted)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    uint64_t x;

    memcpy(&x, lanes, sizeof x);
    x ^= wanted;
    return ((x - ones) & ~x & ones << 15) != 0;
}

uint64_t
insp_apps_at_port(uint16_t port)
{
    uint64_t wanted = port * UINT64_C(0x0001000100010001), apps = 0;

    for (unsigned int i = INSP_APP_UNKNOWN + 1; port && i < INSP_N_APPS_READ;
         i++) {
        if (has_lane(ports[i], wanted) || has_lane(ports[i] + 4, wanted)) {
            apps |= UINT64_C(1) << i;
        }
    }
    return apps;
}

static char
lower(uint8_t c)
{
    return (char) (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool
is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

void
insp_reading_set_name(struct insp_reading *r, const void *name, size_t size)
{
    const uint8_t *at = name;

    if (size && at[size - 1] == '.') {
        size--;
    }
    if (!size || size > INSP_APP_NAME_MAX) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        r->name[i] = lower(at[i]);
        if (!is_of_name(r->name[i])) {
            r->name[0] = '\0';
            return;
        }
    }
    r->name[size] = '\0';
    r->name_size = (uint8_t) size;
}
