/* A server of one's own for a test: started on a free port, stopped at the end. The program is
 * $HOLDFAST_SERVER. */
#ifndef HOLDFAST_TESTS_SERVER_PROCESS_H
#define HOLDFAST_TESTS_SERVER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct server_process {
    pid_t pid;
    int port;
    char folder[256]; /* its working directory, removed when it has ended */
};

/* A port of loopback that nobody has now. */
int server_process_free_port(void);

/* `arguments`: more of the command line, NULL at the end; may be NULL. Ready to accept when it
 * returns; fails the program if it is not within some seconds. */
void server_process_start(struct server_process *process, const char *const *arguments);
/* The same with a configuration file, whose port does not count. */
void server_process_start_file(struct server_process *process, const char *path);

/* SIGTERM, then waits. Returns the exit status, or -1 if it was killed by a signal. */
int server_process_stop(struct server_process *process);

/* Waits for it to end by itself; the same results. */
int server_process_wait(struct server_process *process);

#endif
