#include "support/member_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/exact_copy.h"

int member_model_compare_words(struct slice a, struct slice b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_members(const void *a, const void *b)
{
    const struct model_member *left = a, *right = b;
    return member_model_compare_words(left->word, right->word);
}

struct member_model *member_model_create(size_t size)
{
    struct member_model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->members = calloc(size, sizeof model->members[0]);
    assert_non_null(model->members);
    for (size_t i = 0; i < size; i++) {
        char out[DRAW_WORD_MAX];
        model->members[i].word = exact_copy(draw_word(out));
    }
    qsort(model->members, size, sizeof model->members[0], compare_members);
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && compare_members(&model->members[model->size - 1], &model->members[i]) == 0)
            exact_copy_free(model->members[i].word);
        else
            model->members[model->size++] = model->members[i];
    }
    member_model_clear(model, model->size);
    return model;
}

void member_model_destroy(struct member_model *model)
{
    for (size_t i = 0; i < model->size; i++)
        exact_copy_free(model->members[i].word);
    free(model->members);
    free(model);
}

void member_model_clear(struct member_model *model, size_t range)
{
    for (size_t i = 0; i < model->size; i++)
        model->members[i] = (struct model_member){.word = model->members[i].word};
    model->count = 0;
    model->range = range < model->size ? range : model->size;
    model->first = (size_t)draw(model->size - model->range + 1);
}

struct model_member *member_model_draw(struct member_model *model)
{
    return &model->members[model->first + (size_t)draw(model->range)];
}

struct model_member *member_model_find(const struct member_model *model, struct slice word)
{
    struct model_member wanted = {.word = word};
    struct model_member *found =
        bsearch(&wanted, model->members, model->size, sizeof wanted, compare_members);
    assert_non_null(found);
    return found;
}

void member_model_set(struct member_model *model, struct model_member *member, bool is_there)
{
    model->count = model->count - member->is_there + is_there;
    member->is_there = is_there;
    member->stays = member->stays && is_there;
}

void member_model_watch(struct member_model *model)
{
    for (size_t i = 0; i < model->size; i++) {
        model->members[i].stays = model->members[i].is_there;
        model->members[i].visits = 0;
    }
}

struct model_member *member_model_visit(struct member_model *model, struct slice word)
{
    struct model_member *member = member_model_find(model, word);
    assert_true(member->is_there);
    member->visits++;
    return member;
}

void member_model_expect_visits(const struct member_model *model)
{
    for (size_t i = 0; i < model->size; i++)
        if (model->members[i].stays)
            assert_int_equal(model->members[i].visits, 1);
}

void member_model_expect_no_more(const struct member_model *model)
{
    member_model_expect_visits(model);
    for (size_t i = 0; i < model->size; i++)
        if (!model->members[i].stays)
            assert_int_equal(model->members[i].visits, 0);
}
