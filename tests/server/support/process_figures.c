#include "support/process_figures.h"

#include "support/fixture.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t process_cpu_us(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &time), 0);
    return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

int64_t process_resident(pid_t pid)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int found = fscanf(file, "%*d %ld", &pages);
    fclose(file);
    assert_int_equal(found, 1);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

bool figure_within(const char *what, int64_t figure, int64_t limit)
{
    printf("# %s: %" PRId64 " of %" PRId64 "\n", what, figure, limit);
    return figure <= limit;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

int64_t figures_percentile(int64_t *figures, size_t count, int percent)
{
    qsort(figures, count, sizeof *figures, compare);
    return figures[(count - 1) * (size_t)percent / 100];
}

pid_t background_begin(void (*act)(void *context), void *context)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        act(context);
}

void background_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
