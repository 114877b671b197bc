#include "support/server_process.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 10000
#define ARGUMENTS_MAX 32

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, (ms % 1000) * 1000000}, NULL);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int server_process_free_port(void)
{
    int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (socket_ < 0 || bind(socket_, (struct sockaddr *)&address, length) != 0 ||
        getsockname(socket_, (struct sockaddr *)&address, &length) != 0) {
        perror("free port");
        exit(1);
    }
    close(socket_);
    return ntohs(address.sin_port);
}

static bool accepts(int port)
{
    int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    bool connected = connect(socket_, (struct sockaddr *)&address, sizeof address) == 0;
    close(socket_);
    return connected;
}

static void make_folder(struct server_process *process)
{
    const char *parent = getenv("TMPDIR");
    snprintf(process->folder, sizeof process->folder, "%s/holdfast-XXXXXX",
             parent != NULL ? parent : "/tmp");
    if (mkdtemp(process->folder) == NULL) {
        perror(process->folder);
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static _Noreturn void become_server(int port, const char *folder, const char *file,
                                    const char *const *arguments)
{
    const char *program = getenv("HOLDFAST_SERVER");
    char port_text[16];
    snprintf(port_text, sizeof port_text, "%d", port);
    const char *line[ARGUMENTS_MAX] = {program != NULL ? program : "build/holdfast-server"};
    size_t count = 1;
    if (file != NULL)
        line[count++] = file;
    const char *const own[] = {"--port", port_text, "--save", "", "--dir", folder};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        line[count++] = own[i];
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL && count < ARGUMENTS_MAX - 1; i++)
        line[count++] = arguments[i];
    execv(line[0], (char *const *)(void *)line);
    perror(line[0]);
    _exit(127);
}

static void start(struct server_process *process, const char *file, const char *const *arguments)
{
    process->port = server_process_free_port();
    make_folder(process);
    fflush(NULL);
    process->pid = fork();
    if (process->pid == 0)
        become_server(process->port, process->folder, file, arguments);
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += 20) {
        if (accepts(process->port))
            return;
        if (waitpid(process->pid, NULL, WNOHANG) == process->pid)
            break;
        pause_ms(20);
    }
    fprintf(stderr, "the server did not start\n");
    exit(1);
}

void server_process_start(struct server_process *process, const char *const *arguments)
{
    start(process, NULL, arguments);
}

void server_process_start_file(struct server_process *process, const char *path)
{
    start(process, path, NULL);
}

int server_process_wait(struct server_process *process)
{
    int status = 0;
    waitpid(process->pid, &status, 0);
    (void)nftw(process->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int server_process_stop(struct server_process *process)
{
    kill(process->pid, SIGTERM);
    return server_process_wait(process);
}
