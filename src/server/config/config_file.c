#include "server/config/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/resp_parser.h"

/* One reading of a file and of all it includes. */
struct reading {
    const struct config_file_handlers *handlers;
    struct buffer *error_text;
    unsigned depth;
    unsigned includes; /* files so far */
};

struct path_list {
    char **paths;
    size_t count;
};

static enum error parse(struct reading *reading, const char *file, struct slice content);

/* --- including --- */

static enum error include_file(struct reading *reading, const char *path, struct buffer *problem)
{
    if (reading->depth == CONFIG_FILE_DEPTH_MAX) {
        buffer_add_format(problem, "files are included more than %d deep: does %s include itself?",
                          CONFIG_FILE_DEPTH_MAX, path);
        return ERROR_LIMIT;
    }
    if (++reading->includes > CONFIG_FILE_INCLUDES_MAX) {
        buffer_add_format(problem, "more than %d files are included", CONFIG_FILE_INCLUDES_MAX);
        return ERROR_LIMIT;
    }
    struct buffer content = {0};
    enum error error = reading->handlers->read(reading->handlers->context, path, &content);
    if (error != OK)
        buffer_add_format(problem, "cannot read %s: %s", path,
                          error == ERROR_SYSTEM ? strerror(errno) : error_text(error));
    if (error == OK) {
        reading->depth++;
        error = parse(reading, path, buffer_slice(&content));
        reading->depth--;
    }
    buffer_deinit(&content);
    return error;
}

static void remember_path(void *context, const char *path)
{
    struct path_list *list = context;
    list->paths = memory_resize(list->paths, (list->count + 1) * sizeof(char *));
    list->paths[list->count++] = memory_copy_string(path);
}

/* A pattern that matches nothing is an empty folder: no fault. */
static enum error include_pattern(struct reading *reading, const char *pattern,
                                  struct buffer *problem)
{
    struct path_list list = {NULL, 0};
    enum error error =
        reading->handlers->expand(reading->handlers->context, pattern, remember_path, &list);
    if (error != OK)
        buffer_add_format(problem, "cannot look for %s: %s", pattern,
                          error == ERROR_SYSTEM ? strerror(errno) : error_text(error));
    for (size_t i = 0; i < list.count; i++) {
        if (error == OK)
            error = include_file(reading, list.paths[i], problem);
        memory_free(list.paths[i]);
    }
    memory_free(list.paths);
    return error;
}

static enum error include(struct reading *reading, const struct config_line *line,
                          struct buffer *problem)
{
    if (line->count != 2) {
        buffer_add_string(problem, "include takes one file or pattern");
        return ERROR_SYNTAX;
    }
    const char *path = line->words[1].data;
    return strpbrk(path, "*?[") == NULL ? include_file(reading, path, problem)
                                        : include_pattern(reading, path, problem);
}

/* --- lines --- */

struct slice config_file_directive(struct slice line)
{
    while (line.length > 0 && isspace((unsigned char)line.data[0]))
        line = slice_of(line.data + 1, line.length - 1);
    bool is_comment = line.length > 0 && line.data[0] == '#';
    return is_comment ? slice_of(line.data, 0) : line;
}

static bool has_nul(struct slice text)
{
    return memchr(text.data, '\0', text.length) != NULL;
}

static enum error take_directive(struct reading *reading, const struct config_line *line,
                                 struct buffer *problem)
{
    for (size_t i = 0; i < line->count; i++) {
        if (has_nul(line->words[i])) {
            buffer_add_string(problem, "a word holds a NUL byte");
            return ERROR_SYNTAX;
        }
    }
    if (slice_is_word(line->words[0], "include"))
        return include(reading, line, problem);
    bool taken = reading->handlers->directive(reading->handlers->context, line, problem);
    return taken ? OK : ERROR_SYNTAX;
}

static enum error parse_line(struct reading *reading, const char *file, size_t number,
                             struct slice text)
{
    text = config_file_directive(text);
    if (text.length == 0)
        return OK;

    struct buffer problem = {0};
    enum error error = OK;
    char *storage;
    struct slice *words;
    size_t count;
    if (has_nul(text)) {
        buffer_add_string(&problem, "the line holds a NUL byte");
        error = ERROR_SYNTAX;
    } else if (resp_parser_split_line(text, &storage, &words, &count)) {
        struct config_line line = {file, number, words, count};
        if (count > 0)
            error = take_directive(reading, &line, &problem);
        memory_free(storage);
        memory_free(words);
    } else {
        buffer_add_string(&problem, "quotes are not balanced");
        error = ERROR_SYNTAX;
    }
    /* An included file has said already what is wrong in it. */
    if (problem.length > 0)
        buffer_add_format(reading->error_text, "%s:%zu: %.*s", file, number, (int)problem.length,
                          problem.data);
    buffer_deinit(&problem);
    return error;
}

static enum error parse(struct reading *reading, const char *file, struct slice content)
{
    enum error error = OK;
    size_t number = 0;
    for (size_t at = 0; error == OK && at < content.length;) {
        const char *start = content.data + at;
        const char *end = memchr(start, '\n', content.length - at);
        size_t length = end == NULL ? content.length - at : (size_t)(end - start);
        error = parse_line(reading, file, ++number, slice_of(start, length));
        at += length + 1;
    }
    return error == OK ? OK : ERROR_SYNTAX;
}

enum error config_file_parse(const struct config_file_handlers *handlers, const char *file,
                             struct slice content, struct buffer *error_text)
{
    struct reading reading = {.handlers = handlers, .error_text = error_text};
    return parse(&reading, file, content);
}

enum error config_file_load(const struct config_file_handlers *handlers, const char *path,
                            struct buffer *error_text)
{
    struct buffer content = {0};
    enum error error = handlers->read(handlers->context, path, &content);
    if (error == OK)
        error = config_file_parse(handlers, path, buffer_slice(&content), error_text);
    else
        buffer_add_format(error_text, "cannot read %s: %s", path, strerror(errno));
    buffer_deinit(&content);
    return error;
}

/* --- quoting --- */

void config_file_quote(struct slice word, struct buffer *out)
{
    static const char plain[] = "\n\r\t\b\a\"\\";
    static const char letters[] = "nrtba\"\\";
    buffer_add(out, "\"", 1);
    for (size_t i = 0; i < word.length; i++) {
        unsigned char byte = (unsigned char)word.data[i];
        const char *special = byte == '\0' ? NULL : strchr(plain, byte);
        if (special != NULL)
            buffer_add_format(out, "\\%c", letters[special - plain]);
        else if (isprint(byte))
            buffer_add(out, &word.data[i], 1);
        else
            buffer_add_format(out, "\\x%02x", byte);
    }
    buffer_add(out, "\"", 1);
}
