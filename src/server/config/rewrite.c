#include "server/config/rewrite.h"

#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "protocol/resp_parser.h"
#include "server/config/config_file.h"

struct rewrite_line {
    struct slice text;         /* as in the old file, without its newline */
    char *name;                /* its first word, unquoted; NULL: a comment or blank */
    struct buffer replacement; /* everything new, if `replaced` */
    bool replaced, removed;
};

struct rewrite {
    struct rewrite_line *lines;
    size_t count, capacity;
    bool has_signature;
    struct buffer appended;
};

/* As config_file.h reads it; NULL if there is none. */
static char *first_word(struct slice text)
{
    char *storage, *name = NULL;
    struct slice *words;
    size_t count;
    text = config_file_directive(text);
    if (text.length == 0 || !resp_parser_split_line(text, &storage, &words, &count))
        return NULL;
    if (count > 0)
        name = memory_copy_string(words[0].data);
    memory_free(storage);
    memory_free(words);
    return name;
}

static void add_line(struct rewrite *rewrite, struct slice text)
{
    if (rewrite->count == rewrite->capacity) {
        rewrite->capacity = rewrite->capacity == 0 ? 64 : rewrite->capacity * 2;
        rewrite->lines =
            memory_resize(rewrite->lines, rewrite->capacity * sizeof(struct rewrite_line));
    }
    rewrite->lines[rewrite->count++] = (struct rewrite_line){
        .text = text,
        .name = first_word(text),
    };
    if (slice_equals(text, SLICE(REWRITE_SIGNATURE)))
        rewrite->has_signature = true;
}

struct rewrite *rewrite_create(struct slice content)
{
    struct rewrite *rewrite = memory_allocate_zeroed(sizeof *rewrite);
    for (size_t at = 0; at < content.length;) {
        const char *start = content.data + at;
        const char *end = memchr(start, '\n', content.length - at);
        size_t length = end == NULL ? content.length - at : (size_t)(end - start);
        at += length + 1;
        if (length > 0 && start[length - 1] == '\r')
            length--;
        add_line(rewrite, slice_of(start, length));
    }
    return rewrite;
}

void rewrite_destroy(struct rewrite *rewrite)
{
    for (size_t i = 0; i < rewrite->count; i++) {
        memory_free(rewrite->lines[i].name);
        buffer_deinit(&rewrite->lines[i].replacement);
    }
    buffer_deinit(&rewrite->appended);
    memory_free(rewrite->lines);
    memory_free(rewrite);
}

/* The first line of the directive that nothing has been said about. */
static struct rewrite_line *next_line(struct rewrite *rewrite, const char *name, const char *alias)
{
    for (size_t i = 0; i < rewrite->count; i++) {
        struct rewrite_line *line = &rewrite->lines[i];
        if (line->name != NULL && !line->replaced && !line->removed &&
            (strcasecmp(line->name, name) == 0 ||
             (alias != NULL && strcasecmp(line->name, alias) == 0)))
            return line;
    }
    return NULL;
}

void rewrite_add(struct rewrite *rewrite, const char *name, const char *alias, struct slice value,
                 bool is_default)
{
    struct rewrite_line *line = next_line(rewrite, name, alias);
    if (line == NULL && is_default)
        return;
    struct buffer *out = line != NULL ? &line->replacement : &rewrite->appended;
    if (line != NULL) {
        line->replaced = true;
        buffer_add_string(out, line->name);
    } else {
        buffer_add_string(out, name);
    }
    buffer_add_string(out, " ");
    buffer_add(out, value.data, value.length);
    buffer_add_string(out, "\n");
}

void rewrite_end(struct rewrite *rewrite, const char *name, const char *alias)
{
    struct rewrite_line *line;
    while ((line = next_line(rewrite, name, alias)) != NULL)
        line->removed = true;
}

void rewrite_finish(const struct rewrite *rewrite, struct buffer *out)
{
    for (size_t i = 0; i < rewrite->count; i++) {
        const struct rewrite_line *line = &rewrite->lines[i];
        if (line->removed)
            continue;
        struct slice text = line->replaced ? buffer_slice(&line->replacement) : line->text;
        buffer_add(out, text.data, text.length);
        if (!line->replaced)
            buffer_add_string(out, "\n");
    }
    if (rewrite->appended.length == 0)
        return;
    if (!rewrite->has_signature)
        buffer_add_string(out, REWRITE_SIGNATURE "\n");
    buffer_add(out, rewrite->appended.data, rewrite->appended.length);
}
