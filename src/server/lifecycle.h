/* Start and stop: signals, SHUTDOWN, what the service manager is told, pid file, crash report. */
#ifndef HOLDFAST_SERVER_LIFECYCLE_H
#define HOLDFAST_SERVER_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct lifecycle;
struct server;

/* Read once, at start, but for log_level, crash_log and busy_poll_us. */
struct lifecycle_settings {
    int databases; /* 16 */
    bool daemonize;
    char *pid_file;             /* "" none */
    char *supervised;           /* accepted: a manager that gives $NOTIFY_SOCKET is told */
    char *directory;            /* "dir": the working directory, "" stays */
    char *log_file;             /* "" is standard output */
    int log_level;              /* enum log_level; LOG_NOTICE */
    bool crash_log;             /* crash-log-enabled: true */
    int64_t busy_poll_us;       /* busy-poll-us: 30; event_loop_set_busy_poll */
    int64_t shutdown_timeout_s; /* accepted: nobody to wait for yet */
    char *executable;           /* absolute path, for INFO */
    char *run_id;               /* SERVER_RUN_ID_LENGTH digits, made by server_create if "" */
    char *config_file;          /* absolute, "" none */
};

/* `watches_signals`: of the process; for the one server that main runs, not for those of tests. */
struct lifecycle *lifecycle_create(struct server *server, struct lifecycle_settings *settings,
                                   bool watches_signals);
void lifecycle_destroy(struct lifecycle *lifecycle);

/* The server listens: the start-up line, the pid file. */
void lifecycle_begin(struct lifecycle *lifecycle);
/* It has loaded what there was and serves: told to the log and to the service manager. */
void lifecycle_ready(struct lifecycle *lifecycle);

/* The loop ends after this turn; replies of the turn still go out. `why` goes to the log. */
void lifecycle_stop(struct lifecycle *lifecycle, const char *why);
bool lifecycle_is_stopping(const struct lifecycle *lifecycle);

/* After crash-log-enabled, loglevel or busy-poll-us changed. */
void lifecycle_apply(struct lifecycle *lifecycle);

#endif
