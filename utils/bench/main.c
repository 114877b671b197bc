/* holdfast-bench: figures of Holdfast beside those of Debian's redis-server. */
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/report.h"

#define PATH_BYTES 512

static const struct suite *const suites[] = {
    &memory_suite,     &insert_latency_suite,   &expiry_suite,  &durability_suite, &restart_suite,
    &compaction_suite, &compaction_large_suite, &publish_suite, &throughput_suite, &scaling_suite,
    &latency_suite,    &collections_suite,      &smoke_suite};
#define SUITES (sizeof suites / sizeof suites[0])

static void print_usage(FILE *out)
{
    fputs("holdfast-bench [OPTION]... [SUITE]...\n"
          "  --server PATH   of holdfast-server (default: beside this program)\n"
          "  --redis PATH    of redis-server (default: /usr/bin/redis-server)\n"
          "  --memcached PATH (default: /usr/bin/memcached)\n"
          "  --output DIR    for JSON and logs (default: bench/ beside this program)\n"
          "  --turns N       measure each figure N times\n"
          "  --quick         a tenth of the keys, one turn\n"
          "  --check         exit with 1 when a target is not met\n"
          "Suites (default: all):\n",
          out);
    for (size_t i = 0; i < SUITES; i++)
        fprintf(out, "  %-16s%s\n", suites[i]->name, suites[i]->summary);
}

static bool is_wanted(const struct suite *suite, char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], suite->name) == 0)
            return true;
    return count == 0 && suite != &smoke_suite;
}

static void check_names(char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        bool known = false;
        for (size_t s = 0; s < SUITES; s++)
            known = known || strcmp(names[i], suites[s]->name) == 0;
        if (!known)
            bench_fail("no suite \"%s\"; see --help", names[i]);
    }
}

static size_t run_suite(const struct bench *bench, const struct suite *suite)
{
    struct report *report = report_create(suite->name, suite->summary);
    fprintf(stderr, "%s\n", suite->name);
    suite->run(bench, report);
    report_print(report, stdout);
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.json", bench->output_folder, suite->name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        bench_fail("cannot write %s", path);
    report_write_json(report, file);
    fclose(file);
    size_t missed = report_count_missed(report);
    report_destroy(report);
    return missed;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"server", required_argument, NULL, 's'},
                                            {"redis", required_argument, NULL, 'r'},
                                            {"memcached", required_argument, NULL, 'm'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"turns", required_argument, NULL, 't'},
                                            {"quick", no_argument, NULL, 'q'},
                                            {"check", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    char self[PATH_BYTES], server[PATH_BYTES + 32], output[PATH_BYTES + 32];
    snprintf(self, sizeof self, "%s", argv[0]);
    const char *folder = dirname(self);
    snprintf(server, sizeof server, "%s/holdfast-server", folder);
    snprintf(output, sizeof output, "%s/bench", folder);
    struct bench bench = {server, "/usr/bin/redis-server", "/usr/bin/memcached", output, 0, false};
    bool check = false;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            bench.server_path = optarg;
            break;
        case 'r':
            bench.redis_path = optarg;
            break;
        case 'm':
            bench.memcached_path = optarg;
            break;
        case 'o':
            bench.output_folder = optarg;
            break;
        case 't':
            bench.turns = (int)strtol(optarg, NULL, 10);
            break;
        case 'q':
            bench.quick = true;
            break;
        case 'c':
            check = true;
            break;
        case 'h':
            print_usage(stdout);
            return 0;
        default:
            print_usage(stderr);
            return 2;
        }
    }
    check_names(argv + optind, argc - optind);
    mkdir(bench.output_folder, 0755);
    bench_pin(BENCH_LOAD_CORE);
    for (int side = 0; side < SIDES; side++)
        if (!contender_is_there(&bench, (enum side)side))
            fprintf(stderr, "holdfast-bench: no %s server here: its figures are left out\n",
                    contender_name((enum side)side));
    size_t missed = 0;
    for (size_t i = 0; i < SUITES; i++)
        if (is_wanted(suites[i], argv + optind, argc - optind))
            missed += run_suite(&bench, suites[i]);
    return check && missed > 0 ? 1 : 0;
}
