/* How many different elements there were, from 12 KiB: HyperLogLog (Flajolet et al., 2007) in the
 * form Redis keeps in strings, byte for byte.
 *
 *   "HYLL" | encoding (1: 0 dense, 1 sparse) | 3 unused | cached count (8, little; the highest bit:
 *   not valid) | registers
 *
 * Dense: 16,384 registers of 6 bits, low bits first. Sparse: runs: 00xxxxxx of 1 to 64 zeros;
 * 01xxxxxx xxxxxxxx of 1 to 16,384 zeros; 1vvvvvxx of 1 to 4 registers of value 1 to 32. The
 * estimate is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017),
 * the hash MurmurHash64A (Appleby), as in Redis. Pure. */
#ifndef HOLDFAST_VALUES_HYPERLOGLOG_H
#define HOLDFAST_VALUES_HYPERLOGLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define HYPERLOGLOG_REGISTERS 16384
#define HYPERLOGLOG_HEAD 16 /* bytes */
#define HYPERLOGLOG_DENSE_SIZE (HYPERLOGLOG_HEAD + HYPERLOGLOG_REGISTERS * 6 / 8)

/* One byte a register: what is worked with. */
struct hyperloglog {
    uint8_t registers[HYPERLOGLOG_REGISTERS];
};

/* Does it look like one? (The registers of a sparse one are looked at by hyperloglog_read.) */
bool hyperloglog_is_valid(struct slice bytes);
bool hyperloglog_is_sparse(struct slice bytes);
/* The count that is kept beside the registers; false: it is not valid any more. */
bool hyperloglog_cached(struct slice bytes, uint64_t *count);
void hyperloglog_set_cached(char *bytes, uint64_t count);

/* Takes the count of `before` over; if `changed`, as one that is not valid. */
void hyperloglog_keep_count(char *bytes, struct slice before, bool changed);

/* The greater of each register and what is there. False: the sparse form is damaged. */
bool hyperloglog_merge(struct hyperloglog *into, struct slice bytes);
/* True if the element changed a register. */
bool hyperloglog_add(struct hyperloglog *log, struct slice element);
uint64_t hyperloglog_count(const struct hyperloglog *log);

/* Writes it to `out` (HYPERLOGLOG_DENSE_SIZE bytes of room): sparse if that takes at most
 * `sparse_max` bytes and no register is above 32, unless `dense`; the cached count is not valid.
 * Returns how many bytes. */
size_t hyperloglog_write(const struct hyperloglog *log, bool dense, size_t sparse_max, char *out);

#endif
