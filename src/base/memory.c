#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"

_Noreturn static void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes cannot be had\n", size);
    abort();
}

static void *or_abort(void *block, size_t size)
{
    if (UNLIKELY(block == NULL))
        out_of_memory(size);
    return block;
}

#ifdef HOLDFAST_SANITIZED

#include <malloc.h>

/* Bytes in live blocks: a watched build may count slowly, but must count. */
static _Atomic size_t used_bytes;

static void *counted(void *block)
{
    if (block != NULL)
        used_bytes += malloc_usable_size(block);
    return block;
}

void *memory_try_allocate(size_t size)
{
    return counted(malloc(size > 0 ? size : 1));
}

void *memory_allocate_zeroed(size_t size)
{
    return or_abort(counted(calloc(1, size > 0 ? size : 1)), size);
}

void *memory_try_resize(void *block, size_t size)
{
    size_t before = block != NULL ? malloc_usable_size(block) : 0;
    void *resized = realloc(block, size > 0 ? size : 1);
    if (resized != NULL)
        used_bytes -= before;
    return counted(resized);
}

void *memory_allocate_aligned(size_t size, size_t alignment)
{
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    return or_abort(counted(aligned_alloc(alignment, rounded)), size);
}

void memory_free(void *block)
{
    if (block != NULL)
        used_bytes -= malloc_usable_size(block);
    free(block);
}

void memory_free_sized(void *block, size_t size)
{
    (void)size;
    memory_free(block);
}

size_t memory_good_size(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

size_t memory_usable_size(const void *block)
{
    return malloc_usable_size((void *)(uintptr_t)block);
}

size_t memory_used(void)
{
    return used_bytes;
}

void memory_gauge_init(struct memory_gauge *gauge)
{
    *gauge = (struct memory_gauge){0};
}

size_t memory_gauge_read(struct memory_gauge *gauge)
{
    (void)gauge;
    return used_bytes;
}

void memory_read_statistics(struct memory_statistics *out)
{
    *out = (struct memory_statistics){used_bytes, used_bytes, used_bytes, 0, 0};
}

void memory_report(void (*write)(void *context, const char *text), void *context)
{
    write(context, "The C library's allocator keeps no statistics.\n");
}

void memory_purge(void)
{
}

void memory_after_fork(void)
{
}

const char *memory_allocator_name(void)
{
    return "libc";
}

#else

#include <jemalloc/jemalloc.h>

/* Free pages go back to the system from jemalloc's own thread: on ours that was seen to take 4 ms
 * at a time. Blocks of up to 8 KiB come from runs of up to 512 blocks or 16 pages instead of one to
 * seven pages: jemalloc keeps 128 bytes for each run, which at one page a run is 2 bytes for each
 * entry of 64. */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:true,slab_sizes:1-8192:16";

void *memory_try_allocate(size_t size)
{
    return mallocx(size > 0 ? size : 1, 0);
}

void *memory_allocate_zeroed(size_t size)
{
    return or_abort(mallocx(size > 0 ? size : 1, MALLOCX_ZERO), size);
}

void *memory_try_resize(void *block, size_t size)
{
    if (block == NULL)
        return memory_try_allocate(size);
    return rallocx(block, size > 0 ? size : 1, 0);
}

void *memory_allocate_aligned(size_t size, size_t alignment)
{
    return or_abort(mallocx(size, MALLOCX_ALIGN(alignment)), size);
}

void memory_free(void *block)
{
    if (block != NULL)
        dallocx(block, 0);
}

void memory_free_sized(void *block, size_t size)
{
    if (block != NULL)
        sdallocx(block, size > 0 ? size : 1, 0);
}

size_t memory_good_size(size_t size)
{
    return nallocx(size > 0 ? size : 1, 0);
}

size_t memory_usable_size(const void *block)
{
    return sallocx(block, 0);
}

static size_t read_count(const char *name)
{
    size_t count = 0, size = sizeof count;
    if (mallctl(name, &count, &size, NULL, 0) != 0)
        return 0;
    return count;
}

static void refresh_epoch(void)
{
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    if (mallctl("epoch", &epoch, &size, &epoch, size) != 0)
        return; /* statistics stay as they were */
}

size_t memory_used(void)
{
    refresh_epoch();
    return read_count("stats.allocated");
}

static const uint64_t *thread_count(const char *name)
{
    uint64_t *count = NULL;
    size_t size = sizeof count;
    if (mallctl(name, &count, &size, NULL, 0) != 0)
        return NULL; /* an allocator built without statistics */
    return count;
}

static void gauge_look_up(struct memory_gauge *gauge)
{
    gauge->used = memory_used();
    if (gauge->taken == NULL)
        return;
    gauge->taken_before = *gauge->taken;
    gauge->freed_before = *gauge->freed;
}

void memory_gauge_init(struct memory_gauge *gauge)
{
    *gauge = (struct memory_gauge){.taken = thread_count("thread.allocatedp"),
                                   .freed = thread_count("thread.deallocatedp")};
    if (gauge->freed == NULL)
        gauge->taken = NULL;
    gauge_look_up(gauge);
}

size_t memory_gauge_read(struct memory_gauge *gauge)
{
    uint64_t taken = 0, freed = 0;
    if (LIKELY(gauge->taken != NULL)) {
        taken = *gauge->taken - gauge->taken_before;
        freed = *gauge->freed - gauge->freed_before;
    }
    if (UNLIKELY(taken + freed >= MEMORY_GAUGE_STALE_MAX || gauge->taken == NULL)) {
        gauge_look_up(gauge);
        return gauge->used;
    }
    /* Less than nothing is left if this thread freed what others took since. */
    return gauge->used + taken > freed ? gauge->used + (size_t)taken - (size_t)freed : 0;
}

void memory_read_statistics(struct memory_statistics *out)
{
    refresh_epoch();
    out->used = read_count("stats.allocated");
    out->active = read_count("stats.active");
    out->resident = read_count("stats.resident");
    out->retained = read_count("stats.retained");
    out->metadata = read_count("stats.metadata");
}

void memory_report(void (*write)(void *context, const char *text), void *context)
{
    malloc_stats_print(write, context, "");
}

void memory_purge(void)
{
    char name[32];
    snprintf(name, sizeof name, "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
    if (mallctl("thread.tcache.flush", NULL, NULL, NULL, 0) != 0 ||
        mallctl(name, NULL, NULL, NULL, 0) != 0)
        return; /* nothing to give back */
}

void memory_after_fork(void)
{
    bool yes = true;
    if (mallctl("background_thread", NULL, NULL, &yes, sizeof yes) != 0)
        return; /* an allocator built without: pages go back from the threads that free */
}

const char *memory_allocator_name(void)
{
#define TEXT(number) #number
#define NUMBER(number) TEXT(number)
    return "jemalloc-" NUMBER(JEMALLOC_VERSION_MAJOR) "." NUMBER(JEMALLOC_VERSION_MINOR) "." NUMBER(
        JEMALLOC_VERSION_BUGFIX);
}

#endif

void *memory_allocate(size_t size)
{
    return or_abort(memory_try_allocate(size), size);
}

void *memory_resize(void *block, size_t size)
{
    return or_abort(memory_try_resize(block, size), size);
}

char *memory_copy_string(const char *string)
{
    size_t size = strlen(string) + 1;
    return memcpy(memory_allocate(size), string, size);
}
