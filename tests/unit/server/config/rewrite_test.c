#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "server/config/rewrite.h"

static void expect(struct rewrite *rewrite, const char *expected)
{
    struct buffer out = {0};
    rewrite_finish(rewrite, &out);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, expected);
    buffer_deinit(&out);
    rewrite_destroy(rewrite);
}

static void a_value_changes_in_its_place(void **state)
{
    (void)state;
    struct rewrite *rewrite =
        rewrite_create(SLICE("# top\n\nport 1 \n  # between\n  TIMEOUT 0\nlast yes"));
    rewrite_add(rewrite, "port", NULL, SLICE("7000"), false);
    rewrite_end(rewrite, "port", NULL);
    rewrite_add(rewrite, "timeout", NULL, SLICE("5"), false);
    rewrite_end(rewrite, "timeout", NULL);
    expect(rewrite, "# top\n\nport 7000\n  # between\nTIMEOUT 5\nlast yes\n");
}

static void a_quoted_name_is_the_same_name(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE("\"save\" 1 1\n'save' 2 2\n\"no end\n\"\"\n"));
    rewrite_add(rewrite, "save", NULL, SLICE("3 3"), false);
    rewrite_end(rewrite, "save", NULL);
    expect(rewrite, "save 3 3\n\"no end\n\"\"\n");
}

static void what_is_new_is_appended_behind_a_signature(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE("port 1\n"));
    rewrite_add(rewrite, "timeout", NULL, SLICE("5"), false);
    rewrite_add(rewrite, "hz", NULL, SLICE("10"), true);
    expect(rewrite, "port 1\n" REWRITE_SIGNATURE "\ntimeout 5\n");
}

static void there_is_one_signature(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE(REWRITE_SIGNATURE "\nhz 20\n"));
    rewrite_add(rewrite, "timeout", NULL, SLICE("5"), false);
    expect(rewrite, REWRITE_SIGNATURE "\nhz 20\ntimeout 5\n");
}

static void a_default_is_written_where_the_file_has_a_line_for_it(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE("port 1\n"));
    rewrite_add(rewrite, "port", NULL, SLICE("6379"), true);
    rewrite_end(rewrite, "port", NULL);
    expect(rewrite, "port 6379\n");
}

static void lines_too_many_go(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE("port 1\nport 2\n# why\nport 3\n"));
    rewrite_add(rewrite, "port", NULL, SLICE("4"), false);
    rewrite_end(rewrite, "port", NULL);
    expect(rewrite, "port 4\n# why\n");
}

static void several_lines_of_one_directive_keep_their_places(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE("limit b 1\nport 1\n"));
    rewrite_add(rewrite, "limit", NULL, SLICE("a 2"), false);
    rewrite_add(rewrite, "limit", NULL, SLICE("b 3"), false);
    rewrite_add(rewrite, "limit", NULL, SLICE("c 0"), true);
    rewrite_end(rewrite, "limit", NULL);
    expect(rewrite, "limit a 2\nport 1\n" REWRITE_SIGNATURE "\nlimit b 3\n");
}

static void the_file_keeps_the_name_it_used(void **state)
{
    (void)state;
    struct rewrite *rewrite = rewrite_create(SLICE("slaveof x\n"));
    rewrite_add(rewrite, "replicaof", "slaveof", SLICE("y"), false);
    rewrite_end(rewrite, "replicaof", "slaveof");
    expect(rewrite, "slaveof y\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_changes_in_its_place),
        cmocka_unit_test(a_quoted_name_is_the_same_name),
        cmocka_unit_test(what_is_new_is_appended_behind_a_signature),
        cmocka_unit_test(there_is_one_signature),
        cmocka_unit_test(a_default_is_written_where_the_file_has_a_line_for_it),
        cmocka_unit_test(lines_too_many_go),
        cmocka_unit_test(several_lines_of_one_directive_keep_their_places),
        cmocka_unit_test(the_file_keeps_the_name_it_used),
    };
    return cmocka_run_group_tests_name("server/config/rewrite", tests, NULL, NULL);
}
