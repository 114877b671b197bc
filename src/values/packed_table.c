#include "values/packed_table.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "base/tag_match.h"
#include "values/value_fetch.h"
#include "values/value_walk.h"

#define SLOTS_MAX 64 /* elements of a page */
#define SLOTS_STEP TAG_MATCH_COUNT
#define BYTES_MAX 4096 /* of a page that can still be split */
#define DEPTH_MAX 40
#define MERGE_SLOTS 24 /* two pages with so few elements together become one */
#define MERGE_BYTES 1024
#define FREE_PAGES 8 /* by one packed_table_free_some */

/* header | tags (slots) | offsets (2 * slots) | elements */
struct packed_page {
    uint8_t depth; /* bits of hash that its elements share */
    uint8_t slots; /* there is room for: a multiple of SLOTS_STEP */
    uint8_t count; /* used, from the first on */
    uint8_t unused;
    uint16_t end;     /* of the elements' bytes, from the page's start */
    uint16_t garbage; /* bytes among them that belong to nobody */
    unsigned char data[];
};

/* The first byte of an element: the epoch in the high half. Then the key's length, if it has a
 * value the value's (each 1 byte, or 2 with the high bit), key, value. Large: a pointer. */
enum element_flag { ELEMENT_LARGE = 1, ELEMENT_VALUED = 2 };
#define EPOCH_SHIFT 4

struct large_element {
    size_t key_length, value_length;
    char data[];
};

/* --- elements --- */

struct element {
    struct slice key, value;
    struct large_element *large; /* NULL: it stands in the page */
    size_t size;                 /* bytes in the page */
};

static size_t length_size(size_t length)
{
    return length < 128 ? 1 : 2;
}

static unsigned char *put_length(unsigned char *at, size_t length)
{
    if (length < 128) {
        *at = (unsigned char)length;
        return at + 1;
    }
    at[0] = (unsigned char)(128 | length >> 8);
    at[1] = (unsigned char)length;
    return at + 2;
}

static const unsigned char *get_length(const unsigned char *at, size_t *length)
{
    *length = at[0];
    if (LIKELY(at[0] < 128))
        return at + 1;
    *length = (size_t)(at[0] & 127) << 8 | at[1];
    return at + 2;
}

static struct element decode(const unsigned char *at)
{
    struct element element = {.large = NULL};
    if (UNLIKELY(*at & ELEMENT_LARGE)) {
        memcpy(&element.large, at + 1, sizeof element.large);
        element.key = slice_of(element.large->data, element.large->key_length);
        element.value =
            slice_of(element.large->data + element.large->key_length, element.large->value_length);
        element.size = 1 + sizeof element.large;
        return element;
    }
    const unsigned char *start = at;
    size_t key_length, value_length = 0;
    at = get_length(at + 1, &key_length);
    if (*start & ELEMENT_VALUED)
        at = get_length(at, &value_length);
    element.key = slice_of((const char *)at, key_length);
    element.value = slice_of((const char *)at + key_length, value_length);
    element.size = (size_t)(at - start) + key_length + value_length;
    return element;
}

/* What it takes in a page. */
static size_t element_size(struct slice key, const struct slice *value)
{
    size_t value_length = value != NULL ? value->length : 0;
    if (key.length + value_length > PACKED_ELEMENT_MAX)
        return 1 + sizeof(struct large_element *);
    return 1 + length_size(key.length) + (value != NULL ? length_size(value_length) : 0) +
           key.length + value_length;
}

static void copy_bytes(void *to, struct slice from)
{
    if (from.length > 0)
        memcpy(to, from.data, from.length);
}

/* The block of a large element; NULL: it is not large. False: memory is out. */
static bool make_large(struct packed_table *table, struct slice key, const struct slice *value,
                       struct large_element **out)
{
    size_t value_length = value != NULL ? value->length : 0;
    *out = NULL;
    if (key.length + value_length <= PACKED_ELEMENT_MAX)
        return true;
    struct large_element *large = memory_try_allocate(sizeof *large + key.length + value_length);
    if (large == NULL)
        return false;
    large->key_length = key.length;
    large->value_length = value_length;
    copy_bytes(large->data, key);
    if (value != NULL)
        copy_bytes(large->data + key.length, *value);
    table->memory += memory_usable_size(large);
    *out = large;
    return true;
}

