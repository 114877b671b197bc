/* Start and stop: signals, SHUTDOWN, what the service manager is told, pid file, crash report. */
#ifndef HOLDFAST_SERVER_LIFECYCLE_H
#define HOLDFAST_SERVER_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct lifecycle;
struct server;

/* Read once, at start. */
struct lifecycle_settings {
    int databases; /* 16 */
    bool daemonize;
    char *pid_file;   /* "" none, unless daemonized: then "/var/run/holdfast.pid" is tried */
    char *supervised; /* "no", "systemd", "upstart", "auto" */
    char *directory;  /* "dir": the working directory, "" stays */
    char *log_file;   /* "" is standard output */
    int log_level;    /* enum log_level; LOG_NOTICE */
    bool crash_log;   /* crash-log-enabled: true */
    int64_t shutdown_timeout_s; /* accepted: nobody to wait for yet */
    char *executable;           /* argv[0], for INFO */
    char *run_id;               /* SERVER_RUN_ID_LENGTH digits, made at start */
    char *config_file;          /* absolute, "" none */
};

struct lifecycle *lifecycle_create(struct server *server, struct lifecycle_settings *settings);
void lifecycle_destroy(struct lifecycle *lifecycle);

/* The loop ends after this turn; replies of the turn still go out. */
void lifecycle_stop(struct lifecycle *lifecycle);

#endif
