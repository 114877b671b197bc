#include "protocol/resp_parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/number.h"

#define CHUNK_ARGUMENTS 192  /* of the first chunk of a batch */
#define PARTIAL_KEPT_MAX 64  /* arguments whose room is kept between commands */
#define ERROR_LENGTH_MAX 128 /* bytes */

enum state {
    STATE_START,        /* before a command */
    STATE_LENGTH,       /* before the "$" line of an argument */
    STATE_BODY,         /* before the bytes of an argument of `length` bytes */
    STATE_BIG,          /* its bytes are collected elsewhere */
    STATE_BIG_LINE_END, /* before the CRLF of an argument that was supplied */
};

/* One argument of the command being read: where it begins, counted from the command's first byte;
 * or a block. */
struct partial {
    size_t start, length;
    char *block;
};

/* Arguments of the commands of a batch; what was handed out does not move. */
struct chunk {
    struct chunk *next;
    size_t capacity, used;
    struct slice arguments[];
};

struct big {
    struct big *next;
    const struct slice *arguments; /* of its command */
    struct resp_big_argument argument;
};

/* The words of an inline command, freed with the batch. */
struct words {
    struct words *next;
    char *text;
    struct slice *slices;
};

struct resp_parser {
    enum state state;
    size_t position; /* behind what is looked at, from the command's first byte */
    size_t expected; /* arguments of the command */
    size_t length;   /* of the argument being read */
    size_t supplied; /* bytes of the command that are not in the input */
    size_t count;    /* arguments read */
    size_t capacity;
    struct partial *partials;
    struct chunk *chunks;
    struct big *bigs;
    struct words *words;
    char *error; /* NULL: none yet */
};

struct resp_parser *resp_parser_create(void)
{
    return memory_allocate_zeroed(sizeof(struct resp_parser));
}

void resp_parser_destroy(struct resp_parser *parser)
{
    for (size_t i = 0; i < parser->count; i++)
        memory_free(parser->partials[i].block);
    resp_parser_reset_batch(parser);
    memory_free(parser->partials);
    memory_free(parser->error);
    memory_free(parser);
}

void resp_parser_reset_batch(struct resp_parser *parser)
{
    while (parser->chunks != NULL) {
        struct chunk *chunk = parser->chunks;
        parser->chunks = chunk->next;
        memory_free(chunk);
    }
    while (parser->bigs != NULL) {
        struct big *big = parser->bigs;
        parser->bigs = big->next;
        memory_free(big->argument.block);
        memory_free(big);
    }
    while (parser->words != NULL) {
        struct words *words = parser->words;
        parser->words = words->next;
        memory_free(words->text);
        memory_free(words->slices);
        memory_free(words);
    }
    if (parser->count == 0 && parser->capacity > PARTIAL_KEPT_MAX) {
        memory_free(parser->partials);
        parser->partials = NULL;
        parser->capacity = 0;
    }
}

static enum resp_status fail(struct resp_parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum resp_status fail(struct resp_parser *parser, const char *format, ...)
{
    if (parser->error == NULL)
        parser->error = memory_allocate(ERROR_LENGTH_MAX);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->error, ERROR_LENGTH_MAX, format, arguments);
    va_end(arguments);
    return RESP_ERROR;
}

const char *resp_parser_error(const struct resp_parser *parser)
{
    return parser->error != NULL ? parser->error : "";
}

/* --- storage --- */

static struct slice *batch_room(struct resp_parser *parser, size_t count)
{
    struct chunk *chunk = parser->chunks;
    if (chunk == NULL || chunk->capacity - chunk->used < count) {
        size_t capacity = count > CHUNK_ARGUMENTS ? count : CHUNK_ARGUMENTS;
        chunk = memory_allocate(sizeof *chunk + capacity * sizeof(struct slice));
        chunk->next = parser->chunks;
        chunk->capacity = capacity;
        chunk->used = 0;
        parser->chunks = chunk;
    }
    struct slice *room = chunk->arguments + chunk->used;
    chunk->used += count;
    return room;
}

static void add_partial(struct resp_parser *parser, size_t start, size_t length, char *block)
{
    if (parser->count == parser->capacity) {
        parser->capacity = parser->capacity == 0 ? 4 : parser->capacity * 2;
        parser->partials =
            memory_resize(parser->partials, parser->capacity * sizeof(struct partial));
    }
    parser->partials[parser->count++] = (struct partial){start, length, block};
}