static void free_large(struct packed_table *table, struct large_element *large)
{
    if (large == NULL)
        return;
    table->memory -= memory_usable_size(large);
    memory_free(large);
}

static void encode(unsigned char *at, uint8_t epoch, struct slice key, const struct slice *value,
                   struct large_element *large)
{
    unsigned flags = (unsigned)epoch << EPOCH_SHIFT | (large != NULL ? ELEMENT_LARGE : 0u) |
                     (value != NULL ? ELEMENT_VALUED : 0u);
    *at++ = (unsigned char)flags;
    if (large != NULL) {
        memcpy(at, &large, sizeof large);
        return;
    }
    at = put_length(at, key.length);
    if (value != NULL)
        at = put_length(at, value->length);
    copy_bytes(at, key);
    if (value != NULL)
        copy_bytes(at + key.length, *value);
}

/* --- pages --- */

static size_t page_head(unsigned slots)
{
    return sizeof(struct packed_page) + 3 * (size_t)slots;
}

static unsigned char *page_bytes(const struct packed_page *page)
{
    return (unsigned char *)(uintptr_t)page;
}

static unsigned page_offset(const struct packed_page *page, unsigned slot)
{
    uint16_t offset;
    memcpy(&offset, page->data + page->slots + 2 * slot, sizeof offset);
    return offset;
}

static void page_set_offset(struct packed_page *page, unsigned slot, size_t offset)
{
    uint16_t narrow = (uint16_t)offset;
    memcpy(page->data + page->slots + 2 * slot, &narrow, sizeof narrow);
}

static unsigned char *page_element(const struct packed_page *page, unsigned slot)
{
    return page_bytes(page) + page_offset(page, slot);
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)hash;
}

/* A bit for each slot in use from `first` to `first` + 15 that has this tag. */
static unsigned page_match(const struct packed_page *page, unsigned first, uint8_t tag)
{
    unsigned match = tag_match(page->data + first, tag);
    if (page->count - first < SLOTS_STEP)
        match &= (1u << (page->count - first)) - 1;
    return match;
}

static bool page_find(const struct packed_page *page, uint64_t hash, struct slice key,
                      unsigned *slot, struct element *element)
{
    for (unsigned first = 0; first < page->count; first += SLOTS_STEP) {
        for (unsigned match = page_match(page, first, tag_of(hash)); match != 0;
             match &= match - 1) {
            *slot = first + (unsigned)__builtin_ctz(match);
            *element = decode(page_element(page, *slot));
            if (slice_equals(element->key, key))
                return true;
        }
    }
    return false;
}

/* An empty page for `count` elements of `bytes` bytes. NULL: memory is out. */
static struct packed_page *page_create(struct packed_table *table, unsigned depth, unsigned count,
                                       size_t bytes)
{
    unsigned slots = (count + SLOTS_STEP - 1) / SLOTS_STEP * SLOTS_STEP;
    slots = slots == 0 ? SLOTS_STEP : slots;
    struct packed_page *page = memory_try_allocate(page_head(slots) + bytes);
    if (page == NULL)
        return NULL;
    *page =
        (struct packed_page){(uint8_t)depth, (uint8_t)slots, 0, 0, (uint16_t)page_head(slots), 0};
    memset(page->data, 0, slots);
    table->memory += memory_usable_size(page);
    return page;
}

static void page_free(struct packed_table *table, struct packed_page *page)
{
    table->memory -= memory_usable_size(page);
    memory_free(page);
}

/* There must be room. */
static unsigned char *page_append(struct packed_page *page, uint8_t tag, size_t size)
{
    unsigned slot = page->count++;
    unsigned char *at = page_bytes(page) + page->end;
    page->data[slot] = tag;
    page_set_offset(page, slot, page->end);
    page->end = (uint16_t)(page->end + size);
    return at;
}

