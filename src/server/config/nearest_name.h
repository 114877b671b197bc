/* What somebody who mistyped a name may have meant. Pure. */
#ifndef HOLDFAST_SERVER_CONFIG_NEAREST_NAME_H
#define HOLDFAST_SERVER_CONFIG_NEAREST_NAME_H

#include <stddef.h>

#include "base/slice.h"

#define NEAREST_NAME_LENGTH_MAX 63 /* bytes; longer names are near to nothing */

struct nearest_name {
    struct slice wanted;
    const char *name; /* the nearest so far, NULL: none is near enough */
    size_t distance;
};

/* Begins a search. */
struct nearest_name nearest_name_of(struct slice wanted);

/* Offers a candidate, which must outlive the search. Of several equally near the first counts.
 * Distance: insertions, deletions, replacements and swaps of neighbours (Damerau 1964), case left
 * aside; near enough is a third of the name's length, and one letter of a short one. */
void nearest_name_offer(struct nearest_name *nearest, const char *candidate);

#endif
