/* The whole server in a simulated world, from seeds (RELIABILITY.md's row S).
 *
 *     build/simulation                      the controls, exact replay, then seeds for
 *                                           --seconds (60), at least --seeds (200)
 *     build/simulation --seed N             that one, with a line of figures (and --verbose)
 *     build/simulation --seconds N          for so long
 *     build/simulation --first N            the first of the seeds; else the time chooses
 *
 * A seed that fails is printed with what replays it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "scenario.h"
#include "system/clock.h"

#define SECONDS_DEFAULT 60
#define SEEDS_MIN_DEFAULT 200
#define CONTROL_SEEDS_MAX 2000
#define REPLAYS 20
#define FAILURES_MAX 5
#define MEETINGS_SEEDS_MIN 2000 /* in so many seeds everything must have been met */

struct options {
    uint64_t seed, first, seeds_min;
    bool one, verbose;
    double seconds;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void print_failure(uint64_t seed, const struct scenario_result *result)
{
    printf("seed %llu: %s\n  replay: build/simulation --seed %llu --verbose\n",
           (unsigned long long)seed, result->why, (unsigned long long)seed);
}

static bool report(bool good, const char *name)
{
    printf("%sok - %s\n", good ? "" : "not ", name);
    fflush(stdout);
    return good;
}

/* What was met, as a line. False: something never was. */
static bool print_meetings(const uint64_t met[WORLD_MEETINGS])
{
    bool all = true;
    printf("#");
    for (int i = 0; i < WORLD_MEETINGS; i++) {
        printf("%s %llu %s", i > 0 ? "," : "", (unsigned long long)met[i],
               world_meeting_name((enum world_meeting)i));
        all = all && met[i] > 0;
    }
    printf("\n");
    return all;
}

/* --- one seed --- */

static int run_one(uint64_t seed)
{
    struct scenario_result result;
    scenario_run(seed, CONTROL_NONE, &result);
    printf("seed %llu: %llu lives, %llu recoveries, %llu turns, %llu steps, %llu replies (%llu "
           "errors), trace %016llx\n",
           (unsigned long long)seed, (unsigned long long)result.lives,
           (unsigned long long)result.recoveries, (unsigned long long)result.turns,
           (unsigned long long)result.steps, (unsigned long long)result.replies,
           (unsigned long long)result.errors, (unsigned long long)result.trace);
    (void)print_meetings(result.met);
    if (result.failed)
        print_failure(seed, &result);
    return result.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- the tests --- */

static bool control_is_caught(enum scenario_control control, const char *name)
{
    struct scenario_result result = {.failed = false};
    uint64_t seed = 0;
    while (!result.failed && ++seed <= CONTROL_SEEDS_MAX)
        scenario_run(seed, control, &result);
    if (result.failed)
        printf("# seed %llu: %s\n", (unsigned long long)seed, result.why);
    return report(result.failed, name);
}

static bool seeds_replay_exactly(void)
{
    bool good = true;
    for (uint64_t seed = 1; seed <= REPLAYS; seed++) {
        struct scenario_result first, second;
        scenario_run(seed, CONTROL_NONE, &first);
        scenario_run(seed, CONTROL_NONE, &second);
        if (first.trace == second.trace)
            continue;
        printf("seed %llu went two ways\n", (unsigned long long)seed);
        good = false;
    }
    return report(good, "a seed replays exactly");
}

static bool run_seeds(const struct options *options)
{
    uint64_t count = 0, turns = 0, recoveries = 0, replies = 0, met[WORLD_MEETINGS] = {0};
    double begin = now(), end = begin + options->seconds;
    clock_t begin_clock = clock();
    int failures = 0;
    while ((count < options->seeds_min || now() < end) && failures < FAILURES_MAX) {
        struct scenario_result result;
        uint64_t seed = options->first + count++;
        scenario_run(seed, CONTROL_NONE, &result);
        turns += result.turns;
        recoveries += result.recoveries;
        replies += result.replies;
        for (int i = 0; i < WORLD_MEETINGS; i++)
            met[i] += result.met[i];
        if (!result.failed)
            continue;
        failures++;
        print_failure(seed, &result);
        fflush(stdout);
    }
    double processor_seconds = (double)(clock() - begin_clock) / CLOCKS_PER_SEC;
    printf("# seeds %llu to %llu: %.0f a second (%.0f of the processor's); %llu recoveries, %llu "
           "turns, %llu replies\n",
           (unsigned long long)options->first, (unsigned long long)(options->first + count - 1),
           (double)count / (now() - begin), (double)count / processor_seconds,
           (unsigned long long)recoveries, (unsigned long long)turns, (unsigned long long)replies);
    bool good = report(print_meetings(met) || count < MEETINGS_SEEDS_MIN,
                       "seeds meet everything that is checked");
    return report(failures == 0, "seeds keep every promise") && good;
}

static int run_all(const struct options *options)
{
    bool good = true;
    good &= control_is_caught(CONTROL_GATES_OFF, "replies that do not wait are caught");
    good &= control_is_caught(CONTROL_MESSAGES_AHEAD, "messages that do not wait are caught");
    good &= control_is_caught(CONTROL_DISK_LIES, "a disk that lies is caught");
    good &= control_is_caught(CONTROL_STALE_READ, "a stale read is caught");
    good &= control_is_caught(CONTROL_ANSWERS_FORGED, "keys that go too early are caught");
    good &= seeds_replay_exactly();
    good &= run_seeds(options);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool parse(int count, char **words, struct options *options)
{
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : "";
        if (strcmp(words[i], "--verbose") == 0) {
            options->verbose = true;
            continue;
        }
        if (strcmp(words[i], "--seed") == 0) {
            options->one = true;
            options->seed = strtoull(value, NULL, 10);
        } else if (strcmp(words[i], "--first") == 0) {
            options->first = strtoull(value, NULL, 10);
        } else if (strcmp(words[i], "--seeds") == 0) {
            options->seeds_min = strtoull(value, NULL, 10);
        } else if (strcmp(words[i], "--seconds") == 0) {
            options->seconds = strtod(value, NULL);
        } else {
            fprintf(stderr, "unknown option: %s\n", words[i]);
            return false;
        }
        i++;
    }
    return true;
}

int main(int count, char **words)
{
    struct options options = {.seeds_min = SEEDS_MIN_DEFAULT,
                              .seconds = SECONDS_DEFAULT,
                              .first = (uint64_t)time(NULL) * 1000000};
    if (!parse(count, words, &options))
        return 2;
    log_set_clock(clock_log_ms);
    log_set_level(options.verbose ? LOG_DEBUG : LOG_NOTHING);
    return options.one ? run_one(options.seed) : run_all(&options);
}
