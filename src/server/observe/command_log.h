/* Commands worth remembering: those that were slow, sent a lot, or answered a lot (COMMANDLOG; the
 * slow ones are SLOWLOG). The newest entries of each kind, bounded in number and in what is kept of
 * a command line. */
#ifndef HOLDFAST_SERVER_OBSERVE_COMMAND_LOG_H
#define HOLDFAST_SERVER_OBSERVE_COMMAND_LOG_H

#include <stddef.h>
#include <stdint.h>

#define COMMAND_LOG_ARGUMENTS_MAX 32        /* kept of one command line, as in Redis */
#define COMMAND_LOG_ARGUMENT_LENGTH_MAX 128 /* bytes kept of one argument */

enum command_log_kind {
    COMMAND_LOG_SLOW,          /* value: microseconds */
    COMMAND_LOG_LARGE_REQUEST, /* value: bytes */
    COMMAND_LOG_LARGE_REPLY,   /* value: bytes */
    COMMAND_LOG_KINDS,
};

struct command_log;
struct observation;

struct command_log *command_log_create(void);
void command_log_destroy(struct command_log *log);

/* Adds an entry; the oldest go until at most `length_max` are left. */
void command_log_add(struct command_log *log, enum command_log_kind kind, int64_t value,
                     int64_t time_s, const struct observation *observation, size_t length_max);

#endif
