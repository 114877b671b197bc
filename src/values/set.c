#include "values/set.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "values/value_fetch.h"
#include "values/value_walk.h"

struct set {
    struct intset integers;     /* bytes NULL: not of that form */
    struct listpack pack;       /* likewise */
    struct packed_table *table; /* NULL: likewise */
};

struct set *set_create(void)
{
    struct set *set = memory_allocate_zeroed(sizeof *set);
    set->integers = intset_create();
    return set;
}

static bool free_some(void *value)
{
    struct set *set = value;
    if (set->table != NULL && !packed_table_free_some(set->table))
        return false;
    intset_free(&set->integers);
    listpack_free(&set->pack);
    memory_free(set->table);
    memory_free(set);
    return true;
}

void set_destroy(struct set *set)
{
    while (!free_some(set))
        ;
}

const struct intset *set_intset(const struct set *set)
{
    return &set->integers;
}

const struct listpack *set_listpack(const struct set *set)
{
    return &set->pack;
}

/* --- forms --- */

/* False: memory is out, it stays as it is. */
static bool become_table(struct set *set, const struct value_settings *settings)
{
    struct packed_table *table = memory_allocate(sizeof *table);
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    packed_table_init(table, &settings->seed);
    while (set_next(set, &cursor, &member))
        if (packed_table_add(table, member) == PACKED_OUT_OF_MEMORY) {
            packed_table_deinit(table);
            memory_free(table);
            return false;
        }
    intset_free(&set->integers);
    listpack_free(&set->pack);
    set->table = table;
    return true;
}

static bool become_listpack(struct set *set)
{
    struct listpack pack = listpack_create(0);
    for (size_t i = 0; i < intset_count(&set->integers); i++)
        if (!listpack_append_integer(&pack, intset_get(&set->integers, i))) {
            listpack_free(&pack);
            return false;
        }
    intset_free(&set->integers);
    set->pack = pack;
    return true;
}

/* Bytes of the longest member, of those that are integers. */
static size_t longest_integer(const struct intset *integers)
{
    size_t count = intset_count(integers);
    if (count == 0)
        return 0;
    size_t first = number_length_int64(intset_get(integers, 0));
    size_t last = number_length_int64(intset_get(integers, count - 1));
    return first > last ? first : last;
}

/* Is it, or can it become, a listpack with this member? */
static bool fits_listpack(const struct set *set, const struct value_settings *settings,
                          struct slice member)
{
    size_t longest = member.length, size = member.length;
    if (set->pack.bytes != NULL) {
        size += listpack_size(&set->pack);
    } else {
        size_t integer = longest_integer(&set->integers);
        longest = integer > longest ? integer : longest;
    }
    return set_length(set) < settings->limits.set_entries_max &&
           longest <= settings->limits.set_value_max && size < LISTPACK_SIZE_MAX / 2;
}

struct set *set_of_intset(struct intset integers, const struct value_settings *settings)
{
    struct set *set = memory_allocate_zeroed(sizeof *set);
    set->integers = integers;
    if (intset_count(&integers) > settings->limits.set_integers_max)
        (void)become_table(set, settings); /* if there is no memory it stays as it came */
    return set;
}

enum error set_of_listpack(struct listpack pack, const struct value_settings *settings,
                           struct set **made)
{
    struct set *set = set_create();
    for (size_t at = listpack_first(&pack); at != LISTPACK_END; at = listpack_next(&pack, at)) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        enum set_result result = set_add(set, settings, listpack_text(&pack, at, scratch));
        if (result != SET_ADDED) {
            set_destroy(set);
            return result == SET_THERE ? ERROR_SYNTAX : ERROR_OUT_OF_MEMORY;
        }
    }
    listpack_free(&pack);
    *made = set;
    return OK;
}

/* --- reading --- */

size_t set_length(const struct set *set)
{
    if (set->table != NULL)
        return set->table->count;
    return set->integers.bytes != NULL ? intset_count(&set->integers) : listpack_count(&set->pack);
}

