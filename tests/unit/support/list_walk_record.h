/* A walk (values/value_walk.h) of a value in blocks, and whether it hands out what was there when
 * it began: each block once, byte for byte. */
#ifndef HOLDFAST_SUPPORT_LIST_WALK_RECORD_H
#define HOLDFAST_SUPPORT_LIST_WALK_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "values/value.h"
#include "values/value_walk.h"

struct list_walk_part {
    struct slice key, value;
    bool is_plain, seen;
};

/* All zero is the start: no walk. */
struct list_walk_record {
    struct value_walk walk;
    bool is_walking;
    struct list_walk_part *parts; /* that must come: by place, or by key if they have one */
    size_t count, seen;
};

/* Before the walk begins: the next block there is. */
void list_walk_record_expect(struct list_walk_record *record, struct slice key, struct slice value,
                             bool is_plain);
/* False: the value is too small to be walked. */
bool list_walk_record_begin(struct list_walk_record *record, const struct value_kind *kind,
                            void *value);
/* One step; ends the walk behind the last. */
void list_walk_record_step(struct list_walk_record *record, const struct value_kind *kind,
                           void *value);
/* Ends it wherever it is, if there is one. */
void list_walk_record_end(struct list_walk_record *record, const struct value_kind *kind,
                          void *value);

#endif
