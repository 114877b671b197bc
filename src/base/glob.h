/* Redis's glob patterns: * ? [a-z] [^a] and backslash. Iterative: no recursion, and a step budget,
 * so that no pattern of a client can hold the loop (CVE-2024-31228). Pure. */
#ifndef HOLDFAST_BASE_GLOB_H
#define HOLDFAST_BASE_GLOB_H

#include <stdbool.h>

#include "base/slice.h"

#define GLOB_STEPS_MAX 1000000 /* comparisons one match may take; beyond that it is no match */

bool glob_matches(struct slice pattern, struct slice text);
bool glob_matches_any_case(struct slice pattern, struct slice text);

/* True for "*" alone, which for KEYS and SCAN means everything: an empty name too, which no pattern
 * but the empty one matches. */
bool glob_is_all(struct slice pattern);

/* If the pattern can match one text only (no special characters), true. */
bool glob_is_literal(struct slice pattern);

#endif
