/* Log lines that people read: "2026-11-20 22:21:05.123 4711 notice: text". The sink is the one
 * global of the program beside the signal flag. Any thread. */
#ifndef HOLDFAST_BASE_LOG_H
#define HOLDFAST_BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE, LOG_WARNING, LOG_NOTHING };

#define LOG_LINE_MAX 4096 /* bytes of one line; longer ones are cut */

/* Where the time of a line comes from, set once at start (system/clock fits): milliseconds since
 * 1970. */
void log_set_clock(long long (*now_ms)(void));
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* "" is standard output. On error the sink stays as it was, errno tells. */
WARN_UNUSED enum error log_open(const char *path);
/* Opens the same path again (SIGHUP, after a rotation). */
WARN_UNUSED enum error log_reopen(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For signal handlers: writes as is to the sink's descriptor, allocates nothing. */
void log_raw(const char *text);
int log_descriptor(void);

#endif
