/* What a collection of different members should hold: a fixed pool of words, of which each is in
 * or not. The plainest thing that can be right. */
#ifndef HOLDFAST_TESTS_MEMBER_MODEL_H
#define HOLDFAST_TESTS_MEMBER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct model_member {
    struct slice word;
    bool is_there;
    struct slice value; /* what belongs to it: the test's own */
    double score;
    int64_t deadline_ms;
    bool stays; /* there since member_model_watch */
    unsigned visits;
};

struct member_model {
    struct model_member *members; /* sorted by their words' bytes */
    size_t size;                  /* of the pool */
    size_t count;                 /* that are there */
    size_t first, range;          /* drawn from: a part of the pool */
};

/* By their bytes, as memcmp has it; the shorter is less. */
int member_model_compare_words(struct slice a, struct slice b);

/* Draws about `size` different words. */
struct member_model *member_model_create(size_t size);
void member_model_destroy(struct member_model *model);

/* Nothing is there; from now on words come from a part of the pool, about `range` of them. */
void member_model_clear(struct member_model *model, size_t range);
struct model_member *member_model_draw(struct member_model *model);
/* The test fails if it is no word of the pool. */
struct model_member *member_model_find(const struct member_model *model, struct slice word);
void member_model_set(struct member_model *model, struct model_member *member, bool is_there);

/* Visits are counted from here on, and who stays is told from who comes or goes. */
void member_model_watch(struct member_model *model);
struct model_member *member_model_visit(struct member_model *model, struct slice word);
/* Each member that stayed has been visited exactly once. */
void member_model_expect_visits(const struct member_model *model);
/* Nobody else has been visited, either. */
void member_model_expect_no_more(const struct member_model *model);

#endif
