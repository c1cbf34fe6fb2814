/* What the readers of databases and message brokers make of bytes. */

#include "talk.h"

static void
test_silence(void)
{
    struct talk t;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_NONE);
}

UNIT_MAIN("app data",
          UNIT_TEST(test_silence))
