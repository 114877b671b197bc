/* All memory of the server: jemalloc, called by its own names here and nowhere else, so that its
 * statistics are ours. In sanitizer builds (HOLDFAST_SANITIZED) the C library's allocator stands
 * in, so that the sanitizer sees every block. Any thread. */
#ifndef HOLDFAST_BASE_MEMORY_H
#define HOLDFAST_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* For small sizes that the program chose: never NULL, aborts when memory is out. */
void *memory_allocate(size_t size);
void *memory_allocate_zeroed(size_t size);
void *memory_resize(void *block, size_t size);
char *memory_copy_string(const char *string);

/* For sizes that a client chose: NULL when memory is out. */
void *memory_try_allocate(size_t size);
void *memory_try_resize(void *block, size_t size); /* NULL: `block` is as before */

/* Aligned to a cache line of 64 bytes; freed like any block. Aborts when memory is out. */
void *memory_allocate_aligned(size_t size, size_t alignment);

/* NULL is allowed. The sized form spares the allocator a look-up; `size` is what was asked for. */
void memory_free(void *block);
void memory_free_sized(void *block, size_t size);

/* What the allocator really gives for `size`, and what a block really has. */
size_t memory_good_size(size_t size);
size_t memory_usable_size(const void *block);

struct memory_statistics {
    size_t used;     /* bytes in live blocks, by the allocator's own count */
    size_t active;   /* bytes in pages that hold live blocks */
    size_t resident; /* bytes of the process's memory the allocator holds */
    size_t retained; /* bytes of address space kept for later */
    size_t metadata;
};

/* Bytes in live blocks. Asks every arena of the allocator: some microseconds. */
size_t memory_used(void);

/* The same for a thread that asks often: nanoseconds. Its own blocks count at once; what other
 * threads took and freed is looked up each MEMORY_GAUGE_STALE_MAX bytes that this thread moves. */
#define MEMORY_GAUGE_STALE_MAX (256 * 1024)
struct memory_gauge {
    const uint64_t *taken, *freed;       /* bytes, in all: the allocator's counts of this thread */
    uint64_t taken_before, freed_before; /* when everything was looked up last, */
    size_t used;                         /* which gave this */
};
/* `gauge` is for this thread alone. */
void memory_gauge_init(struct memory_gauge *gauge);
size_t memory_gauge_read(struct memory_gauge *gauge);

/* Exact, a few microseconds. */
void memory_read_statistics(struct memory_statistics *out);

/* The allocator's report as text, handed to `write` piece by piece. */
void memory_report(void (*write)(void *context, const char *text), void *context);

/* Gives free pages back to the system. */
void memory_purge(void);

/* For the child of a fork that goes on as the program: the threads of the allocator are the
 * parent's and do not come along. Before the child starts threads of its own. */
void memory_after_fork(void);

const char *memory_allocator_name(void); /* as INFO's mem_allocator: "jemalloc-5.3.0", "libc" */

#endif
