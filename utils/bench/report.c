#include "bench/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/bench.h"

#define ROWS_MAX 64
#define VALUES_MAX 64
#define NOTES_MAX 16
#define TEXT_MAX 256 /* bytes of a label or note */

struct report_row {
    char label[TEXT_MAX], unit[32];
    enum report_target target;
    double bound;
    double values[SIDES][VALUES_MAX];
    size_t counts[SIDES];
};

struct report {
    char name[TEXT_MAX], summary[TEXT_MAX];
    struct report_row *rows[ROWS_MAX];
    size_t row_count;
    char notes[NOTES_MAX][TEXT_MAX];
    size_t note_count;
};

enum verdict { VERDICT_NONE, VERDICT_MET, VERDICT_MISSED };

struct report *report_create(const char *name, const char *summary)
{
    struct report *report = memory_allocate_zeroed(sizeof *report);
    snprintf(report->name, sizeof report->name, "%s", name);
    snprintf(report->summary, sizeof report->summary, "%s", summary);
    return report;
}

void report_destroy(struct report *report)
{
    for (size_t i = 0; i < report->row_count; i++)
        memory_free(report->rows[i]);
    memory_free(report);
}

struct report_row *report_add_row(struct report *report, const char *label, const char *unit,
                                  enum report_target target, double bound)
{
    if (report->row_count == ROWS_MAX)
        bench_fail("a report has at most %d rows", ROWS_MAX);
    struct report_row *row = memory_allocate_zeroed(sizeof *row);
    snprintf(row->label, sizeof row->label, "%s", label);
    snprintf(row->unit, sizeof row->unit, "%s", unit);
    row->target = target;
    row->bound = bound;
    report->rows[report->row_count++] = row;
    return row;
}

void report_add_value(struct report_row *row, enum side side, double value)
{
    if (!isnan(value) && row->counts[side] < VALUES_MAX)
        row->values[side][row->counts[side]++] = value;
}

static int compare_doubles(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

double report_median(const struct report_row *row, enum side side)
{
    double sorted[VALUES_MAX];
    size_t count = row->counts[side];
    if (count == 0)
        return NAN;
    memcpy(sorted, row->values[side], count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

void report_add_mean(struct report *report, const char *label, const char *unit,
                     struct report_row *const *rows, size_t count, enum report_target target,
                     double bound)
{
    struct report_row *mean = report_add_row(report, label, unit, target, bound);
    for (int side = 0; side < SIDES; side++) {
        double logarithms = 0;
        for (size_t i = 0; i < count; i++)
            logarithms += log(report_median(rows[i], (enum side)side));
        if (!isnan(logarithms))
            report_add_value(mean, (enum side)side, exp(logarithms / (double)count));
    }
}

void report_add_note(struct report *report, const char *format, ...)
{
    if (report->note_count == NOTES_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->notes[report->note_count++], TEXT_MAX, format, arguments);
    va_end(arguments);
}

static double row_ratio(const struct report_row *row)
{
    return report_median(row, SIDE_HOLDFAST) / report_median(row, SIDE_REDIS);
}

static enum verdict row_verdict(const struct report_row *row)
{
    double figure =
        row->target == TARGET_RATIO ? row_ratio(row) : report_median(row, SIDE_HOLDFAST);
    if (row->target == TARGET_NONE || isnan(figure))
        return VERDICT_NONE;
    return figure <= row->bound ? VERDICT_MET : VERDICT_MISSED;
}

size_t report_count_missed(const struct report *report)
{
    size_t missed = 0;
    for (size_t i = 0; i < report->row_count; i++)
        missed += row_verdict(report->rows[i]) == VERDICT_MISSED;
    return missed;
}

/* --- for people --- */

static void print_figure(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, " %12s", "-");
    else
        fprintf(out, " %12.*f", fabs(value) < 10 ? 3 : fabs(value) < 1000 ? 1 : 0, value);
}

/* Holdfast and Redis have a column always, the others where they have a figure. */
static bool has_side(const struct report *report, enum side side)
{
    bool found = side < SIDES_OF_REDIS;
    for (size_t i = 0; i < report->row_count && !found; i++)
        found = report->rows[i]->counts[side] > 0;
    return found;
}

void report_print(const struct report *report, FILE *out)
{
    static const char *const verdicts[] = {"", "met", "NOT MET"};
    fprintf(out, "\n%s: %s\n%-66s", report->name, report->summary, "");
    for (int side = 0; side < SIDES; side++)
        if (has_side(report, (enum side)side))
            fprintf(out, " %12s", contender_name((enum side)side));
    fprintf(out, " %12s %10s\n", "ratio", "target");
    for (size_t i = 0; i < report->row_count; i++) {
        const struct report_row *row = report->rows[i];
        char label[TEXT_MAX + 64], target[32] = "";
        snprintf(label, sizeof label, "%s, %s", row->label, row->unit);
        if (row->target != TARGET_NONE)
            snprintf(target, sizeof target, "<= %g%s", row->bound,
                     row->target == TARGET_RATIO ? "x" : "");
        fprintf(out, "%-66s", label);
        for (int side = 0; side < SIDES; side++)
            if (has_side(report, (enum side)side))
                print_figure(out, report_median(row, (enum side)side));
        print_figure(out, row_ratio(row));
        fprintf(out, " %10s %s\n", target, verdicts[row_verdict(row)]);
    }
    for (size_t i = 0; i < report->note_count; i++)
        fprintf(out, "  %s\n", report->notes[i]);
    fflush(out);
}

/* --- for machines --- */

/* Labels and notes are the program's own: a quote or a control character is all there can be. */
static void write_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('"', out);
}

static void write_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "%.6g", value);
    else
        fputs("null", out);
}

