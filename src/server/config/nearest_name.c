#include "server/config/nearest_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct nearest_name nearest_name_of(struct slice wanted)
{
    size_t near_enough = wanted.length / 3;
    return (struct nearest_name){wanted, NULL, (near_enough > 0 ? near_enough : 1) + 1};
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Row by row; three rows are enough for swaps of neighbours. Both are at most
 * NEAREST_NAME_LENGTH_MAX long. */
static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][NEAREST_NAME_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b.length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            size_t replaced = above[j - 1] + !same(a.data[i - 1], b.data[j - 1]);
            row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a.data[i - 1], b.data[j - 2]) &&
                same(a.data[i - 2], b.data[j - 1]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.length % 3][b.length];
}

void nearest_name_offer(struct nearest_name *nearest, const char *candidate)
{
    struct slice name = slice_of_string(candidate);
    if (nearest->wanted.length > NEAREST_NAME_LENGTH_MAX || name.length > NEAREST_NAME_LENGTH_MAX)
        return;
    size_t found = distance(nearest->wanted, name);
    if (found < nearest->distance) {
        nearest->distance = found;
        nearest->name = candidate;
    }
}
