#include "support/list_walk_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/stream_random.h"

void list_walk_record_expect(struct list_walk_record *record, struct slice key, struct slice value,
                             bool is_plain)
{
    record->parts = memory_resize(record->parts, (record->count + 1) * sizeof *record->parts);
    record->parts[record->count++] = (struct list_walk_part){
        .key = stream_random_copy(key), .value = stream_random_copy(value), .is_plain = is_plain};
}

static void take(void *context, const struct value_part *part)
{
    struct list_walk_record *record = context;
    size_t place = part->key.length == 0 ? record->seen : 0;
    while (place < record->count && !slice_equals(record->parts[place].key, part->key))
        place++;
    assert_in_range(place, 0, record->count - 1);
    struct list_walk_part *expected = &record->parts[place];
    assert_false(expected->seen);
    assert_int_equal(part->is_plain, expected->is_plain);
    assert_true(slice_equals(part->value, expected->value));
    expected->seen = true;
    record->seen++;
}

static void forget(struct list_walk_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        stream_random_free(record->parts[i].key);
        stream_random_free(record->parts[i].value);
    }
    memory_free(record->parts);
    *record = (struct list_walk_record){.is_walking = false};
}

bool list_walk_record_begin(struct list_walk_record *record, const struct value_kind *kind,
                            void *value)
{
    record->walk = (struct value_walk){.context = record, .take = take};
    record->is_walking = kind->walk_begin(value, &record->walk);
    if (record->is_walking)
        assert_int_equal(record->walk.parts, record->count);
    else
        forget(record);
    return record->is_walking;
}

void list_walk_record_step(struct list_walk_record *record, const struct value_kind *kind,
                           void *value)
{
    if (kind->walk_step(value, &record->walk))
        return;
    assert_int_equal(record->seen, record->count);
    list_walk_record_end(record, kind, value);
}

void list_walk_record_end(struct list_walk_record *record, const struct value_kind *kind,
                          void *value)
{
    if (!record->is_walking)
        return;
    kind->walk_end(value, &record->walk);
    forget(record);
}
