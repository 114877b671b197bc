#include "support/model_run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/value_steps.h"

#define SCAN_EVERY 16 /* changes, about */
#define COMPARES 4    /* in a round, about; as many turns between growth and shrinking */

static void compare(struct model_run *run, const void *value)
{
    member_model_watch(run->model);
    run->cursor = 0; /* the scan's visits are forgotten */
    run->functions.compare(run, value);
    member_model_expect_no_more(run->model);
}

/* The copy goes before it is seen whether it took anything of the original along. */
static void compare_copy(struct model_run *run)
{
    if (run->functions.copy != NULL) {
        void *copy = run->functions.copy(run->value);
        assert_non_null(copy);
        compare(run, copy);
        run->functions.free(copy);
    }
    compare(run, run->value);
}

/* A part; whoever stayed from the first to the last has been visited once then. */
static void scan_on(struct model_run *run)
{
    if (run->cursor == 0)
        member_model_watch(run->model);
    run->cursor = run->functions.scan(run, run->cursor);
    if (run->cursor == 0)
        member_model_expect_visits(run->model);
}

static void play_round(struct model_run *run)
{
    run->growth = 90;
    run->cursor = 0;
    for (unsigned i = 0; i < run->operations; i++) {
        if (draw(run->operations / COMPARES) == 0)
            run->growth = draw(2) == 0 ? 90 : 10;
        if (draw(100) < run->growth)
            run->functions.add(run, member_model_draw(run->model));
        else
            run->functions.remove(run, member_model_draw(run->model));
        run->functions.look(run, member_model_draw(run->model));
        if (run->functions.scan != NULL && draw(SCAN_EVERY) == 0)
            scan_on(run);
        if (draw(run->operations / COMPARES) == 0)
            compare_copy(run);
    }
}

void model_run(struct model_run *run)
{
    draw_begin();
    run->model = member_model_create(run->pool);
    for (unsigned round = 0; round < run->rounds; round++) {
        const size_t ranges[] = {20, 300, run->pool};
        member_model_clear(run->model, ranges[round % 3]);
        run->settings = value_steps_draw_settings();
        run->value = run->functions.create(run);
        play_round(run);
        compare_copy(run);
        run->functions.free(run->value);
    }
    member_model_destroy(run->model);
}
