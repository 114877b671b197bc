/* This process, as the system sees it: what it uses, what it may use, how it goes to the
 * background. */
#ifndef HOLDFAST_SYSTEM_PROCESS_H
#define HOLDFAST_SYSTEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct process_usage {
    double cpu_system_s, cpu_user_s;                   /* of the whole process */
    double cpu_system_children_s, cpu_user_children_s; /* of children waited for */
    double cpu_system_thread_s, cpu_user_thread_s;     /* of the calling thread */
    uint64_t minor_faults, major_faults;
};
void process_usage(struct process_usage *out);

size_t process_resident_memory(void); /* bytes; 0 if the system does not tell */
size_t process_total_memory(void);    /* bytes of the machine */
int process_id(void);
/* "Linux 6.1.0-18-amd64 x86_64": INFO's os. Cut to size. */
void process_system_name(char *out, size_t size);
void process_host_name(char *out, size_t size);
void process_user_name(char *out, size_t size); /* "" if unknown */
/* The program's own path; "" if unknown. */
void process_executable(char *out, size_t size);

/* Raises the limit of open files to `wanted`, or as near to it as allowed. Returns the limit
 * that holds. */
size_t process_raise_open_files(size_t wanted);

/* Goes to the background: fork, new session, standard streams on /dev/null. Before any thread
 * and any loop. */
WARN_UNUSED enum error process_daemonize(void);

/* Ignores SIGPIPE and SIGHUP (until somebody watches it). */
void process_ignore_signals(void);

/* True if a service manager wants to be told ($NOTIFY_SOCKET). */
bool process_is_supervised(void);
/* Tells it: "READY=1\nSTATUS=Ready to accept connections\n", "STOPPING=1\n". False if it could
 * not be told. */
bool process_notify_manager(const char *text);

/* The title that ps shows, cut to the room that the arguments of main take. `arguments` are
 * overwritten: copy them before. */
void process_set_title(int argument_count, char **arguments, const char *title);

#endif