bool set_has(const struct set *set, struct slice member)
{
    if (set->table != NULL)
        return packed_table_has(set->table, member);
    if (set->pack.bytes != NULL)
        return listpack_find(&set->pack, listpack_first(&set->pack), member, 0) != LISTPACK_END;
    int64_t integer;
    size_t index;
    return number_parse_int64(member, &integer) && intset_find(&set->integers, integer, &index);
}

bool set_next(const struct set *set, struct set_cursor *cursor, struct slice *member)
{
    if (set->table != NULL) {
        struct packed_element element;
        if (!packed_table_next(set->table, &cursor->place, &element))
            return false;
        *member = element.key;
        return true;
    }
    if (set->pack.bytes != NULL) {
        size_t at =
            cursor->at == 0 ? listpack_first(&set->pack) : listpack_next(&set->pack, cursor->at);
        if (cursor->at == LISTPACK_END || at == LISTPACK_END)
            return false;
        cursor->at = at;
        *member = listpack_text(&set->pack, at, cursor->scratch);
        return true;
    }
    if (cursor->at >= intset_count(&set->integers))
        return false;
    *member =
        slice_of(cursor->scratch,
                 number_format_int64(cursor->scratch, intset_get(&set->integers, cursor->at++)));
    return true;
}

struct scan {
    void (*visit)(void *context, struct slice member);
    void *context;
};

static void scan_visit(void *context, const struct packed_element *element)
{
    const struct scan *scan = context;
    scan->visit(scan->context, element->key);
}

uint64_t set_scan(const struct set *set, uint64_t cursor,
                  void (*visit)(void *context, struct slice member), void *context)
{
    if (set->table != NULL) {
        struct scan scan = {visit, context};
        return packed_table_scan(set->table, cursor, scan_visit, &scan);
    }
    struct set_cursor at = {.at = 0};
    struct slice member;
    while (set_next(set, &at, &member))
        visit(context, member);
    return 0;
}

bool set_pick(const struct set *set, uint64_t random, char *scratch, struct slice *member)
{
    if (set->table != NULL) {
        struct packed_element element;
        if (!packed_table_pick(set->table, random, &element))
            return false;
        *member = element.key;
        return true;
    }
    size_t length = set_length(set);
    if (length == 0)
        return false;
    size_t index = (size_t)((random >> 32) * length >> 32);
    if (set->pack.bytes != NULL)
        *member = listpack_text(&set->pack, listpack_seek(&set->pack, (int64_t)index), scratch);
    else
        *member =
            slice_of(scratch, number_format_int64(scratch, intset_get(&set->integers, index)));
    return true;
}

/* --- changing --- */

static enum set_result add_to_table(struct set *set, struct slice member)
{
    switch (packed_table_add(set->table, member)) {
    case PACKED_ADDED:
        return SET_ADDED;
    case PACKED_REPLACED:
        return SET_THERE;
    default:
        return SET_OUT_OF_MEMORY;
    }
}

static enum set_result add_to_listpack(struct set *set, const struct value_settings *settings,
                                       struct slice member)
{
    if (listpack_find(&set->pack, listpack_first(&set->pack), member, 0) != LISTPACK_END)
        return SET_THERE;
    if (fits_listpack(set, settings, member))
        return listpack_append(&set->pack, member) ? SET_ADDED : SET_OUT_OF_MEMORY;
    return become_table(set, settings) ? add_to_table(set, member) : SET_OUT_OF_MEMORY;
}

enum set_result set_add(struct set *set, const struct value_settings *settings, struct slice member)
{
    if (set->table != NULL)
        return add_to_table(set, member);
    if (set->pack.bytes != NULL)
        return add_to_listpack(set, settings, member);
    int64_t integer;
    size_t index;
    if (number_parse_int64(member, &integer)) {
        if (intset_find(&set->integers, integer, &index))
            return SET_THERE;
        if (intset_count(&set->integers) < settings->limits.set_integers_max)
            return intset_add(&set->integers, integer) ? SET_ADDED : SET_OUT_OF_MEMORY;
    }
    if (fits_listpack(set, settings, member))
        return become_listpack(set) ? add_to_listpack(set, settings, member) : SET_OUT_OF_MEMORY;
    return become_table(set, settings) ? add_to_table(set, member) : SET_OUT_OF_MEMORY;
}

