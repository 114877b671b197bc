#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/name_table.h"

#define NODES 5000

struct thing {
    int value;
    struct name_node node;
    char name[16];
};

static void set_name(struct thing *thing, int value, uint64_t hash)
{
    thing->value = value;
    snprintf(thing->name, sizeof thing->name, "n%d", value);
    thing->node.name = slice_of_string(thing->name);
    thing->node.hash = hash;
}

static uint64_t spread(int value)
{
    return (uint64_t)value * UINT64_C(0x9e3779b97f4a7c15);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    struct name_table table = {0};
    assert_null(name_table_find(&table, 1, SLICE("a")));
    assert_null(name_table_next(&table, NULL));
    assert_null(name_table_pick(&table, 7));
    name_table_deinit(&table);
}

static void what_is_added_is_found_until_it_is_removed(void **state)
{
    (void)state;
    struct name_table table = {0};
    struct thing *things = calloc(NODES, sizeof *things);
    for (int i = 0; i < NODES; i++) {
        set_name(&things[i], i, spread(i));
        name_table_add(&table, &things[i].node);
        assert_int_equal(table.count, i + 1);
        /* Those of before survive each split. */
        struct thing *some = &things[rand() % (i + 1)];
        assert_ptr_equal(name_table_find(&table, some->node.hash, some->node.name), &some->node);
    }
    for (int i = 0; i < NODES; i += 2)
        name_table_remove(&table, &things[i].node);
    for (int i = 0; i < NODES; i++) {
        struct name_node *found = name_table_find(&table, things[i].node.hash, things[i].node.name);
        assert_ptr_equal(found, i % 2 == 0 ? NULL : &things[i].node);
    }
    for (int i = 1; i < NODES; i += 2)
        name_table_remove(&table, &things[i].node);
    assert_int_equal(table.count, 0);
    assert_int_equal(name_table_memory(&table), 0);
    free(things);
}

static void equal_hashes_are_told_apart_by_name(void **state)
{
    (void)state;
    struct name_table table = {0};
    struct thing things[20];
    for (int i = 0; i < 20; i++) {
        set_name(&things[i], i, 42);
        name_table_add(&table, &things[i].node);
    }
    for (int i = 0; i < 20; i++) {
        struct name_node *found = name_table_find(&table, 42, things[i].node.name);
        assert_int_equal(NAME_TABLE_ENTRY(found, struct thing, node)->value, i);
    }
    name_table_deinit(&table);
}

static void a_walk_visits_each_once_even_if_it_removes(void **state)
{
    (void)state;
    struct name_table table = {0};
    struct thing *things = calloc(NODES, sizeof *things);
    for (int i = 0; i < NODES; i++) {
        set_name(&things[i], i, spread(i));
        name_table_add(&table, &things[i].node);
    }
    int visited = 0;
    struct name_node *node = name_table_next(&table, NULL);
    while (node != NULL) {
        struct name_node *next = name_table_next(&table, node);
        assert_int_equal(NAME_TABLE_ENTRY(node, struct thing, node)->value >= 0, 1);
        NAME_TABLE_ENTRY(node, struct thing, node)->value = -1;
        visited++;
        name_table_remove(&table, node);
        node = next;
    }
    assert_int_equal(visited, NODES);
    free(things);
}

static void a_pick_finds_something_from_anywhere(void **state)
{
    (void)state;
    struct name_table table = {0};
    struct thing things[100];
    for (int i = 0; i < 100; i++) {
        set_name(&things[i], i, spread(i));
        name_table_add(&table, &things[i].node);
    }
    for (size_t position = 0; table.count > 0; position += 13)
        name_table_remove(&table, name_table_pick(&table, position));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(what_is_added_is_found_until_it_is_removed),
        cmocka_unit_test(equal_hashes_are_told_apart_by_name),
        cmocka_unit_test(a_walk_visits_each_once_even_if_it_removes),
        cmocka_unit_test(a_pick_finds_something_from_anywhere),
    };
    return cmocka_run_group_tests_name("base/name_table", tests, NULL, NULL);
}
