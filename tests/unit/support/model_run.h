/* A long random sequence of changes to a collection and to its model, which must agree. */
#ifndef HOLDFAST_TESTS_MODEL_RUN_H
#define HOLDFAST_TESTS_MODEL_RUN_H

#include <stdint.h>

#include "support/member_model.h"
#include "values/value_settings.h"

/* The test's own state follows: it embeds this as its first member. The functions compare what
 * the collection answers with what the model has, and keep that up to date. */
struct model_run {
    size_t pool;                 /* words */
    unsigned rounds, operations; /* collections, and changes of each */
    void *(*create)(struct model_run *run);
    void (*add)(struct model_run *run, struct model_member *member);
    void (*remove)(struct model_run *run, struct model_member *member);
    void (*look)(struct model_run *run, const struct model_member *member);
    /* Everything, forward and back; it visits every member. `value` may be a copy. */
    void (*compare)(struct model_run *run, const void *value);
    /* NULL: such collections cannot do that. */
    uint64_t (*scan)(struct model_run *run, uint64_t cursor);
    void *(*copy)(const void *value);
    void (*free)(void *value); /* in steps */

    struct member_model *model;
    struct value_settings settings; /* drawn for each collection */
    void *value;
    uint64_t cursor, growth; /* of the scan; of 100 changes so many add */
};

void model_run(struct model_run *run);

#endif
