/* SPDX-License-Identifier: Apache-2.0 */
/* lib/record: Community ID, words, and that record.def keeps its own rules. */

#include "unit.h"

#include <arpa/inet.h>

#include "record/fields.h"
#include "record/record.h"

static void
check_id(const char *src, const char *dst, uint8_t proto, uint16_t src_port,
         uint16_t dst_port, const char *expected)
{
    struct insp_record_connection c;
    char text[INSP_COMMUNITY_ID_SIZE];

    memset(&c, 0, sizeof c);
    c.proto = proto;
    c.ip_version = strchr(src, ':') ? 6 : 4;
    if (c.ip_version == 4) {
        CU_ASSERT(inet_pton(AF_INET, src, &c.addr[0][12]) == 1);
        CU_ASSERT(inet_pton(AF_INET, dst, &c.addr[1][12]) == 1);
    } else {
        CU_ASSERT(inet_pton(AF_INET6, src, c.addr[0]) == 1);
        CU_ASSERT(inet_pton(AF_INET6, dst, c.addr[1]) == 1);
    }
    if (proto == 1 || proto == 58) {
        c.icmp_type = (uint8_t) src_port;
        c.icmp_code = (uint8_t) dst_port;
    } else {
        c.l4_port[0] = src_port;
        c.l4_port[1] = dst_port;
    }
    insp_community_id(&c, 0, text);
    UNIT_STR_EQ(text, expected);
    CU_ASSERT(strlen(text) < sizeof text);
}

/* The published examples of the specification, and both directions of each.
 * Mutation: leave the two ends in the order in which they come. */
static void
test_community_id(void)
{
    check_id("128.232.110.120", "66.35.250.204", 6, 34855, 80,
             "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    check_id("66.35.250.204", "128.232.110.120", 6, 80, 34855,
             "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    check_id("192.168.1.52", "8.8.8.8", 17, 54585, 53,
             "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    check_id("8.8.8.8", "192.168.1.52", 17, 53, 54585,
             "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    check_id("192.168.170.8", "192.168.170.56", 132, 7, 80,
             "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
    check_id("192.168.170.56", "192.168.170.8", 132, 80, 7,
             "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
}

static void
test_community_id_icmp(void)
{
    check_id("192.168.0.89", "192.168.0.1", 1, 8, 0,
             "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    check_id("192.168.0.1", "192.168.0.89", 1, 0, 0,
             "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    check_id("192.168.0.89", "192.168.0.1", 1, 20, 0,
             "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=");
    check_id("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 58, 135,
             0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
    check_id("fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 58, 136,
             0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
}

static void
test_community_id_none(void)
{
    struct insp_record_connection c;
    char text[INSP_COMMUNITY_ID_SIZE] = "x";

    memset(&c, 0, sizeof c);
    insp_community_id(&c, 0, text);
    UNIT_STR_EQ(text, "");
}

static void
test_words(void)
{
    UNIT_STR_EQ(insp_verdict_word(INSP_VERDICT_RESET), "reset");
    UNIT_STR_EQ(insp_port_role_word(INSP_PORT_INFRASTRUCTURE),
                "infrastructure");
    for (int words = INSP_WORDS_END; words <= INSP_WORDS_PATH; words++) {
        CU_ASSERT(insp_word(words, 0) != NULL);
        if (words != INSP_WORDS_PATH) {
            CU_ASSERT(insp_word(words, 254) == NULL);
            CU_ASSERT(insp_word(words, UINT64_MAX) == NULL);
        }
    }
    UNIT_STR_EQ(insp_word(INSP_WORDS_REMAINDER, INSP_REASON_CATCH_ALL),
                "catch-all");
    CU_ASSERT(insp_word(INSP_WORDS_REMAINDER, INSP_N_REMAINDERS) == NULL);
}

/* What the encoders take for granted of the table.
 * Mutation: give two private rows of one record the same id. */
static void
test_table(void)
{
    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        const struct insp_shape *shape = &insp_shapes[i];
        bool has_mark = false, seen[INSP_N_OBJECTS] = { false };
        enum insp_json_object open = INSP_OBJECT_TOP;

        CU_ASSERT(shape->n_fields > 0);
        UNIT_EQ(shape->template_id,
                i == INSP_SHAPE_APP_IP4 || i == INSP_SHAPE_APP_IP6 ? 0
                                                                   : 256 + i);
        for (unsigned int j = 0; j < shape->n_fields; j++) {
            const struct insp_field *f = &shape->fields[j];

            has_mark |= f->id == shape->mark_id && f->pen == shape->mark_pen;
            CU_ASSERT(strlen(f->text) < 255 && strlen(f->name) < 255);
            CU_ASSERT(f->id || f->json_size);
            CU_ASSERT(f->id < 0x8000);
            CU_ASSERT(!f->id || f->length > 0);
            UNIT_EQ(f->json_size, f->key[0] ? strlen(f->json + 1) : 0);
            for (unsigned int k = 0; k < j; k++) {
                const struct insp_field *g = &shape->fields[k];

                if (f->id && f->id == g->id && f->pen == g->pen) {
                    CU_FAIL("an element twice in one record");
                    printf("# %s and %s\n", f->name, g->name);
                }
                if (f->json_size && f->object == g->object) {
                    CU_ASSERT(strcmp(f->key, g->key) != 0);
                }
            }
            /* An object that was left is not opened again. */
            if (f->json_size && f->object != open) {
                if (f->object != INSP_OBJECT_TOP) {
                    CU_ASSERT(!seen[f->object]);
                    seen[f->object] = true;
                }
                open = f->object;
            }
        }
        CU_ASSERT(has_mark);
    }
}

/* One private element is the same thing in all records. */
static void
test_private_elements(void)
{
    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        for (unsigned int j = 0; j < insp_shapes[i].n_fields; j++) {
            const struct insp_field *f = &insp_shapes[i].fields[j];

            for (unsigned int k = 0; f->pen == INSP_PEN && k < i; k++) {
                for (unsigned int l = 0; l < insp_shapes[k].n_fields; l++) {
                    const struct insp_field *g = &insp_shapes[k].fields[l];

                    if (g->pen == INSP_PEN && g->id == f->id) {
                        UNIT_STR_EQ(f->name, g->name);
                        UNIT_EQ(f->length, g->length);
                        UNIT_EQ(f->meaning, g->meaning);
                    }
                }
            }
        }
    }
}

UNIT_MAIN("record", UNIT_TEST(test_community_id),
          UNIT_TEST(test_community_id_icmp), UNIT_TEST(test_community_id_none),
          UNIT_TEST(test_words), UNIT_TEST(test_table),
          UNIT_TEST(test_private_elements))
