/* The one part of random.h that asks the system: in a file of its own, so that the simulated world
 * can have another in its place. */
#include <errno.h>
#include <sys/random.h>

#include "base/assertion.h"
#include "system/random.h"

void random_fill_secret(struct random *random, void *out, size_t length)
{
    (void)random; /* the simulated one draws from its seed */
    char *at = out;
    while (length > 0) {
        ssize_t count = getrandom(at, length, 0);
        if (count < 0 && errno == EINTR)
            continue;
        ASSERT(count > 0);
        at += count;
        length -= (size_t)count;
    }
}