bool set_remove(struct set *set, struct slice member)
{
    if (set->table != NULL)
        return packed_table_remove(set->table, member);
    if (set->pack.bytes != NULL) {
        size_t at = listpack_find(&set->pack, listpack_first(&set->pack), member, 0);
        if (at != LISTPACK_END)
            (void)listpack_remove(&set->pack, at, 1);
        return at != LISTPACK_END;
    }
    int64_t integer;
    size_t index;
    if (!number_parse_int64(member, &integer) || !intset_find(&set->integers, integer, &index))
        return false;
    intset_remove_at(&set->integers, index);
    return true;
}

/* --- value_kind --- */

static size_t length(const void *value)
{
    return set_length(value);
}

static const char *encoding(const void *value)
{
    const struct set *set = value;
    return set->table != NULL ? "hashtable" : set->pack.bytes != NULL ? "listpack" : "intset";
}

static size_t memory(const void *value, size_t samples)
{
    const struct set *set = value;
    (void)samples; /* the table keeps count */
    size_t own = memory_usable_size(set);
    if (set->table != NULL)
        return own + memory_usable_size(set->table) + set->table->memory;
    if (set->pack.bytes != NULL)
        return own + listpack_memory(&set->pack);
    return own + memory_usable_size(set->integers.bytes);
}

static void *copy(const void *value)
{
    const struct set *set = value;
    struct set *new = memory_allocate_zeroed(sizeof *new);
    bool good = true;
    if (set->table != NULL) {
        new->table = memory_allocate(sizeof *new->table);
        good = packed_table_copy(set->table, new->table);
    } else if (set->pack.bytes != NULL) {
        new->pack = listpack_copy(&set->pack);
        good = new->pack.bytes != NULL;
    } else {
        new->integers =
            intset_of(slice_of((const char *)set->integers.bytes, intset_size(&set->integers)));
        good = new->integers.bytes != NULL;
    }
    if (good)
        return new;
    memory_free(new->table);
    memory_free(new);
    return NULL;
}

static bool walk_begin(void *value, struct value_walk *walk)
{
    struct set *set = value;
    if (set->table == NULL || set->table->count <= VALUE_WALK_PARTS_MIN)
        return false;
    packed_table_walk_begin(set->table, walk);
    return true;
}

static bool walk_step(void *value, struct value_walk *walk)
{
    struct set *set = value;
    ASSERT(set->table->walk == walk);
    return packed_table_walk_step(set->table);
}

static void walk_end(void *value, struct value_walk *walk)
{
    struct set *set = value;
    ASSERT(set->table->walk == walk);
    packed_table_walk_end(set->table);
}

static bool fetch(struct value_fetch *fetch)
{
    const struct set *set = fetch->value;
    if (fetch->step > 0)
        return packed_table_fetch(set->table, fetch, fetch->step - 1);
    if (set->table != NULL) {
        prefetch(set->table);
        return true;
    }
    prefetch(set->pack.bytes != NULL ? (const void *)set->pack.bytes
                                     : (const void *)set->integers.bytes);
    return false;
}

const struct value_kind set_kind = {
    .name = "set",
    .length = length,
    .encoding = encoding,
    .memory = memory,
    .copy = copy,
    .free_some = free_some,
    .fetch = fetch,
    .walk_begin = walk_begin,
    .walk_step = walk_step,
    .walk_end = walk_end,
};

void set_check(const struct set *set)
{
    if (set->table != NULL) {
        packed_table_check(set->table);
    } else if (set->pack.bytes != NULL) {
        ASSERT(
            listpack_is_valid(slice_of((const char *)set->pack.bytes, listpack_size(&set->pack))));
    } else {
        ASSERT(intset_is_valid(
            slice_of((const char *)set->integers.bytes, intset_size(&set->integers))));
    }
}
