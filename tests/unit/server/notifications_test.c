#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "server/notifications.h"

/* What a set of letters is written back as; NULL: refused. */
static const char *written(const char *letters, struct buffer *out)
{
    unsigned events = 0;
    if (!notifications_parse(slice_of_string(letters), &events))
        return NULL;
    buffer_clear(out);
    notifications_format(events, out);
    buffer_add(out, "", 1);
    return out->data;
}

static void letters_come_back_in_order(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_string_equal(written("", &out), "");
    assert_string_equal(written("KEA", &out), "AKE");
    assert_string_equal(written("EKmt$", &out), "$tKEm");
    assert_string_equal(written("KEg$lshzxetdm", &out), "AKEm");
    assert_string_equal(written("KAnm", &out), "AnKm");
    assert_string_equal(written("xx", &out), "x");
    buffer_deinit(&out);
}

static void unknown_letters_are_refused(void **state)
{
    (void)state;
    unsigned events = 7;
    assert_false(notifications_parse(SLICE("KEy"), &events));
    assert_int_equal(events, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_come_back_in_order),
        cmocka_unit_test(unknown_letters_are_refused),
    };
    return cmocka_run_group_tests_name("server/notifications", tests, NULL, NULL);
}
