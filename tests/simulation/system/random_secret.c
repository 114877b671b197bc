/* What system/random.h takes from outside, in the simulated world: from the seed. */
#include "system/random.h"
#include "world.h"

void random_fill_secret(struct random *random, void *out, size_t length)
{
    (void)random;
    unsigned char *bytes = out;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)world_below(256);
}
