/* A long random sequence of changes to a collection and to its model, which must agree. */
#ifndef HOLDFAST_TESTS_MODEL_RUN_H
#define HOLDFAST_TESTS_MODEL_RUN_H

#include <stdint.h>

#include "support/member_model.h"
#include "values/value_settings.h"

struct model_run;

/* They compare what the collection answers with what the model has, and keep that up to date. */
struct model_functions {
    void *(*create)(struct model_run *run);
    void (*free)(void *value); /* in steps */
    void *(*copy)(const void *value);
    void (*add)(struct model_run *run, struct model_member *member);
    void (*remove)(struct model_run *run, struct model_member *member);
    void (*look)(struct model_run *run, const struct model_member *member);
    uint64_t (*scan)(struct model_run *run, uint64_t cursor);
    /* Everything, forward and back; it visits every member. `value` may be a copy. */
    void (*compare)(struct model_run *run, const void *value);
};

/* The test fills in the first four; its own state follows, if it embeds this as its first member.
 */
struct model_run {
    size_t pool;                      /* words */
    unsigned rounds, operations;      /* collections, and changes of each */
    struct model_functions functions; /* copy, scan: NULL if such collections cannot do it */

    struct member_model *model;
    struct value_settings settings; /* drawn for each collection */
    void *value;
    uint64_t cursor, growth; /* of the scan; of 100 changes so many add */
};

void model_run(struct model_run *run);

#endif
