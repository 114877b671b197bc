#include "bench/contender.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "bench/wire.h"

#define START_MS_MAX 10000
#define START_STEP_MS 5
#define LOAD_MS_MAX 300000 /* of a server that has something to load */
#define ARGUMENTS_MAX 32

const char *contender_name(enum side side)
{
    static const char *const names[SIDES] = {"holdfast", "redis", "memcached", "floor"};
    return names[side];
}

static const char *program(const struct bench *bench, enum side side)
{
    if (side == SIDE_MEMCACHED)
        return bench->memcached_path;
    return side == SIDE_HOLDFAST ? bench->server_path : bench->redis_path;
}

bool contender_is_there(const struct bench *bench, enum side side)
{
    return side == SIDE_FLOOR || access(program(bench, side), X_OK) == 0;
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, length) != 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        bench_fail("no free port on the loopback");
    close(descriptor);
    return ntohs(address.sin_port);
}

static _Noreturn void become_memcached(const struct bench *bench, const char *port)
{
    execl(bench->memcached_path, "memcached", "-u", "root", "-l", "127.0.0.1", "-U", "0", "-t", "1",
          "-m", "4096", "-c", "16384", "-p", port, (char *)NULL);
    _exit(127);
}

static _Noreturn void become(const struct bench *bench, enum side side, int port,
                             const char *folder, const char *const *arguments)
{
    char log[512], port_text[16];
    snprintf(log, sizeof log, "%s/%s.log", bench->output_folder, contender_name(side));
    snprintf(port_text, sizeof port_text, "%d", port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (folder == NULL)
        bench_pin(BENCH_SERVER_CORE);
    else
        bench_unpin();
    int descriptor = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (descriptor >= 0) {
        dup2(descriptor, STDOUT_FILENO);
        dup2(descriptor, STDERR_FILENO);
    }
    if (side == SIDE_FLOOR)
        floor_run(port);
    if (side == SIDE_MEMCACHED)
        become_memcached(bench, port_text);
    char here[PATH_MAX], path[2 * PATH_MAX]; /* absolute: the folder may change */
    const char *named = program(bench, side);
    snprintf(path, sizeof path, "%s%s%s", named[0] == '/' ? "" : getcwd(here, sizeof here),
             named[0] == '/' ? "" : "/", named);
    const char *line[ARGUMENTS_MAX] = {path,     "--port", port_text,     "--bind", "127.0.0.1",
                                       "--save", "",       "--daemonize", "no"};
    size_t count = 9;
    static const char *const volatile_arguments[] = {"--appendonly", "no", NULL};
    for (const char *const *at = folder != NULL ? arguments : volatile_arguments; *at != NULL; at++)
        if (count < ARGUMENTS_MAX - 1)
            line[count++] = *at;
    if (folder == NULL || chdir(folder) == 0)
        execv(path, (char *const *)(uintptr_t)line);
    _exit(127);
}

void contender_start(struct contender *contender, const struct bench *bench, enum side side)
{
    contender_start_in(contender, bench, side, NULL, NULL);
}

void contender_start_in(struct contender *contender, const struct bench *bench, enum side side,
                        const char *folder, const char *const *arguments)
{
    *contender = (struct contender){.side = side, .port = free_port()};
    contender->pid = fork();
    if (contender->pid < 0)
        bench_fail("no process for %s", contender_name(side));
    if (contender->pid == 0)
        become(bench, side, contender->port, folder, arguments);
    for (int waited_ms = 0;; waited_ms += START_STEP_MS) {
        struct wire wire;
        if (wire_try_open(&wire, contender->port)) {
            bool ready = side == SIDE_MEMCACHED ||
                         wire_command(&wire, "PING").type == '+'; /* not -LOADING */
            wire_close(&wire);
            if (ready)
                return;
        }
        if (waitpid(contender->pid, NULL, WNOHANG) == contender->pid ||
            waited_ms > (folder != NULL ? LOAD_MS_MAX : START_MS_MAX))
            bench_fail("%s did not start: see %s/%s.log", program(bench, side),
                       bench->output_folder, contender_name(side));
        bench_sleep_us(START_STEP_MS * 1000);
    }
}

void contender_allow_clients(const struct contender *contender)
{
    struct wire wire;
    if (contender->side >= SIDES_OF_REDIS)
        return;
    wire_open(&wire, contender->port);
    wire_configure(&wire, "maxclients", "12000");
    wire_close(&wire);
}

void contender_stop(struct contender *contender)
{
    kill(contender->pid, SIGKILL); /* nothing of it is kept */
    waitpid(contender->pid, NULL, 0);
    contender->pid = 0;
}

static FILE *open_proc(const struct contender *contender, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)contender->pid, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        bench_fail("%s is gone: see its log", contender_name(contender->side));
    return file;
}

size_t contender_resident_bytes(const struct contender *contender)
{
    FILE *file = open_proc(contender, "status");
    char line[256];
    size_t resident_kib = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            resident_kib = strtoul(line + 6, NULL, 10);
    fclose(file);
    return resident_kib * 1024;
}

/* Time on a core and time waiting for one, of the main thread: the loop. */
static void read_schedule(const struct contender *contender, int64_t *cpu_ns, int64_t *queued_ns)
{
    FILE *file = open_proc(contender, "schedstat");
    if (fscanf(file, "%" SCNd64 " %" SCNd64, cpu_ns, queued_ns) != 2)
        *cpu_ns = *queued_ns = 0;
    fclose(file);
}

int64_t contender_cpu_ns(const struct contender *contender)
{
    int64_t cpu_ns, queued_ns;
    read_schedule(contender, &cpu_ns, &queued_ns);
    return cpu_ns;
}

int64_t contender_all_cpu_ns(const struct contender *contender)
{
    char path[64];
    int64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)contender->pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        bench_fail("%s is gone: see its log", contender_name(contender->side));
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char name[512];
        int64_t cpu_ns;
        snprintf(name, sizeof name, "%s/%s/schedstat", path, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(name, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%" SCNd64, &cpu_ns) == 1)
            sum += cpu_ns;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

int64_t contender_queued_ns(const struct contender *contender)
{
    int64_t cpu_ns, queued_ns;
    read_schedule(contender, &cpu_ns, &queued_ns);
    return queued_ns;
}

static size_t pss_of(long pid)
{
    char path[64], line[256];
    size_t pss_kib = 0;
    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0; /* a child that has ended */
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Pss:", 4) == 0)
            pss_kib = strtoul(line + 4, NULL, 10);
    fclose(file);
    return pss_kib * 1024;
}

size_t contender_pss_bytes(const struct contender *contender)
{
    char path[96];
    long child;
    size_t sum = pss_of(contender->pid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)contender->pid,
             (int)contender->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%ld", &child) == 1)
        sum += pss_of(child);
    if (file != NULL)
        fclose(file);
    return sum;
}
