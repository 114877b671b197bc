/* References to entries in 5 bytes.
 *
 * jemalloc aligns every block to 16 bytes and takes its memory from mmap, which on Linux hands out
 * neighbouring addresses: all blocks lie in one window of 2^44 bytes (16 TiB) that begins at a
 * multiple of its size, so 40 bits name one. The window's base is read off the first entry; a block
 * outside of it hits an assertion in entry_reference_of. Sanitizers spread their blocks wider:
 * there a reference takes 6 bytes, a whole 48-bit address. */
#ifndef HOLDFAST_KEYSPACE_ENTRY_REFERENCE_H
#define HOLDFAST_KEYSPACE_ENTRY_REFERENCE_H

#include <stdint.h>
#include <string.h>

#include "base/assertion.h"

struct entry;

#ifdef HOLDFAST_SANITIZED
#define ENTRY_REFERENCE_SIZE 6 /* bytes */
#define ENTRY_REFERENCE_SHIFT 0
#else
#define ENTRY_REFERENCE_SIZE 5
#define ENTRY_REFERENCE_SHIFT 4
#endif

#define ENTRY_REFERENCE_BITS (ENTRY_REFERENCE_SIZE * 8 + ENTRY_REFERENCE_SHIFT)
#define ENTRY_REFERENCE_MASK ((UINT64_C(1) << (ENTRY_REFERENCE_SIZE * 8)) - 1)

/* The high bits that all entries share: of any one entry, kept by whoever keeps references. */
static inline uint64_t entry_reference_window(const struct entry *entry)
{
    return (uint64_t)(uintptr_t)entry >> ENTRY_REFERENCE_BITS;
}

static inline uint64_t entry_reference_of(const struct entry *entry, uint64_t window)
{
    ASSERT(entry_reference_window(entry) == window);
    return ((uint64_t)(uintptr_t)entry >> ENTRY_REFERENCE_SHIFT) & ENTRY_REFERENCE_MASK;
}

static inline struct entry *entry_reference_entry(uint64_t reference, uint64_t window)
{
    return (struct entry *)(uintptr_t)((window << ENTRY_REFERENCE_BITS) |
                                       (reference << ENTRY_REFERENCE_SHIFT));
}

/* `at` points to ENTRY_REFERENCE_SIZE bytes that may be unaligned. In two loads: compilers put a
 * memcpy of 5 bytes through the stack, where the load of 8 then stalls on the stores. */
static inline uint64_t entry_reference_load(const unsigned char *at)
{
    uint32_t low;
    memcpy(&low, at, sizeof low);
    uint64_t high = at[4];
    if (ENTRY_REFERENCE_SIZE == 6)
        high |= (uint64_t)at[5] << 8;
    return low | high << 32;
}

static inline void entry_reference_store(unsigned char *at, uint64_t reference)
{
    memcpy(at, &reference, ENTRY_REFERENCE_SIZE);
}

#endif
