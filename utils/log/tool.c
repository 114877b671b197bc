#include "log/tool.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "system/disk.h"

void tool_fail(const char *format, ...)
{
    va_list arguments;
    fputs("holdfast-log: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(TOOL_FAILED);
}

void tool_progress(const char *what, uint64_t done, uint64_t total)
{
    static time_t told; /* of this program alone */
    time_t now = time(NULL);
    if (!isatty(STDERR_FILENO) || now == told)
        return;
    told = now;
    fprintf(stderr, "\r%s: %d %%  ", what, total > 0 ? (int)(done * 100 / total) : 100);
}

static void find_manifest(struct tool *tool)
{
    static const char end[] = ".manifest";
    DIR *directory = opendir(tool->directory);
    if (directory == NULL)
        tool_fail("cannot open %s: %s", tool->directory, strerror(errno));
    const struct dirent *entry;
    int found = 0;
    while ((entry = readdir(directory)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length <= strlen(end) || strcmp(entry->d_name + length - strlen(end), end) != 0)
            continue;
        snprintf(tool->manifest_path, sizeof tool->manifest_path, "%.2000s/%s", tool->directory,
                 entry->d_name);
        found++;
    }
    closedir(directory);
    if (found != 1)
        tool_fail("%s: %s", tool->directory,
                  found == 0 ? "there is no manifest: not a directory of a log"
                             : "there is more than one manifest");
}

void tool_open(struct tool *tool, const char *directory)
{
    struct buffer text = {0};
    size_t line;
    const char *why;
    snprintf(tool->directory, sizeof tool->directory, "%s", directory);
    find_manifest(tool);
    if (disk_read_all(disk_real(), tool->manifest_path, LOG_MANIFEST_SIZE_MAX, &text) != OK)
        tool_fail("cannot read %s: %s", tool->manifest_path, strerror(errno));
    tool->manifest = (struct log_manifest){NULL, 0};
    if (log_manifest_parse(buffer_slice(&text), &tool->manifest, &line, &why) != OK)
        tool_fail("%s, line %zu: %s", tool->manifest_path, line, why);
    buffer_deinit(&text);
}

void tool_close(struct tool *tool)
{
    log_manifest_deinit(&tool->manifest);
}

void tool_file_path(const struct tool *tool, const char *name, char path[TOOL_PATH_MAX])
{
    snprintf(path, TOOL_PATH_MAX, "%.3000s/%s", tool->directory, name);
}

/* --- walking --- */

void walk_begin(struct walk *walk, const char *path)
{
    *walk = (struct walk){.parser = resp_parser_create()};
    if (disk_read_all(disk_real(), path, SIZE_MAX, &walk->content) != OK)
        tool_fail("cannot read %s: %s", path, strerror(errno));
    walk->size = walk->content.length;
    const char *bytes = walk->content.data;
    size_t length_all = walk->content.length;
    if (length_all > 1 && bytes[length_all - 1] == LOG_FILLER_END &&
        bytes[length_all - 2] == LOG_FILLER)
        walk->content.length--;
    while (walk->content.length > 0 && walk->content.data[walk->content.length - 1] == LOG_FILLER)
        walk->content.length--;
    walk->filler = walk->size - walk->content.length;
    struct log_group_header group;
    size_t length = 0;
    walk->annotated =
        walk->content.length > 0 && log_group_read_line(buffer_slice(&walk->content), &walk->header,
                                                        &group, &length) == LOG_LINE_FILE;
    if (walk->annotated)
        walk->at = walk->group_end = length;
}

void walk_end(struct walk *walk)
{
    resp_parser_destroy(walk->parser);
    buffer_deinit(&walk->content);
}

static enum walk_event bad(struct walk *walk, const char *why)
{
    walk->position = walk->at;
    walk->why = why;
    return WALK_BAD;
}

/* A command, or what stands in its place. */
static enum walk_event next_command(struct walk *walk, size_t end)
{
    static const struct resp_limits limits = {INT64_C(4) << 30, RESP_ARGUMENT_COUNT_MAX, true};
    struct slice input = slice_of(walk->content.data + walk->at, end - walk->at);
    size_t consumed;
    resp_parser_reset_batch(walk->parser);
    if (input.data[0] != '*')
        return bad(walk, "no whole command");
    enum resp_status status =
        resp_parser_next(walk->parser, input, &limits, &walk->command, &consumed);
    if (status == RESP_ERROR && resp_parser_is_out_of_memory(walk->parser))
        tool_fail("out of memory"); /* nothing is wrong with the bytes: they are not cut off */
    if (status != RESP_COMMAND)
        return bad(walk, "no whole command");
    walk->at += consumed;
    return WALK_COMMAND;
}

/* Redis went on with this file: a command, perhaps behind our filler. */
static bool is_continued(struct walk *walk, struct slice input)
{
    size_t filler = 0;
    while (filler < input.length && input.data[filler] == LOG_FILLER)
        filler++;
    if (filler > 0 && filler < input.length && input.data[filler] == LOG_FILLER_END)
        filler++;
    if (filler == input.length || input.data[filler] != '*')
        return false;
    walk->annotated = false;
    walk->at += filler;
    return true;
}

static enum walk_event next_group(struct walk *walk)
{
    struct slice input = slice_of(walk->content.data + walk->at, walk->content.length - walk->at);
    if (is_continued(walk, input))
        return next_command(walk, walk->content.length);
    struct log_file_header file;
    size_t head;
    if (log_group_read_line(input, &file, &walk->group, &head) != LOG_LINE_GROUP)
        return bad(walk, "no annotation of a group");
    if (walk->group.length > input.length - head)
        return bad(walk, "a group that is not whole");
    struct slice commands = slice_of(input.data + head, (size_t)walk->group.length);
    if (log_group_crc(&walk->header.id, &walk->group, commands) != walk->group.crc)
        return bad(walk, "a group whose checksum does not match");
    walk->position = walk->at;
    walk->at += head;
    walk->group_end = walk->at + commands.length;
    return WALK_GROUP;
}

enum walk_event walk_next(struct walk *walk)
{
    if (walk->at >= walk->content.length)
        return WALK_END;
    if (walk->annotated)
        return walk->at < walk->group_end ? next_command(walk, walk->group_end) : next_group(walk);
    while (walk->content.data[walk->at] == '#') {
        const char *here = walk->content.data + walk->at;
        const char *end = memchr(here, '\n', walk->content.length - walk->at);
        if (end == NULL)
            return bad(walk, "a line that does not end");
        walk->at += (size_t)(end - here) + 1;
        if (walk->at >= walk->content.length)
            return WALK_END;
    }
    return next_command(walk, walk->content.length);
}
