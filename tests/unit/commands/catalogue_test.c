#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void check_row(const struct command *command, bool is_subcommand)
{
    bool container = command->subcommands != NULL;
    if (command->arity == 0 || (command->run == NULL) != container || command->group == NULL ||
        command->since == NULL || command->syntax == NULL || command->summary == NULL ||
        command->complexity == NULL)
        fail_msg("%s: something is missing", command->name);
    size_t length = strlen(command->summary);
    if (length == 0 || command->summary[length - 1] != '.')
        fail_msg("%s: its summary is no sentence", command->name);
    for (const char *at = command->name; *at != '\0'; at++)
        assert_true((*at >= 'A' && *at <= 'Z') || *at == '_');
    if ((command->flags & COMMAND_WRITES) && (command->flags & COMMAND_READS))
        fail_msg("%s: writes and only reads", command->name);
    for (size_t i = 0; i < COMMAND_KEY_SPECS_MAX; i++) {
        const struct key_spec *spec = &command->keys[i];
        if (spec->find == KEY_FIND_NONE)
            break;
        if (spec->find == KEY_FIND_UNKNOWN)
            continue;
        unsigned access = spec->flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
        if (spec->first < (is_subcommand ? 2 : 1) || spec->step < 1 || access == 0 ||
            (access & (access - 1)) != 0)
            fail_msg("%s: a wrong key specification", command->name);
        if (((spec->flags & KEY_VARIABLE_FLAGS) != 0) != (command->key_flags != NULL))
            fail_msg("%s: variable flags without a function", command->name);
    }
    for (const struct command *sub = command->subcommands; container && sub->name != NULL; sub++)
        check_row(sub, true);
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; command_catalogue[i] != NULL; i++) {
        for (const struct command *row = command_catalogue[i]; row->name != NULL; row++)
            check_row(row, false);
    }
}

static void no_name_stands_twice(void **state)
{
    (void)state;
    for (size_t i = 0; command_catalogue[i] != NULL; i++) {
        for (const struct command *row = command_catalogue[i]; row->name != NULL; row++) {
            unsigned found = 0;
            for (size_t j = 0; command_catalogue[j] != NULL; j++)
                found += command_find(command_catalogue[j], slice_of_string(row->name)) != NULL;
            if (found != 1)
                fail_msg("%s stands %u times", row->name, found);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(no_name_stands_twice),
    };
    return cmocka_run_group_tests_name("commands/catalogue", tests, NULL, NULL);
}
