/* Columns of characters whose heights are durations: LATENCY GRAPH, drawn as Redis draws it. Pure.
 */
#ifndef HOLDFAST_SERVER_OBSERVE_SPARKLINE_H
#define HOLDFAST_SERVER_OBSERVE_SPARKLINE_H

#include <stddef.h>
#include <stdint.h>

struct buffer;

#define SPARKLINE_COLUMNS 80 /* of one block; more columns make more blocks */
#define SPARKLINE_ROWS 4

struct sparkline_column {
    int64_t value;
    int64_t age_s; /* how long ago: written below the column, "5s", "3m", "2h", "1d" */
};

/* Appends the drawing: the lowest value is at the bottom, the highest at the top. */
void sparkline_draw(const struct sparkline_column *columns, size_t count, struct buffer *out);

#endif