static void page_append_copy(struct packed_page *to, const struct packed_page *from, unsigned slot)
{
    const unsigned char *at = page_element(from, slot);
    size_t size = decode(at).size;
    memcpy(page_append(to, from->data[slot], size), at, size);
}

static size_t page_used(const struct packed_page *page)
{
    return page->end - page_head(page->slots) - page->garbage;
}

/* --- the directory --- */

static size_t word_of(const struct packed_table *table, uint64_t hash)
{
    return (size_t)(hash >> 1 >> (63 - table->depth));
}

static void directory_set(struct packed_table *table, uint64_t hash, struct packed_page *page)
{
    size_t words = (size_t)1 << (table->depth - page->depth);
    size_t first = word_of(table, hash) & ~(words - 1);
    for (size_t i = 0; i < words; i++)
        table->directory[first + i] = page;
}

static bool directory_resize(struct packed_table *table, size_t words)
{
    size_t before = memory_usable_size(table->directory);
    struct packed_page **directory = memory_try_resize(table->directory, words * sizeof *directory);
    if (directory == NULL)
        return false;
    table->memory += memory_usable_size(directory) - before;
    table->directory = directory;
    return true;
}

static bool directory_double(struct packed_table *table)
{
    size_t words = (size_t)1 << table->depth;
    if (!directory_resize(table, 2 * words))
        return false;
    for (size_t i = words; i-- > 0;)
        table->directory[2 * i] = table->directory[2 * i + 1] = table->directory[i];
    table->depth++;
    table->deepest = 0;
    return true;
}

/* As far as the pages allow: a directory much wider than these costs memory, and tries to pick. */
static void directory_narrow(struct packed_table *table)
{
    while (table->deepest == 0) {
        table->depth--;
        for (size_t i = 0; i < (size_t)1 << table->depth; i++) {
            table->directory[i] = table->directory[2 * i];
            table->deepest += table->directory[i]->depth == table->depth;
        }
    }
    (void)directory_resize(table, (size_t)1 << table->depth); /* or it keeps the room */
}

static uint64_t slot_hash(const struct packed_table *table, const struct packed_page *page,
                          unsigned slot)
{
    struct element element = decode(page_element(page, slot));
    return hash_bytes(&table->seed, element.key.data, element.key.length);
}

/* Moves a page into a block with room for one element more of `size` bytes. */
static struct packed_page *page_rebuild(struct packed_table *table, uint64_t hash,
                                        struct packed_page *page, size_t size)
{
    size_t bytes = page_used(page) + size;
    struct packed_page *larger =
        page_create(table, page->depth, page->count + 1u, bytes + bytes / 16);
    if (larger == NULL)
        return NULL;
    for (unsigned slot = 0; slot < page->count; slot++)
        page_append_copy(larger, page, slot);
    directory_set(table, hash, larger);
    page_free(table, page);
    return larger;
}

/* False: memory is out, everything is as before. */
static bool page_split(struct packed_table *table, uint64_t hash, struct packed_page *page)
{
    uint64_t hashes[SLOTS_MAX];
    unsigned depth = page->depth + 1u, counts[2] = {0, 0};
    size_t bytes[2] = {0, 0};
    if (page->depth == table->depth && !directory_double(table))
        return false;
    for (unsigned slot = 0; slot < page->count; slot++) {
        hashes[slot] = slot_hash(table, page, slot);
        unsigned high = (unsigned)(hashes[slot] >> (64 - depth)) & 1;
        counts[high]++;
        bytes[high] += decode(page_element(page, slot)).size;
    }
    struct packed_page *halves[2];
    for (int i = 0; i < 2; i++)
        halves[i] = page_create(table, depth, counts[i], bytes[i]);
    if (halves[0] == NULL || halves[1] == NULL) {
        for (int i = 0; i < 2; i++)
            if (halves[i] != NULL)
                page_free(table, halves[i]);
        return false;
    }
    for (unsigned slot = 0; slot < page->count; slot++)
        page_append_copy(halves[hashes[slot] >> (64 - depth) & 1], page, slot);
    uint64_t high_bit = UINT64_C(1) << (64 - depth);
    directory_set(table, hash & ~high_bit, halves[0]);
    directory_set(table, hash | high_bit, halves[1]);
    table->deepest += depth == table->depth ? 2 : 0;
    page_free(table, page);
    return true;
}

