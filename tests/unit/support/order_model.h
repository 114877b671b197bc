/* What a sorted set should hold: pairs of score and member in an array, in order. */
#ifndef HOLDFAST_TESTS_ORDER_MODEL_H
#define HOLDFAST_TESTS_ORDER_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "support/member_model.h"
#include "values/ordered_tree.h"

struct order_pair {
    double score;
    const struct model_member *member; /* of one pool: the lower address is the lesser word */
};

struct order_model {
    struct order_pair *pairs;
    size_t count, size_max;
};

void order_model_init(struct order_model *model, size_t size_max);
void order_model_deinit(struct order_model *model);

/* Where the pair stands, or would. */
size_t order_model_rank(const struct order_model *model, struct order_pair pair);
bool order_model_has(const struct order_model *model, struct order_pair pair);
void order_model_insert(struct order_model *model, struct order_pair pair);
void order_model_remove(struct order_model *model, size_t rank);
/* Counted one by one. */
size_t order_model_count_before(const struct order_model *model, const struct ordered_bound *bound);

/* A score of any kind: few different ones, so that members decide; -0, infinite, fractions. */
double order_model_draw_score(void);
/* A bound by score of any kind, or by score and member. */
struct ordered_bound order_model_draw_bound(struct slice member);

#endif
