#include "support/exact_copy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HOLDFAST_SANITIZED

static char *allocate(size_t length)
{
    return malloc(length);
}

static void release(char *data, size_t length)
{
    (void)length;
    free(data);
}

#else

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of the pages before the one that nobody may read. */
static size_t room_for(size_t length)
{
    return (length / page_size() + 1) * page_size();
}

static char *allocate(size_t length)
{
    size_t room = room_for(length);
    char *pages =
        mmap(NULL, room + page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + room, page_size(), PROT_NONE) != 0)
        return NULL;
    return pages + room - length;
}

static void release(char *data, size_t length)
{
    size_t room = room_for(length);
    if (munmap(data + length - room, room + page_size()) != 0)
        abort();
}

#endif

struct slice exact_copy(struct slice bytes)
{
    char *copy = allocate(bytes.length);
    if (copy == NULL && bytes.length > 0)
        abort();
    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    return slice_of(copy, bytes.length);
}

void exact_copy_free(struct slice copy)
{
    if (copy.data != NULL)
        release((char *)(uintptr_t)copy.data, copy.length);
}
