#include "support/order_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/draw.h"

void order_model_init(struct order_model *model, size_t size_max)
{
    *model = (struct order_model){.pairs = calloc(size_max, sizeof model->pairs[0]),
                                  .size_max = size_max};
    assert_non_null(model->pairs);
}

void order_model_deinit(struct order_model *model)
{
    free(model->pairs);
}

static bool is_less(struct order_pair a, struct order_pair b)
{
    return a.score < b.score || (a.score == b.score && a.member < b.member);
}

size_t order_model_rank(const struct order_model *model, struct order_pair pair)
{
    size_t low = 0, high = model->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (is_less(model->pairs[middle], pair))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool order_model_has(const struct order_model *model, struct order_pair pair)
{
    size_t rank = order_model_rank(model, pair);
    return rank < model->count && !is_less(pair, model->pairs[rank]);
}

void order_model_insert(struct order_model *model, struct order_pair pair)
{
    size_t rank = order_model_rank(model, pair);
    assert_true(model->count < model->size_max);
    memmove(model->pairs + rank + 1, model->pairs + rank, (model->count - rank) * sizeof pair);
    model->pairs[rank] = pair;
    model->count++;
}

void order_model_remove(struct order_model *model, size_t rank)
{
    model->count--;
    memmove(model->pairs + rank, model->pairs + rank + 1,
            (model->count - rank) * sizeof model->pairs[0]);
}

size_t order_model_count_before(const struct order_model *model, const struct ordered_bound *bound)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct order_pair *pair = &model->pairs[i];
        int order = 0;
        if (!bound->by_member)
            order = (pair->score > bound->score) - (pair->score < bound->score);
        if (order == 0 && (bound->by_member || bound->members_count))
            order = member_model_compare_words(pair->member->word, bound->member);
        count += order < 0 || (order == 0 && bound->after);
    }
    return count;
}

double order_model_draw_score(void)
{
    static const double edges[] = {0.0,       -0.0,      INFINITY,   -INFINITY,
                                   INT32_MAX, INT32_MIN, 2147483648, 4611686018427387904.0,
                                   1e-310,    -1e300,    0.1,        9007199254740993.0};
    switch (draw(4)) {
    case 0:
        return edges[draw(sizeof edges / sizeof edges[0])];
    case 1:
        return (double)draw_integer() / 1024;
    case 2:
        return (double)draw(1000000) / 7;
    default:
        return (double)draw(20);
    }
}

struct ordered_bound order_model_draw_bound(struct slice member)
{
    return (struct ordered_bound){.members_count = draw(2) == 0,
                                  .after = draw(2) == 0,
                                  .score = order_model_draw_score(),
                                  .member = member};
}
