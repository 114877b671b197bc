#include "values/pair_keys.h"

#include "base/assertion.h"
#include "values/packed_table.h"

#define COMPARED_MAX 128 /* pairs: each key with all behind it; more would take too long */

static enum error compare_each(const struct listpack *pack)
{
    for (size_t at = listpack_first(pack); at != LISTPACK_END;) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        struct slice key = listpack_text(pack, at, scratch);
        at = listpack_next(pack, listpack_next(pack, at));
        if (at != LISTPACK_END && listpack_find(pack, at, key, 1) != LISTPACK_END)
            return ERROR_SYNTAX;
    }
    return OK;
}

static enum error put_all_in(struct packed_table *table, const struct listpack *pack)
{
    for (size_t at = listpack_first(pack); at != LISTPACK_END;) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        enum packed_result result = packed_table_add(table, listpack_text(pack, at, scratch));
        if (result != PACKED_ADDED)
            return result == PACKED_REPLACED ? ERROR_SYNTAX : ERROR_OUT_OF_MEMORY;
        at = listpack_next(pack, listpack_next(pack, at));
    }
    return OK;
}

enum error pair_keys_differ(const struct listpack *pack, const struct hash_seed *seed)
{
    struct packed_table table;
    size_t count = listpack_count(pack);
    ASSERT(count % 2 == 0);
    if (count <= (size_t)2 * COMPARED_MAX)
        return compare_each(pack);
    packed_table_init(&table, seed);
    enum error error = put_all_in(&table, pack);
    packed_table_deinit(&table);
    return error;
}
