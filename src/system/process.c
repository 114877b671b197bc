#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/memory.h"

static double process_seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void process_usage(struct process_usage *out)
{
    struct rusage own = {0}, children = {0}, thread = {0};
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    getrusage(RUSAGE_THREAD, &thread);
    *out = (struct process_usage){
        .cpu_system_s = process_seconds(own.ru_stime),
        .cpu_user_s = process_seconds(own.ru_utime),
        .cpu_system_children_s = process_seconds(children.ru_stime),
        .cpu_user_children_s = process_seconds(children.ru_utime),
        .cpu_system_thread_s = process_seconds(thread.ru_stime),
        .cpu_user_thread_s = process_seconds(thread.ru_utime),
        .minor_faults = (uint64_t)own.ru_minflt,
        .major_faults = (uint64_t)own.ru_majflt,
    };
}

size_t process_resident_memory(void)
{
    char text[128];
    unsigned long long total, resident;
    int descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return 0;
    ssize_t count = read(descriptor, text, sizeof(text) - 1);
    close(descriptor);
    if (count <= 0)
        return 0;
    text[count] = '\0';
    if (sscanf(text, "%llu %llu", &total, &resident) != 2)
        return 0;
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

size_t process_total_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages <= 0 ? 0 : (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

int process_id(void)
{
    return (int)getpid();
}

void process_system_name(char *out, size_t size)
{
    struct utsname name;
    if (uname(&name) != 0)
        memset(&name, 0, sizeof(name));
    snprintf(out, size, "%s %s %s", name.sysname, name.release, name.machine);
}

void process_host_name(char *out, size_t size)
{
    if (gethostname(out, size) != 0)
        snprintf(out, size, "localhost");
    out[size - 1] = '\0';
}

void process_user_name(char *out, size_t size)
{
    char names[1024];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, names, sizeof(names), &found) != 0)
        found = NULL;
    snprintf(out, size, "%s", found == NULL ? "" : found->pw_name);
}

void process_executable(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    out[length < 0 ? 0 : length] = '\0';
}

size_t process_raise_open_files(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur >= wanted)
        return (size_t)limit.rlim_cur;
    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
    if (raised.rlim_max < wanted)
        raised.rlim_max = wanted; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return wanted;
    raised.rlim_cur = raised.rlim_max = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return (size_t)raised.rlim_cur;
    return (size_t)limit.rlim_cur;
}

enum error process_daemonize(void)
{
    pid_t child = fork();
    if (child < 0)
        return ERROR_SYSTEM;
    if (child > 0)
        _exit(0);
    memory_after_fork();
    if (setsid() < 0)
        return ERROR_SYSTEM;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return ERROR_SYSTEM;
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (dup2(null, stream) < 0)
            return ERROR_SYSTEM;
    }
    if (null > STDERR_FILENO)
        close(null);
    return OK;
}

void process_ignore_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

bool process_is_supervised(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    return path != NULL && (path[0] == '/' || path[0] == '@') && path[1] != '\0';
}

bool process_notify_manager(const char *text)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!process_is_supervised())
        return false;
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = strlen(path);
    if (length >= sizeof(at.sun_path))
        return false;
    memcpy(at.sun_path, path, length);
    if (path[0] == '@') /* the abstract name space */
        at.sun_path[0] = '\0';
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent =
        sendto(descriptor, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&at, size);
    close(descriptor);
    return sent == (ssize_t)strlen(text);
}

void process_set_title(int argument_count, char **arguments, const char *title)
{
    /* The arguments lie behind each other in memory: ps shows from the first to the last. */
    char *start = arguments[0], *end = start;
    for (int i = 0; i < argument_count && arguments[i] == end; i++)
        end += strlen(arguments[i]) + 1;
    if (end - start < 2)
        return;
    size_t room = (size_t)(end - start);
    memset(start, 0, room);
    snprintf(start, room, "%s", title);
}
