/* Memory that runs out when a test says so: memory_try_allocate and memory_try_resize of all code
 * but base/memory.c come here first (the linker's --wrap, see the Makefile). Any thread. */
#ifndef HOLDFAST_TESTS_FAILING_MEMORY_H
#define HOLDFAST_TESTS_FAILING_MEMORY_H

#include <stdbool.h>

/* Call number `call` from now on (from 1) gets NULL, and with `for_good` all after it, too. */
void failing_memory_begin(unsigned call, bool for_good);
/* From now on none fails. True if one did since the last failing_memory_begin. */
bool failing_memory_end(void);

#endif
