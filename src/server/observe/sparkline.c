#include "server/observe/sparkline.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

#define LEVELS 3 /* heights that one character can show */
#define LABEL_MAX 24

static void format_age(int64_t age_s, char label[LABEL_MAX])
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t unit = 0;
    while (unit < 3 && age_s < units[unit].seconds)
        unit++;
    snprintf(label, LABEL_MAX, "%lld%c", (long long)(age_s / units[unit].seconds),
             units[unit].letter);
}

/* What stands in row `row` (0: the bottom) of a column that is `height` levels high. */
static char pick(int height, int row)
{
    int top = height / LEVELS;
    return row < top ? '|' : row > top ? ' ' : "_o#"[height % LEVELS];
}

static int height_of(int64_t value, int64_t low, int64_t high)
{
    double share = high > low ? (double)(value - low) / (double)(high - low) : 0;
    int height = (int)(share * SPARKLINE_ROWS * LEVELS);
    return height < SPARKLINE_ROWS * LEVELS ? height : SPARKLINE_ROWS * LEVELS - 1;
}

/* Ages, from top to bottom; a blank line first. */
static void draw_labels(const struct sparkline_column *columns, size_t count, struct buffer *out)
{
    buffer_add_format(out, "%*s\n", (int)count, "");
    bool more = true;
    for (size_t line = 0; more; line++) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            char label[LABEL_MAX] = {0};
            format_age(columns[i].age_s, label);
            size_t length = strlen(label);
            buffer_add(out, line < length ? &label[line] : " ", 1);
            more |= line + 1 < length;
        }
        buffer_add_string(out, "\n");
    }
}

void sparkline_draw(const struct sparkline_column *columns, size_t count, struct buffer *out)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        low = columns[i].value < low ? columns[i].value : low;
        high = columns[i].value > high ? columns[i].value : high;
    }
    for (size_t start = 0; start < count; start += SPARKLINE_COLUMNS) {
        size_t width = count - start < SPARKLINE_COLUMNS ? count - start : SPARKLINE_COLUMNS;
        if (start > 0)
            buffer_add_string(out, "\n");
        for (int row = SPARKLINE_ROWS - 1; row >= 0; row--) {
            for (size_t i = start; i < start + width; i++) {
                char character = pick(height_of(columns[i].value, low, high), row);
                buffer_add(out, &character, 1);
            }
            buffer_add_string(out, "\n");
        }
        draw_labels(columns + start, width, out);
    }
}