static void write_side(FILE *out, const struct report_row *row, enum side side)
{
    fprintf(out, ", \"%s\": {\"median\": ", contender_name(side));
    write_number(out, report_median(row, side));
    fputs(", \"values\": [", out);
    for (size_t i = 0; i < row->counts[side]; i++) {
        fputs(i > 0 ? ", " : "", out);
        write_number(out, row->values[side][i]);
    }
    fputs("]}", out);
}

static void write_row(FILE *out, const struct report_row *row)
{
    static const char *const targets[] = {"none", "ratio", "value"};
    static const char *const verdicts[] = {"null", "true", "false"};
    fputs("    {\"label\": ", out);
    write_text(out, row->label);
    fputs(", \"unit\": ", out);
    write_text(out, row->unit);
    for (int side = 0; side < SIDES; side++)
        if (side < SIDES_OF_REDIS || row->counts[side] > 0)
            write_side(out, row, (enum side)side);
    fputs(", \"ratio\": ", out);
    write_number(out, row_ratio(row));
    fprintf(out, ", \"target\": \"%s\", \"bound\": ", targets[row->target]);
    write_number(out, row->target == TARGET_NONE ? NAN : row->bound);
    fprintf(out, ", \"met\": %s}", verdicts[row_verdict(row)]);
}

void report_write_json(const struct report *report, FILE *out)
{
    fputs("{\n  \"suite\": ", out);
    write_text(out, report->name);
    fputs(",\n  \"summary\": ", out);
    write_text(out, report->summary);
    fputs(",\n  \"rows\": [\n", out);
    for (size_t i = 0; i < report->row_count; i++) {
        write_row(out, report->rows[i]);
        fputs(i + 1 < report->row_count ? ",\n" : "\n", out);
    }
    fputs("  ],\n  \"notes\": [", out);
    for (size_t i = 0; i < report->note_count; i++) {
        fputs(i > 0 ? ", " : "", out);
        write_text(out, report->notes[i]);
    }
    fputs("]\n}\n", out);
}