/* The page for `hash`, with room for an element of `size` bytes. NULL: memory is out. */
static struct packed_page *page_with_room(struct packed_table *table, uint64_t hash, size_t size)
{
    for (;;) {
        struct packed_page *page = table->directory[word_of(table, hash)];
        if (page->count < page->slots && page->end + size <= memory_usable_size(page))
            return page;
        bool full =
            page->count == SLOTS_MAX || (page_used(page) + size > BYTES_MAX && page->count >= 2);
        ASSERT(page->depth < DEPTH_MAX);
        if (!full)
            return page_rebuild(table, hash, page, size);
        if (!page_split(table, hash, page))
            return NULL;
    }
}

/* Two neighbours that became small become one. */
static void page_merge(struct packed_table *table, uint64_t hash)
{
    struct packed_page *page = table->directory[word_of(table, hash)];
    if (page->depth == 0)
        return;
    uint64_t bit = UINT64_C(1) << (64 - page->depth);
    struct packed_page *other = table->directory[word_of(table, hash ^ bit)];
    if (other->depth != page->depth || page->count + other->count > MERGE_SLOTS ||
        page_used(page) + page_used(other) > MERGE_BYTES)
        return;
    struct packed_page *merged = page_create(table, page->depth - 1u, page->count + other->count,
                                             page_used(page) + page_used(other));
    if (merged == NULL)
        return; /* it stays as it is */
    for (unsigned slot = 0; slot < page->count; slot++)
        page_append_copy(merged, page, slot);
    for (unsigned slot = 0; slot < other->count; slot++)
        page_append_copy(merged, other, slot);
    directory_set(table, hash, merged);
    table->deepest -= page->depth == table->depth ? 2 : 0;
    page_free(table, page);
    page_free(table, other);
    directory_narrow(table);
}

/* --- life --- */

void packed_table_init(struct packed_table *table, const struct hash_seed *seed)
{
    *table = (struct packed_table){.seed = *seed};
}

static bool create_first(struct packed_table *table)
{
    if (LIKELY(table->directory != NULL))
        return true;
    struct packed_page **directory = memory_allocate(sizeof *directory);
    directory[0] = page_create(table, 0, 0, 64);
    if (directory[0] == NULL) {
        memory_free(directory);
        return false;
    }
    table->memory += memory_usable_size(directory);
    table->directory = directory;
    table->deepest = 1;
    return true;
}

static size_t page_words(const struct packed_table *table, const struct packed_page *page)
{
    return (size_t)1 << (table->depth - page->depth);
}

bool packed_table_free_some(struct packed_table *table)
{
    size_t words = table->directory == NULL ? 0 : (size_t)1 << table->depth;
    for (int i = 0; i < FREE_PAGES && table->drained < words; i++) {
        struct packed_page *page = table->directory[table->drained];
        for (unsigned slot = 0; slot < page->count; slot++)
            free_large(table, decode(page_element(page, slot)).large);
        table->count -= page->count;
        table->drained += page_words(table, page);
        page_free(table, page);
    }
    if (table->drained < words)
        return false;
    memory_free(table->directory);
    table->directory = NULL;
    return true;
}

void packed_table_deinit(struct packed_table *table)
{
    while (!packed_table_free_some(table))
        ;
}

bool packed_table_copy(const struct packed_table *table, struct packed_table *to)
{
    struct packed_cursor cursor = {0, 0};
    struct packed_element element;
    packed_table_init(to, &table->seed);
    while (packed_table_next(table, &cursor, &element)) {
        const struct packed_page *page = table->directory[cursor.word];
        bool valued = *page_element(page, cursor.slot - 1) & ELEMENT_VALUED;
        enum packed_result result = valued ? packed_table_set(to, element.key, element.value)
                                           : packed_table_add(to, element.key);
        if (result == PACKED_OUT_OF_MEMORY) {
            packed_table_deinit(to);
            return false;
        }
    }
    return true;
}

