#include "bench/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

const char *scratch_parent(void)
{
    const char *parent = getenv("TMPDIR");
    return parent != NULL ? parent : "/tmp";
}

void scratch_make(char path[SCRATCH_PATH_SIZE])
{
    snprintf(path, SCRATCH_PATH_SIZE, "%s/holdfast-bench-XXXXXX", scratch_parent());
    if (mkdtemp(path) == NULL)
        bench_fail("cannot make a folder in %s", scratch_parent());
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void scratch_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
