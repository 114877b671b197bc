/* Rows of pairs out of untrusted bytes: no two of them may have the same key. */
#ifndef HOLDFAST_VALUES_PAIR_KEYS_H
#define HOLDFAST_VALUES_PAIR_KEYS_H

#include "base/error.h"
#include "base/hash.h"
#include "values/listpack.h"

/* Elements in twos, of which the first is a key. `pack` is one that listpack_is_valid has accepted,
 * of an even number of elements. ERROR_SYNTAX: a key stands there twice; ERROR_OUT_OF_MEMORY: it is
 * not known (a short row needs none). Takes time in proportion to the row. */
WARN_UNUSED enum error pair_keys_differ(const struct listpack *pack, const struct hash_seed *seed);

#endif