/* --- finding --- */

uint64_t packed_table_hash(const struct packed_table *table, struct slice key)
{
    return hash_bytes(&table->seed, key.data, key.length);
}

bool packed_table_find(const struct packed_table *table, struct slice key, struct slice *value)
{
    if (table->directory == NULL)
        return false;
    unsigned slot;
    struct element element;
    uint64_t hash = packed_table_hash(table, key);
    if (!page_find(table->directory[word_of(table, hash)], hash, key, &slot, &element))
        return false;
    *value = element.value;
    return true;
}

bool packed_table_fetch(const struct packed_table *table, struct value_fetch *fetch, unsigned step)
{
    if (table->directory == NULL)
        return false;
    if (step == 0) {
        fetch->hash = packed_table_hash(table, fetch->member);
        prefetch(&table->directory[word_of(table, fetch->hash)]);
        return true;
    }
    const struct packed_page *page = table->directory[word_of(table, fetch->hash)];
    const unsigned char *bytes = (const unsigned char *)page;
    if (step == 1) {
        prefetch_bytes(bytes, page_head(SLOTS_MAX));
        return true;
    }
    for (unsigned first = 0; first < page->count; first += SLOTS_STEP)
        for (unsigned match = page_match(page, first, tag_of(fetch->hash)); match != 0;
             match &= match - 1) {
            bytes = page_element(page, first + (unsigned)__builtin_ctz(match));
            prefetch(bytes);
            prefetch(bytes + PREFETCH_LINE / 2);
        }
    return false;
}

bool packed_table_has(const struct packed_table *table, struct slice key)
{
    struct slice value;
    return packed_table_find(table, key, &value);
}

/* --- changing --- */

/* To the walk, if there is one that has not had it. */
static void hand_out(struct packed_table *table, unsigned char *at)
{
    if (LIKELY(table->walk == NULL) || *at >> EPOCH_SHIFT == table->epoch)
        return;
    struct element element = decode(at);
    struct value_part part = {
        .key = element.key, .value = element.value, .deadline_ms = VALUE_NO_DEADLINE};
    table->walk->take(table->walk->context, &part);
    *at = (unsigned char)((*at & ((1 << EPOCH_SHIFT) - 1)) | table->epoch << EPOCH_SHIFT);
}

/* The element of `slot` loses its bytes; the last slot takes its place. */
static void page_drop(struct packed_table *table, struct packed_page *page, unsigned slot)
{
    struct element element = decode(page_element(page, slot));
    free_large(table, element.large);
    page->garbage = (uint16_t)(page->garbage + element.size);
    unsigned last = --page->count;
    page->data[slot] = page->data[last];
    page_set_offset(page, slot, page_offset(page, last));
}

static enum packed_result add_new(struct packed_table *table, uint64_t hash, struct slice key,
                                  const struct slice *value)
{
    struct large_element *large;
    if (!make_large(table, key, value, &large))
        return PACKED_OUT_OF_MEMORY;
    size_t size = element_size(key, value);
    struct packed_page *page = page_with_room(table, hash, size);
    if (page == NULL) {
        free_large(table, large);
        return PACKED_OUT_OF_MEMORY;
    }
    encode(page_append(page, tag_of(hash), size), table->epoch, key, value, large);
    return PACKED_ADDED;
}

