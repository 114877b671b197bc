#include "persist/log_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

#define WORDS_MAX 16 /* of a line: three pairs are known, others are skipped */

/* --- reading --- */

static size_t split_words(struct slice line, struct slice *words, size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at < line.length;) {
        size_t begin = at;
        while (at < line.length && line.data[at] != ' ')
            at++;
        if (at > begin) {
            if (count == max)
                return max + 1;
            words[count++] = slice_of(line.data + begin, at - begin);
        }
        at++;
    }
    return count;
}

static const char *parse_pair(struct slice key, struct slice value, struct log_file *file)
{
    if (slice_is_word(key, "file")) {
        if (value.length > LOG_FILE_NAME_MAX)
            return "the file's name is too long";
        if (memchr(value.data, '/', value.length) != NULL ||
            memchr(value.data, '\0', value.length) != NULL)
            return "a file's name can't be a path";
        memcpy(file->name, value.data, value.length);
        file->name[value.length] = '\0';
    } else if (slice_is_word(key, "seq")) {
        if (!number_parse_int64(value, &file->sequence) || file->sequence < 1)
            return "the sequence is no positive number";
    } else if (slice_is_word(key, "type")) {
        if (value.length != 1 || strchr("bih", value.data[0]) == NULL)
            return "unknown type of file";
        file->type = (enum log_file_type)value.data[0];
    }
    return NULL; /* other keys: of later versions */
}

/* `last_sequence`: of increments so far. */
static const char *parse_line(struct slice line, struct log_manifest *manifest,
                              int64_t *last_sequence)
{
    struct slice words[WORDS_MAX];
    size_t count = split_words(line, words, WORDS_MAX);
    if (count < 6 || count > WORDS_MAX || count % 2 != 0)
        return "not pairs of words";
    struct log_file file = {.sequence = 0};
    for (size_t i = 0; i < count; i += 2) {
        const char *why = parse_pair(words[i], words[i + 1], &file);
        if (why != NULL)
            return why;
    }
    if (file.name[0] == '\0' || file.sequence == 0 || file.type == 0)
        return "file, seq or type is missing";
    if (file.type == LOG_FILE_BASE && log_manifest_base(manifest) != NULL)
        return "a second base";
    if (file.type == LOG_FILE_INCREMENT) {
        if (file.sequence <= *last_sequence)
            return "sequences do not rise";
        *last_sequence = file.sequence;
    }
    log_manifest_add(manifest, file.name, file.sequence, file.type);
    return NULL;
}

enum error log_manifest_parse(struct slice text, struct log_manifest *out, size_t *line,
                              const char **why)
{
    int64_t last_sequence = 0;
    *why = NULL;
    *line = 0;
    for (size_t at = 0; at < text.length && *why == NULL;) {
        const char *begin = text.data + at;
        const char *end = memchr(begin, '\n', text.length - at);
        ++*line;
        if (end == NULL) {
            *why = "the line does not end";
            break;
        }
        size_t length = (size_t)(end - begin);
        at += length + 1;
        if (length > 0 && begin[length - 1] == '\r')
            length--;
        if (length == 0)
            *why = "the line is empty";
        else if (begin[0] != '#')
            *why = parse_line(slice_of(begin, length), out, &last_sequence);
    }
    if (*why == NULL && out->count == 0)
        *why = "it names no file";
    if (*why == NULL)
        return OK;
    log_manifest_deinit(out);
    return ERROR_SYNTAX;
}

/* --- writing and looking --- */

void log_manifest_format(const struct log_manifest *manifest, struct buffer *out)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const struct log_file *file = &manifest->files[i];
        buffer_add_format(out, "file %s seq %" PRId64 " type %c\n", file->name, file->sequence,
                          (char)file->type);
    }
}

void log_manifest_deinit(struct log_manifest *manifest)
{
    memory_free(manifest->files);
    *manifest = (struct log_manifest){NULL, 0};
}

void log_manifest_copy(const struct log_manifest *from, struct log_manifest *to)
{
    *to = (struct log_manifest){NULL, from->count};
    if (from->count == 0)
        return;
    to->files = memory_allocate(from->count * sizeof *to->files);
    memcpy(to->files, from->files, from->count * sizeof *to->files);
}

/* Base, increments, history. */
static int rank_of(enum log_file_type type)
{
    return type == LOG_FILE_BASE ? 0 : type == LOG_FILE_INCREMENT ? 1 : 2;
}

void log_manifest_add(struct log_manifest *manifest, const char *name, int64_t sequence,
                      enum log_file_type type)
{
    manifest->files =
        memory_resize(manifest->files, (manifest->count + 1) * sizeof *manifest->files);
    size_t at = manifest->count++;
    while (at > 0 && rank_of(manifest->files[at - 1].type) > rank_of(type)) {
        manifest->files[at] = manifest->files[at - 1];
        at--;
    }
    struct log_file *file = &manifest->files[at];
    *file = (struct log_file){.sequence = sequence, .type = type};
    snprintf(file->name, sizeof file->name, "%s", name);
}

const struct log_file *log_manifest_base(const struct log_manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->files[i].type == LOG_FILE_BASE)
            return &manifest->files[i];
    return NULL;
}

int64_t log_manifest_last_sequence(const struct log_manifest *manifest, enum log_file_type type)
{
    int64_t last = 0;
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->files[i].type == type && manifest->files[i].sequence > last)
            last = manifest->files[i].sequence;
    return last;
}
