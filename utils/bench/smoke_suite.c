/* The ratios that matter, in under a minute: fewer turns and keys than the suites they come from.
 */
#include "bench/bench.h"

#define TURNS 3

static void run(const struct bench *bench, struct report *report)
{
    struct bench quick = *bench;
    quick.quick = true;
    quick.turns = bench_turns(bench, TURNS);
    throughput_suite.run(&quick, report);
    memory_suite.run(&quick, report);
}

const struct suite smoke_suite = {"smoke",
                                  "throughput and memory in under a minute; only when named", run};
