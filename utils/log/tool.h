/* What the parts of holdfast-log share: the directory, reading a file of the log group by group. */
#ifndef HOLDFAST_LOG_TOOL_H
#define HOLDFAST_LOG_TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "persist/log_group.h"
#include "persist/log_manifest.h"
#include "protocol/resp_parser.h"

#define TOOL_PATH_MAX 4096

/* Exit statuses. */
enum tool_status {
    TOOL_OK = 0,
    TOOL_DAMAGED = 1, /* the log is not in order */
    TOOL_USAGE = 2,
    TOOL_FAILED = 3, /* a file could not be read or written */
};

struct tool {
    char directory[TOOL_PATH_MAX];
    char manifest_path[TOOL_PATH_MAX]; /* of the one *.manifest in it */
    struct log_manifest manifest;
};

/* Ends the program with TOOL_FAILED and a message. */
_Noreturn void tool_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Finds and reads the manifest. */
void tool_open(struct tool *tool, const char *directory);
void tool_close(struct tool *tool);
void tool_file_path(const struct tool *tool, const char *name, char path[TOOL_PATH_MAX]);

/* About once a second, to stderr if that is a terminal. */
void tool_progress(const char *what, uint64_t done, uint64_t total);

/* --- reading an increment --- */

enum walk_event {
    WALK_GROUP,   /* one that is in order; its commands follow */
    WALK_COMMAND, /* with `command` */
    WALK_BAD,     /* bytes from `position` on that are no group (and no filler): it ends here */
    WALK_END,
};

struct walk {
    /* what there is now */
    uint64_t position; /* of the group or the bad bytes, in the file */
    struct log_group_header group;
    struct resp_command command;
    const char *why; /* it is bad */

    /* the file */
    bool annotated; /* one of ours */
    struct log_file_header header;
    uint64_t size, filler; /* bytes of the file; of filler at its end */

    /* private */
    FILE *file;
    struct buffer content;
    size_t at, group_end;
    struct resp_parser *parser;
};

/* The whole file is read into memory. */
void walk_begin(struct walk *walk, const char *path);
enum walk_event walk_next(struct walk *walk);
void walk_end(struct walk *walk);

#endif
