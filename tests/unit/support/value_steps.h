/* What the tests of every type of values do. */
#ifndef HOLDFAST_TESTS_VALUE_STEPS_H
#define HOLDFAST_TESTS_VALUE_STEPS_H

#include "base/slice.h"
#include "values/value.h"
#include "values/value_settings.h"

/* Redis's defaults, or such small limits that forms change soon. */
struct value_settings value_steps_draw_settings(void);

/* All steps of a look at the member. */
void value_steps_fetch(enum value_type type, const void *value, struct slice member);
/* As off the loop; `value` is gone. */
void value_steps_free(enum value_type type, void *value);
void value_steps_expect_encoding(enum value_type type, const void *value, const char *encoding);

#endif
