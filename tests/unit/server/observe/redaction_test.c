#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/dispatch.h"
#include "server/observe/redaction.h"

#define WORDS_MAX 16

/* What is shown of a line: a star for each hidden word, a dot for each other. */
static const char *shown(const char *full_name, const char *line, char out[WORDS_MAX])
{
    struct dispatch_entry entry = {.full_name = full_name};
    struct slice words[WORDS_MAX];
    size_t count = 0;
    while (*line != '\0') {
        size_t length = strcspn(line, " ");
        words[count++] = slice_of(line, length);
        line += length + (line[length] == ' ');
    }
    for (size_t i = 0; i < count; i++)
        out[i] = redaction_hides(&entry, words, i) ? '*' : '.';
    out[count] = '\0';
    return out;
}

static void passwords_of_auth_are_hidden_whatever_its_name(void **state)
{
    (void)state;
    char out[WORDS_MAX];
    assert_string_equal(shown("auth", "AUTH secret", out), ".*");
    assert_string_equal(shown("auth", "AUTH user secret", out), ".**");
    assert_string_equal(shown("auth", "renamed user secret", out), ".**");
    assert_string_equal(shown("get", "auth key", out), "..");
}

static void of_hello_what_stands_behind_auth_is_hidden(void **state)
{
    (void)state;
    char out[WORDS_MAX];
    assert_string_equal(shown("hello", "HELLO 3 AUTH user secret SETNAME me", out), "...**..");
    assert_string_equal(shown("hello", "HELLO 2 SETNAME me Auth user secret", out), ".....**");
    assert_string_equal(shown("hello", "HELLO AUTH user secret", out), "..**");
    assert_string_equal(shown("hello", "HELLO 3 SETNAME me", out), "....");
}

static void values_of_secret_settings_are_hidden(void **state)
{
    (void)state;
    char out[WORDS_MAX];
    assert_string_equal(shown("config|set", "CONFIG SET RequirePass x timeout 5 masterauth y", out),
                        "...*...*");
    assert_string_equal(shown("config|set", "CONFIG SET timeout requirepass", out), "....");
    assert_string_equal(shown("config|get", "CONFIG GET requirepass x", out), "....");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_of_auth_are_hidden_whatever_its_name),
        cmocka_unit_test(of_hello_what_stands_behind_auth_is_hidden),
        cmocka_unit_test(values_of_secret_settings_are_hidden),
    };
    return cmocka_run_group_tests_name("server/observe/redaction", tests, NULL, NULL);
}
