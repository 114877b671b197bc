/* redis.conf's grammar: one directive a line, its words separated by blanks, "double" and 'single'
 * quotes as redis-cli has them, comments on lines that begin with #, `include` of other files
 * (patterns allowed) in place.
 *
 * Knows no directive but include and touches no file: reading is the caller's. Errors say file and
 * line. Lines are not repeated in errors: they may hold passwords. */
#ifndef HOLDFAST_SERVER_CONFIG_CONFIG_FILE_H
#define HOLDFAST_SERVER_CONFIG_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#define CONFIG_FILE_DEPTH_MAX 16 /* files within files */
#define CONFIG_FILE_INCLUDES_MAX                                                                   \
    1000 /* files in all, so that files that include each other end                                \
          */

/* One directive. Borrowed for the call. */
struct config_line {
    const char *file; /* as it was named */
    size_t number;    /* from 1 */
    const struct slice
        *words;   /* [0] is the directive; each has a NUL behind its bytes and none within */
    size_t count; /* at least 1 */
};

struct config_file_handlers {
    void *context;
    /* Appends the bytes of a file to `content`. */
    enum error (*read)(void *context, const char *path, struct buffer *content);
    /* Calls `found` for every path that matches, in order of name. */
    enum error (*expand)(void *context, const char *pattern,
                         void (*found)(void *found_context, const char *path), void *found_context);
    /* Takes a directive. False: it is refused, `problem` says why. */
    bool (*directive)(void *context, const struct config_line *line, struct buffer *problem);
};

/* Hands every directive of `content` to the handlers, in order. `file` is what errors call it.
 * ERROR_SYNTAX: it ends at the first line that is refused; `error_text` (file:line: problem) is
 * appended to. */
WARN_UNUSED enum error config_file_parse(const struct config_file_handlers *handlers,
                                         const char *file, struct slice content,
                                         struct buffer *error_text);

/* The same for a file that is to be read first. ERROR_SYSTEM: it cannot be. */
WARN_UNUSED enum error config_file_load(const struct config_file_handlers *handlers,
                                        const char *path, struct buffer *error_text);

/* The line from its first word on; empty: a comment or blank. */
struct slice config_file_directive(struct slice line);

/* Appends `word` in double quotes, such that reading it gives the same bytes. */
void config_file_quote(struct slice word, struct buffer *out);

#endif
