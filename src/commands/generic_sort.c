/* SORT: the elements of a list, set or sorted set in order, by themselves or by other keys. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/number.h"
#include "commands/collection.h"
#include "commands/tables.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/zset.h"

#define GETS_MAX 1024
#define SCORE_TEXT_MAX 400 /* bytes of a number */

struct sort_element {
    struct slice text;   /* its own copy */
    struct slice weight; /* with ALPHA: a copy, or (nothing there) data NULL */
    double score;
    size_t place; /* before sorting */
};

struct sort {
    bool descending, alpha, by_nothing, stores;
    struct slice by;       /* data NULL: by the elements themselves */
    int64_t offset, limit; /* limit -1: all */
    size_t gets[GETS_MAX]; /* arguments */
    size_t get_count;
    size_t store_at;
    struct sort_element *elements;
    size_t count;
    struct buffer texts; /* all copies */
    bool is_list;        /* ties of a list and of a sorted set: by bytes, unless by others */
};

/* --- parsing --- */

static bool parse(struct command_context *context, bool may_store, struct sort *sort)
{
    sort->limit = -1;
    for (size_t i = 2; i < context->count; i++) {
        struct slice word = context->arguments[i];
        size_t left = context->count - i - 1;
        if (slice_is_word(word, "ASC")) {
            sort->descending = false;
        } else if (slice_is_word(word, "DESC")) {
            sort->descending = true;
        } else if (slice_is_word(word, "ALPHA")) {
            sort->alpha = true;
        } else if (slice_is_word(word, "LIMIT") && left >= 2) {
            if (!command_integer(context, i + 1, &sort->offset) ||
                !command_integer(context, i + 2, &sort->limit))
                return false;
            i += 2;
        } else if (may_store && slice_is_word(word, "STORE") && left >= 1) {
            sort->stores = true;
            sort->store_at = ++i;
        } else if (slice_is_word(word, "BY") && left >= 1) {
            sort->by = context->arguments[++i];
            sort->by_nothing =
                sort->by.length == 0 || memchr(sort->by.data, '*', sort->by.length) == NULL;
        } else if (slice_is_word(word, "GET") && left >= 1 && sort->get_count < GETS_MAX) {
            sort->gets[sort->get_count++] = ++i;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

/* --- elements --- */

static bool add_element(struct sort *sort, struct slice text)
{
    size_t before = sort->texts.length;
    if (buffer_append(&sort->texts, text.data, text.length) != OK)
        return false;
    /* Positions until all are there: the buffer moves. */
    sort->elements[sort->count] = (struct sort_element){
        .text = {(const char *)(uintptr_t)before, text.length}, .place = sort->count};
    sort->count++;
    return true;
}

static bool collect_list(struct sort *sort, struct list_value *list)
{
    struct list_cursor cursor;
    bool more = list_value_seek(list, 0, &cursor), good = true;
    for (; more && good; more = list_cursor_next(&cursor)) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        good = add_element(sort, list_cursor_get(&cursor, scratch));
    }
    return good;
}

static bool collect_set(struct sort *sort, const struct set *set)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    while (set_next(set, &cursor, &member))
        if (!add_element(sort, member))
            return false;
    return true;
}

static bool collect_zset(struct sort *sort, const struct zset *zset)
{
    struct zset_cursor cursor;
    bool backward = sort->by_nothing && sort->descending, good = true;
    bool more = zset_seek(zset, backward ? zset_length(zset) - 1 : 0, &cursor);
    while (more && good) {
        double score;
        good = add_element(sort, zset_cursor_get(&cursor, &score));
        more = backward ? zset_cursor_previous(&cursor) : zset_cursor_next(&cursor);
    }
    return good;
}

/* False: answered. */
static bool collect(struct command_context *context, struct sort *sort)
{
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (entry == NULL)
        return true;
    if (entry->type != TYPE_LIST && entry->type != TYPE_SET && entry->type != TYPE_ZSET) {
        command_reply_wrong_type(context);
        return false;
    }
    const struct value_kind *kind = value_kind((enum value_type)entry->type);
    void *value = entry_collection(entry);
    sort->elements = memory_try_allocate(kind->length(value) * sizeof *sort->elements);
    sort->is_list = entry->type == TYPE_LIST;
    /* What is stored must not depend on the order in which a set happens to stand. */
    if (entry->type == TYPE_SET && sort->by_nothing && sort->stores) {
        sort->by_nothing = false;
        sort->alpha = true;
        sort->by = slice_of(NULL, 0);
    }
    bool good = sort->elements != NULL && (entry->type == TYPE_LIST  ? collect_list(sort, value)
                                           : entry->type == TYPE_SET ? collect_set(sort, value)
                                                                     : collect_zset(sort, value));
    if (!good) {
        command_reply_out_of_memory(context);
        return false;
    }
    for (size_t i = 0; i < sort->count; i++)
        sort->elements[i].text.data = sort->texts.data + (uintptr_t)sort->elements[i].text.data;
    return true;
}

/* --- other keys --- */

/* Room for the longest name that patterns and elements make. False: answered. */
static bool reserve_name(struct command_context *context, const struct sort *sort,
                         struct buffer *name)
{
    size_t pattern_max = sort->by.length, element_max = 0;
    for (size_t i = 0; i < sort->get_count; i++) {
        size_t length = context->arguments[sort->gets[i]].length;
        pattern_max = length > pattern_max ? length : pattern_max;
    }
    for (size_t i = 0; i < sort->count; i++) {
        size_t length = sort->elements[i].text.length;
        element_max = length > element_max ? length : element_max;
    }
    if (buffer_reserve(name, pattern_max + element_max) == OK)
        return true;
    command_reply_out_of_memory(context);
    return false;
}

/* What a pattern means for an element: `weight_*`, or a field of a hash `object_*->field`, or `#`.
 * False: there is no such thing. `scratch` is for numbers, `name` for the key's name: it has room
 * (reserve_name). */
static bool look_up(struct command_context *context, struct slice pattern, struct slice element,
                    struct buffer *name, char *scratch, struct slice *out)
{
    if (slice_equals(pattern, SLICE("#"))) {
        *out = element;
        return true;
    }
    const char *star = pattern.length > 0 ? memchr(pattern.data, '*', pattern.length) : NULL;
    if (star == NULL)
        return false;
    struct slice behind = slice_of(star + 1, pattern.length - (size_t)(star - pattern.data) - 1);
    struct slice field = {NULL, 0};
    for (size_t i = 0; i + 2 < behind.length; i++)
        if (behind.data[i] == '-' && behind.data[i + 1] == '>') {
            field = slice_of(behind.data + i + 2, behind.length - i - 2);
            behind.length = i;
            break;
        }
    buffer_clear(name);
    buffer_add(name, pattern.data, (size_t)(star - pattern.data));
    buffer_add(name, element.data, element.length);
    buffer_add(name, behind.data, behind.length);
    struct key key = {buffer_slice(name), keyspace_hash(context->keyspace, buffer_slice(name))};
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (entry == NULL)
        return false;
    if (field.data != NULL)
        return entry->type == TYPE_HASH && hash_get(entry_collection(entry), field, scratch, out);
    if (entry->type != TYPE_STRING)
        return false;
    *out = entry_string(entry, scratch);
    return true;
}

/* As strtod, which Redis uses: nothing at all is 0, and a zero byte ends it. */
static bool parse_score(struct slice text, double *score)
{
    char copy[SCORE_TEXT_MAX + 1], *end;
    if (text.length > SCORE_TEXT_MAX)
        return false;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    errno = 0;
    *score = strtod(copy, &end);
    return *end == '\0' && errno != ERANGE && !isnan(*score);
}

/* Fills in what is compared. False: answered. */
static bool weigh(struct command_context *context, struct sort *sort, struct buffer *name,
                  struct buffer *weights)
{
    bool good = true;
    for (size_t i = 0; i < sort->count && good; i++) {
        struct sort_element *element = &sort->elements[i];
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        struct slice weight = element->text;
        bool there = sort->by.data == NULL ||
                     look_up(context, sort->by, element->text, name, scratch, &weight);
        if (sort->alpha) {
            /* Positions, plus one so that 0 is none, until all are there. */
            element->weight = slice_of(NULL, 0);
            if (there) {
                element->weight =
                    slice_of((const char *)(uintptr_t)(weights->length + 1), weight.length);
                good = buffer_append(weights, weight.data, weight.length) == OK;
                if (!good)
                    command_reply_out_of_memory(context);
            }
        } else if (there && !parse_score(weight, &element->score)) {
            resp_writer_error(context->reply,
                              "ERR One or more scores can't be converted into double");
            good = false;
        }
    }
    for (size_t i = 0; sort->alpha && i < sort->count && good; i++)
        if (sort->elements[i].weight.data != NULL)
            sort->elements[i].weight.data =
                weights->data + (uintptr_t)sort->elements[i].weight.data - 1;
    return good;
}

/* --- ordering --- */

static int compare_bytes(struct slice a, struct slice b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare(const void *left, const void *right, void *context)
{
    const struct sort_element *a = left, *b = right;
    const struct sort *sort = context;
    int order;
    if (!sort->alpha)
        order = (a->score > b->score) - (a->score < b->score);
    else if (a->weight.data == NULL || b->weight.data == NULL)
        order = (a->weight.data != NULL) - (b->weight.data != NULL);
    else
        order = compare_bytes(a->weight, b->weight);
    if (order == 0 && !sort->alpha)
        order = compare_bytes(a->text, b->text); /* a set order, whatever the form of the value */
    if (order == 0)
        return (a->place > b->place) - (a->place < b->place);
    return sort->descending ? -order : order;
}

/* --- results --- */

struct output {
    size_t first, count; /* elements */
    struct buffer name;
};

static void reply_sorted(struct command_context *context, const struct sort *sort,
                         struct output *output)
{
    size_t each = sort->get_count > 0 ? sort->get_count : 1;
    resp_writer_array(context->reply, output->count * each);
    for (size_t i = output->first; i < output->first + output->count; i++) {
        if (sort->get_count == 0)
            resp_writer_bulk(context->reply, sort->elements[i].text);
        for (size_t g = 0; g < sort->get_count; g++) {
            char scratch[NUMBER_INTEGER_TEXT_MAX];
            struct slice found;
            if (look_up(context, context->arguments[sort->gets[g]], sort->elements[i].text,
                        &output->name, scratch, &found))
                resp_writer_bulk(context->reply, found);
            else
                resp_writer_null(context->reply);
        }
    }
}

static bool fill_list(struct command_context *context, const struct sort *sort,
                      struct output *output, struct list_value *list)
{
    const struct value_limits *limits = &collection_settings(context)->limits;
    for (size_t i = output->first; i < output->first + output->count; i++) {
        if (sort->get_count == 0 &&
            !list_value_push(list, limits, LIST_TAIL, sort->elements[i].text))
            return false;
        for (size_t g = 0; g < sort->get_count; g++) {
            char scratch[NUMBER_INTEGER_TEXT_MAX];
            struct slice found;
            if (!look_up(context, context->arguments[sort->gets[g]], sort->elements[i].text,
                         &output->name, scratch, &found))
                found = slice_of("", 0);
            if (!list_value_push(list, limits, LIST_TAIL, found))
                return false;
        }
    }
    return true;
}

static void store_sorted(struct command_context *context, const struct sort *sort,
                         struct output *output)
{
    struct slice name = context->arguments[sort->store_at];
    struct collection to = {.database = context->database,
                            .key = {name, keyspace_hash(context->keyspace, name)}};
    struct list_value *list = list_value_create();
    if (!fill_list(context, sort, output, list)) {
        list_value_destroy(list);
        command_reply_out_of_memory(context);
        return;
    }
    size_t length = list_value_length(list);
    if (length == 0) {
        list_value_destroy(list);
        if (database_delete(to.database, &to.key))
            collection_changed(context, &to, EVENT_GENERIC, "del");
    } else if (collection_create(context, &to, TYPE_LIST, list)) {
        collection_changed(context, &to, EVENT_LIST, "sortstore");
    } else {
        list_value_destroy(list);
        return;
    }
    resp_writer_integer(context->reply, (int64_t)length);
}

static void find_range(const struct sort *sort, struct output *output)
{
    int64_t count = (int64_t)sort->count;
    int64_t start = sort->offset < 0 ? 0 : sort->offset > count ? count : sort->offset;
    int64_t limit = sort->limit < 0 || sort->limit > count - start ? count - start : sort->limit;
    output->first = (size_t)start;
    output->count = (size_t)limit;
}

static void run(struct command_context *context, bool may_store)
{
    struct sort *sort = memory_allocate_zeroed(sizeof *sort);
    struct buffer weights = {NULL, 0, 0};
    struct output output = {0, 0, {NULL, 0, 0}};
    if (parse(context, may_store, sort) && collect(context, sort) &&
        reserve_name(context, sort, &output.name) &&
        (sort->by_nothing || weigh(context, sort, &output.name, &weights))) {
        if (!sort->by_nothing && sort->count > 1)
            qsort_r(sort->elements, sort->count, sizeof *sort->elements, compare, sort);
        find_range(sort, &output);
        if (sort->stores)
            store_sorted(context, sort, &output);
        else
            reply_sorted(context, sort, &output);
    }
    buffer_deinit(&weights);
    buffer_deinit(&output.name);
    buffer_deinit(&sort->texts);
    memory_free(sort->elements);
    memory_free(sort);
}

static void sort(struct command_context *context)
{
    run(context, true);
}

static void sort_ro(struct command_context *context)
{
    run(context, false);
}

/* The key, and behind STORE the one that is written. */
static size_t find_sort_keys(const struct slice *arguments, size_t count,
                             struct key_position *positions, size_t max)
{
    static const struct {
        const char *word;
        size_t skipped;
    } options[] = {{"LIMIT", 2}, {"GET", 1}, {"BY", 1}};
    size_t found = 1, store = 0;
    if (count < 2)
        return COMMAND_KEYS_ERROR;
    if (max > 0)
        positions[0] = (struct key_position){1, KEY_RO | KEY_ACCESS};
    for (size_t i = 2; i < count; i++) {
        if (slice_is_word(arguments[i], "STORE") && i + 1 < count)
            store = ++i;
        for (size_t o = 0; o < sizeof options / sizeof options[0]; o++)
            if (slice_is_word(arguments[i], options[o].word)) {
                i += options[o].skipped;
                break;
            }
    }
    if (store > 0 && found++ < max)
        positions[1] = (struct key_position){store, KEY_OW | KEY_UPDATE};
    return found;
}

const struct command generic_sort_commands[] = {
    {
        .name = "SORT",
        .run = sort,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_LIST | CATEGORY_SET | CATEGORY_SORTED_SET | CATEGORY_DANGEROUS,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS),
                 {.find = KEY_FIND_UNKNOWN, .flags = KEY_RO | KEY_ACCESS},
                 {.find = KEY_FIND_UNKNOWN, .flags = KEY_OW | KEY_UPDATE}},
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern "
                  "...]] [ASC|DESC] [ALPHA] [STORE destination]",
        .summary = "Returns or stores the elements of a list, set or sorted set in order.",
        .complexity = "O(N*log N) for N elements",
        .find_keys = find_sort_keys,
    },
    {
        .name = "SORT_RO",
        .run = sort_ro,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_LIST | CATEGORY_SET | CATEGORY_SORTED_SET | CATEGORY_DANGEROUS,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS),
                 {.find = KEY_FIND_UNKNOWN, .flags = KEY_RO | KEY_ACCESS}},
        .group = "generic",
        .since = "7.0.0",
        .syntax = "key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern "
                  "...]] [ASC|DESC] [ALPHA]",
        .summary = "Returns the elements of a list, set or sorted set in order.",
        .complexity = "O(N*log N) for N elements",
    },
    {.name = NULL},
};
