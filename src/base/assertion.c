#include "base/assertion.h"

#include <stdio.h>
#include <stdlib.h>

void assertion_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "assertion failed: %s (%s:%d)\n", condition, file, line);
    fflush(stderr);
    abort();
}