/* The command is whole: hands its arguments out and makes ready for the next. */
static enum resp_status finish(struct resp_parser *parser, struct slice input,
                               struct resp_command *command, size_t *consumed)
{
    struct slice *arguments = batch_room(parser, parser->count);
    for (size_t i = 0; i < parser->count; i++) {
        const struct partial *partial = &parser->partials[i];
        if (LIKELY(partial->block == NULL)) {
            arguments[i] = slice_of(input.data + partial->start, partial->length);
            continue;
        }
        arguments[i] = slice_of(partial->block, partial->length);
        struct big *big = memory_allocate(sizeof *big);
        *big = (struct big){parser->bigs, arguments, {i, partial->block, partial->length}};
        parser->bigs = big;
    }
    *command = (struct resp_command){arguments, parser->count, parser->position + parser->supplied};
    *consumed = parser->position;
    parser->state = STATE_START;
    parser->position = parser->count = parser->supplied = 0;
    return RESP_COMMAND;
}

/* --- inline commands --- */

static enum resp_status parse_inline(struct resp_parser *parser, struct slice input,
                                     struct resp_command *command, size_t *consumed)
{
    const char *end = memchr(input.data, '\n', input.length);
    if (end == NULL) {
        if (input.length > RESP_INLINE_LENGTH_MAX)
            return fail(parser, "Protocol error: too big inline request");
        return RESP_INCOMPLETE;
    }
    size_t length = (size_t)(end - input.data);
    *consumed = length + 1;
    if (length > 0 && input.data[length - 1] == '\r')
        length--;
    struct words *words = memory_allocate(sizeof *words);
    size_t count;
    if (!resp_parser_split_line(slice_of(input.data, length), &words->text, &words->slices,
                                &count)) {
        memory_free(words);
        return fail(parser, "Protocol error: unbalanced quotes in request");
    }
    words->next = parser->words;
    parser->words = words;
    *command = (struct resp_command){words->slices, count, *consumed};
    return RESP_COMMAND;
}

/* --- arrays of bulk strings --- */

/* The number on the line at parser->position, behind its first byte. RESP_COMMAND: it is there. */
static enum resp_status read_line(struct resp_parser *parser, struct slice input, const char *what,
                                  struct slice *text)
{
    const char *line = input.data + parser->position;
    size_t rest = input.length - parser->position;
    const char *end = rest == 0 ? NULL : memchr(line, '\r', rest);
    if (end == NULL) {
        if (rest > RESP_INLINE_LENGTH_MAX)
            return fail(parser, "Protocol error: too big %s count string", what);
        return RESP_INCOMPLETE;
    }
    if ((size_t)(end - line) + 2 > rest)
        return RESP_INCOMPLETE;
    *text = slice_of(line, (size_t)(end - line));
    return RESP_COMMAND;
}

/* One or two digits are what nearly every length is. */
static bool parse_length(struct slice digits, int64_t *out)
{
    if (digits.length == 1 && digits.data[0] >= '0' && digits.data[0] <= '9') {
        *out = digits.data[0] - '0';
        return true;
    }
    return number_parse_int64(digits, out);
}

static enum resp_status read_count(struct resp_parser *parser, struct slice input,
                                   const struct resp_limits *limits)
{
    struct slice line;
    enum resp_status status = read_line(parser, input, "mbulk", &line);
    if (status != RESP_COMMAND)
        return status;
    int64_t count;
    if (!parse_length(slice_of(line.data + 1, line.length - 1), &count) ||
        count > RESP_ARGUMENT_COUNT_MAX)
        return fail(parser, "Protocol error: invalid multibulk length");
    if (count > limits->argument_count_max)
        return fail(parser, limits->authenticated
                                ? "Protocol error: invalid multibulk length"
                                : "Protocol error: unauthenticated multibulk length");
    parser->position += line.length + 2;
    parser->expected = count > 0 ? (size_t)count : 0;
    parser->state = STATE_LENGTH;
    return RESP_COMMAND;
}

