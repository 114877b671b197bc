/* The figures of a suite: a table for people, JSON for machines.
 *
 * A row is one figure of Holdfast and, where it applies, of Redis; each may be measured several
 * times, the median counts. A row may have a target: then the report says whether it is met. */
#ifndef HOLDFAST_BENCH_REPORT_H
#define HOLDFAST_BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/contender.h"

struct report;
struct report_row; /* the report's */

enum report_target {
    TARGET_NONE,
    TARGET_RATIO, /* Holdfast's figure divided by Redis's is at most `bound` */
    TARGET_VALUE, /* Holdfast's figure is at most `bound` */
};

struct report *report_create(const char *name, const char *summary);
void report_destroy(struct report *report);

/* A new row; strings are copied. */
struct report_row *report_add_row(struct report *report, const char *label, const char *unit,
                                  enum report_target target, double bound);
/* A NaN is no value. */
void report_add_value(struct report_row *row, enum side side, double value);

/* The median, NaN when there is no value. */
double report_median(const struct report_row *row, enum side side);

/* A row of geometric means of the medians of `rows`. */
void report_add_mean(struct report *report, const char *label, const char *unit,
                     struct report_row *const *rows, size_t count, enum report_target target,
                     double bound);

/* A sentence below the table. */
void report_add_note(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void report_print(const struct report *report, FILE *out);
void report_write_json(const struct report *report, FILE *out);
/* Rows whose target is not met. */
size_t report_count_missed(const struct report *report);

#endif
