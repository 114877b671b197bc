/* Bytes that end where their memory ends, so that any build notices who reads behind them: next to
 * them is a page that nobody may read; in a watched build they are a block of their own. */
#ifndef HOLDFAST_TESTS_EXACT_COPY_H
#define HOLDFAST_TESTS_EXACT_COPY_H

#include "base/slice.h"

/* To be given to exact_copy_free. It may be written to. */
struct slice exact_copy(struct slice bytes);
void exact_copy_free(struct slice copy);

#endif