static enum resp_status read_length(struct resp_parser *parser, struct slice input,
                                    const struct resp_limits *limits)
{
    struct slice line;
    enum resp_status status = read_line(parser, input, "bulk", &line);
    if (status != RESP_COMMAND)
        return status;
    if (line.data[0] != '$')
        return fail(parser, "Protocol error: expected '$', got '%c'", line.data[0]);
    int64_t length;
    if (!parse_length(slice_of(line.data + 1, line.length - 1), &length) || length < 0)
        return fail(parser, "Protocol error: invalid bulk length");
    if (length > limits->bulk_length_max)
        return fail(parser, limits->authenticated ? "Protocol error: invalid bulk length"
                                                  : "Protocol error: unauthenticated bulk length");
    parser->position += line.length + 2;
    parser->length = (size_t)length;
    parser->state = STATE_BODY;
    return RESP_COMMAND;
}

static enum resp_status read_body(struct resp_parser *parser, struct slice input)
{
    size_t rest = input.length - parser->position;
    if (rest < parser->length && parser->length >= RESP_BIG_ARGUMENT_MIN) {
        parser->state = STATE_BIG;
        return RESP_BIG_ARGUMENT;
    }
    if (rest < parser->length || rest - parser->length < 2)
        return RESP_INCOMPLETE;
    add_partial(parser, parser->position, parser->length, NULL);
    parser->position += parser->length + 2;
    parser->state = STATE_LENGTH;
    return RESP_COMMAND;
}

static enum resp_status read_step(struct resp_parser *parser, struct slice input,
                                  const struct resp_limits *limits)
{
    switch (parser->state) {
    case STATE_START:
        return read_count(parser, input, limits);
    case STATE_LENGTH:
        return read_length(parser, input, limits);
    case STATE_BODY:
        return read_body(parser, input);
    case STATE_BIG:
        return RESP_BIG_ARGUMENT;
    case STATE_BIG_LINE_END:
        if (input.length - parser->position < 2)
            return RESP_INCOMPLETE;
        parser->position += 2;
        parser->state = STATE_LENGTH;
        return RESP_COMMAND;
    }
    ASSERT(parser->state <= STATE_BIG_LINE_END);
    return RESP_ERROR;
}

enum resp_status resp_parser_next(struct resp_parser *parser, struct slice input,
                                  const struct resp_limits *limits, struct resp_command *command,
                                  size_t *consumed)
{
    *consumed = 0;
    if (input.length == 0)
        return RESP_INCOMPLETE;
    if (parser->state == STATE_START && input.data[0] != '*')
        return parse_inline(parser, input, command, consumed);
    do {
        enum resp_status status = read_step(parser, input, limits);
        if (status != RESP_COMMAND)
            return status;
    } while (parser->state != STATE_LENGTH || parser->count < parser->expected);
    return finish(parser, input, command, consumed);
}

/* --- big arguments --- */

size_t resp_parser_big_argument_start(const struct resp_parser *parser)
{
    ASSERT(parser->state == STATE_BIG);
    return parser->position;
}

size_t resp_parser_big_argument_length(const struct resp_parser *parser)
{
    ASSERT(parser->state == STATE_BIG);
    return parser->length;
}

void resp_parser_supply(struct resp_parser *parser, char *block, size_t length)
{
    ASSERT(parser->state == STATE_BIG && length == parser->length);
    add_partial(parser, parser->position, length, block);
    parser->supplied += length;
    parser->state = STATE_BIG_LINE_END;
}

struct resp_big_argument *resp_parser_find_big_argument(struct resp_parser *parser,
                                                        const struct resp_command *command,
                                                        size_t index)
{
    for (struct big *big = parser->bigs; big != NULL; big = big->next) {
        if (big->arguments == command->arguments && big->argument.argument == index)
            return &big->argument;
    }
    return NULL;
}

size_t resp_parser_memory(const struct resp_parser *parser)
{
    size_t memory = sizeof *parser + parser->capacity * sizeof(struct partial);
    for (const struct chunk *chunk = parser->chunks; chunk != NULL; chunk = chunk->next)
        memory += sizeof *chunk + chunk->capacity * sizeof(struct slice);
    for (const struct big *big = parser->bigs; big != NULL; big = big->next)
        memory += sizeof *big + big->argument.length;
    return memory;
}