static enum packed_result put(struct packed_table *table, struct slice key,
                              const struct slice *value)
{
    unsigned slot;
    struct element old;
    if (!create_first(table))
        return PACKED_OUT_OF_MEMORY;
    uint64_t hash = packed_table_hash(table, key);
    struct packed_page *page = table->directory[word_of(table, hash)];
    if (!page_find(page, hash, key, &slot, &old)) {
        enum packed_result result = add_new(table, hash, key, value);
        table->count += result == PACKED_ADDED;
        return result;
    }
    if (value == NULL)
        return PACKED_REPLACED;
    hand_out(table, page_element(page, slot));
    size_t size = element_size(key, value);
    if (old.large == NULL && size == old.size && old.value.length == value->length) {
        copy_bytes((char *)(uintptr_t)old.value.data, *value);
        return PACKED_REPLACED;
    }
    /* The new one first: then nothing has happened if memory is out. */
    enum packed_result result = add_new(table, hash, key, value);
    if (result != PACKED_ADDED)
        return result;
    page = table->directory[word_of(table, hash)];
    bool found = page_find(page, hash, key, &slot, &old); /* the older one: its slot is lower */
    ASSERT(found);
    page_drop(table, page, slot);
    return PACKED_REPLACED;
}

enum packed_result packed_table_set(struct packed_table *table, struct slice key,
                                    struct slice value)
{
    return put(table, key, &value);
}

enum packed_result packed_table_add(struct packed_table *table, struct slice key)
{
    return put(table, key, NULL);
}

bool packed_table_remove(struct packed_table *table, struct slice key)
{
    unsigned slot;
    struct element element;
    if (table->directory == NULL)
        return false;
    uint64_t hash = packed_table_hash(table, key);
    struct packed_page *page = table->directory[word_of(table, hash)];
    if (!page_find(page, hash, key, &slot, &element))
        return false;
    hand_out(table, page_element(page, slot));
    page_drop(table, page, slot);
    table->count--;
    if (page->count + 0u < MERGE_SLOTS / 2 && page->depth > 0)
        page_merge(table, hash);
    else if (page->garbage > page_used(page) && page->garbage > 64)
        (void)page_rebuild(table, hash, page, 0); /* if there is no memory it stays */
    return true;
}

/* --- visiting --- */

bool packed_table_next(const struct packed_table *table, struct packed_cursor *cursor,
                       struct packed_element *element)
{
    size_t words = table->directory == NULL ? 0 : (size_t)1 << table->depth;
    while (cursor->word < words) {
        const struct packed_page *page = table->directory[cursor->word];
        if (cursor->slot < page->count) {
            struct element found = decode(page_element(page, cursor->slot++));
            *element = (struct packed_element){found.key, found.value};
            return true;
        }
        cursor->word += page_words(table, page);
        cursor->slot = 0;
    }
    return false;
}

/* The position behind a page that holds position `cursor`; 0: there is none. */
static uint64_t behind_page(uint64_t cursor, const struct packed_page *page)
{
    unsigned shift = PACKED_POSITION_BITS - page->depth;
    return ((cursor >> shift) + 1) << shift & ((UINT64_C(1) << PACKED_POSITION_BITS) - 1);
}

static struct packed_page *page_at(const struct packed_table *table, uint64_t cursor)
{
    return table->directory[word_of(table, cursor << (64 - PACKED_POSITION_BITS))];
}

uint64_t packed_table_scan(const struct packed_table *table, uint64_t cursor,
                           void (*visit)(void *context, const struct packed_element *element),
                           void *context)
{
    if (table->directory == NULL)
        return 0;
    cursor &= (UINT64_C(1) << PACKED_POSITION_BITS) - 1;
    const struct packed_page *page = page_at(table, cursor);
    bool whole = cursor << (64 - PACKED_POSITION_BITS) << page->depth == 0;
    for (unsigned slot = 0; slot < page->count; slot++) {
        struct element found = decode(page_element(page, slot));
        /* After a merge a part of the page was visited before. */
        if (!whole && slot_hash(table, page, slot) >> (64 - PACKED_POSITION_BITS) < cursor)
            continue;
        struct packed_element element = {found.key, found.value};
        visit(context, &element);
    }
    return behind_page(cursor, page);
}

