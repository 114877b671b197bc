#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_PATH_MAX 4096 /* bytes */

/* The sink: the one global of the program beside the signal flag. */
static struct {
    int descriptor;
    enum log_level level;
    long long (*now_ms)(void);
    char path[LOG_PATH_MAX]; /* "" is standard output */
} sink = {.descriptor = STDOUT_FILENO, .level = LOG_NOTICE};

void log_set_clock(long long (*now_ms)(void))
{
    sink.now_ms = now_ms;
}

void log_set_level(enum log_level level)
{
    sink.level = level;
}

enum log_level log_level(void)
{
    return sink.level;
}

enum error log_open(const char *path)
{
    if (strlen(path) >= LOG_PATH_MAX)
        return ERROR_LIMIT;
    int descriptor = STDOUT_FILENO;
    if (path[0] != '\0') {
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (descriptor < 0)
            return ERROR_SYSTEM;
    }
    if (sink.descriptor != STDOUT_FILENO)
        close(sink.descriptor);
    sink.descriptor = descriptor;
    if (path != sink.path)
        memcpy(sink.path, path, strlen(path) + 1);
    return OK;
}

enum error log_reopen(void)
{
    return log_open(sink.path);
}

static void write_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(sink.descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* there is nowhere to say so */
        bytes += written;
        length -= (size_t)written;
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "verbose", "notice", "warning", "nothing"};
    if (level < sink.level || sink.level == LOG_NOTHING)
        return;
    long long now_ms = sink.now_ms != NULL ? sink.now_ms() : 0;
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    char line[LOG_LINE_MAX];
    size_t length = strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S", &local);
    length +=
        (size_t)snprintf(line + length, sizeof line - length,
                         ".%03d %ld %s: ", (int)(now_ms % 1000), (long)getpid(), names[level]);
    va_list arguments;
    va_start(arguments, format);
    int text = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
    va_end(arguments);
    size_t room = sizeof line - length - 2;
    if (text > 0)
        length += (size_t)text < room ? (size_t)text : room;
    line[length++] = '\n';
    write_all(line, length);
}

void log_raw(const char *text)
{
    write_all(text, strlen(text));
}

int log_descriptor(void)
{
    return sink.descriptor;
}