bool packed_table_pick(const struct packed_table *table, uint64_t random,
                       struct packed_element *element)
{
    if (table->count == 0)
        return false;
    const struct packed_page *page = table->directory[word_of(table, random)];
    /* A page comes up as often as words name it: its slots are picked as if it had SLOTS_MAX for
     * each of them, so every element is equally likely. */
    uint64_t space = (uint64_t)SLOTS_MAX << (table->depth - page->depth);
    uint64_t slot = (random * UINT64_C(0x9e3779b97f4a7c15) >> 32) * space >> 32;
    if (table->depth == 0)
        slot = (random >> 32) * page->count >> 32;
    if (slot >= page->count)
        return false;
    struct element found = decode(page_element(page, (unsigned)slot));
    *element = (struct packed_element){found.key, found.value};
    return true;
}

/* --- walks --- */

void packed_table_walk_begin(struct packed_table *table, struct value_walk *walk)
{
    ASSERT(table->walk == NULL);
    table->walk = walk;
    table->epoch = VALUE_EPOCH_NEXT(table->epoch);
    walk->parts = table->count;
    walk->cursor = 0;
    walk->position = table->directory; /* NULL: there is nothing (more) to walk */
}

bool packed_table_walk_step(struct packed_table *table)
{
    struct value_walk *walk = table->walk;
    for (int pages = 0; pages < 2 && walk->position != NULL; pages++) {
        struct packed_page *page = page_at(table, walk->cursor);
        for (unsigned slot = 0; slot < page->count; slot++)
            hand_out(table, page_element(page, slot));
        walk->cursor = behind_page(walk->cursor, page);
        if (walk->cursor == 0)
            walk->position = NULL;
    }
    table->walks_unfinished = walk->position != NULL ? table->walks_unfinished : 0;
    return walk->position != NULL;
}

void packed_table_leave_to_walk(struct packed_table *table, struct slice key)
{
    unsigned slot;
    struct element element;
    uint64_t hash = packed_table_hash(table, key);
    if (table->walk == NULL || table->directory == NULL)
        return;
    struct packed_page *page = table->directory[word_of(table, hash)];
    if (page_find(page, hash, key, &slot, &element))
        hand_out(table, page_element(page, slot));
}

/* Too many walks in a row were broken off: elements with the oldest epoch would look seen. */
static void bring_up_to_date(struct packed_table *table)
{
    for (size_t word = 0; word < (size_t)1 << table->depth;) {
        struct packed_page *page = table->directory[word];
        for (unsigned slot = 0; slot < page->count; slot++) {
            unsigned char *at = page_element(page, slot);
            *at = (unsigned char)((*at & ((1 << EPOCH_SHIFT) - 1)) | table->epoch << EPOCH_SHIFT);
        }
        word += page_words(table, page);
    }
}

void packed_table_walk_end(struct packed_table *table)
{
    bool unfinished = table->walk->position != NULL;
    table->walk = NULL;
    if (unfinished && ++table->walks_unfinished >= VALUE_EPOCHS - 2) {
        bring_up_to_date(table);
        table->walks_unfinished = 0;
    }
}

/* --- checking --- */

void packed_table_check(const struct packed_table *table)
{
    size_t count = 0, deepest = 0;
    size_t words = table->directory == NULL ? 0 : (size_t)1 << table->depth;
    for (size_t word = 0; word < words;) {
        const struct packed_page *page = table->directory[word];
        size_t bytes = 0;
        deepest += page->depth == table->depth;
        ASSERT(page->depth <= table->depth && word % page_words(table, page) == 0);
        for (size_t i = 0; i < page_words(table, page); i++)
            ASSERT(table->directory[word + i] == page);
        for (unsigned slot = 0; slot < page->count; slot++) {
            struct element element = decode(page_element(page, slot)), found;
            uint64_t hash = slot_hash(table, page, slot);
            unsigned at;
            ASSERT(page->data[slot] == tag_of(hash));
            ASSERT(table->directory[word_of(table, hash)] == page);
            ASSERT(page_find(page, hash, element.key, &at, &found) && at == slot);
            bytes += element.size;
        }
        ASSERT(bytes == page_used(page) && page->end <= memory_usable_size(page));
        count += page->count;
        word += page_words(table, page);
    }
    ASSERT(count == table->count && deepest == table->deepest);
}
