#include "protocol/resp_parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/prefetch.h"

#define CHUNK_ARGUMENTS 192      /* of the first chunk of a batch */
#define WHOLE_ARGUMENTS_MAX 1024 /* of a command parsed at once */
#define WHOLE_LINE_MAX 8         /* bytes of a line there: a sign, six digits, CR */
#define PARTIAL_KEPT_MAX 4       /* arguments whose room is kept between batches */
#define PARTIAL_BELIEVED 64      /* arguments for which there is room before they have come */
#define ERROR_LENGTH_MAX 128     /* bytes */

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
    size_t searched; /* bytes at `position` that have no line end */
    size_t count;    /* arguments read */
    size_t capacity;
    struct partial *partials;
    size_t batch_memory; /* bytes of what hangs on the pointers below */
    struct chunk *chunks;
    struct big *bigs, *last_big; /* in the order in which they came */
    struct big *found;           /* by the last search; NULL: none yet */
    struct words *words;
    char *error; /* NULL: none yet */
    bool out_of_memory;
};

struct resp_parser *resp_parser_create(void)
{
    return memory_allocate_zeroed(sizeof(struct resp_parser));
}

void resp_parser_prefetch(const struct resp_parser *parser)
{
    prefetch_bytes(parser, sizeof *parser);
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
    parser->last_big = parser->found = NULL;
    while (parser->words != NULL) {
        struct words *words = parser->words;
        parser->words = words->next;
        memory_free(words->text);
        memory_free(words->slices);
        memory_free(words);
    }
    parser->batch_memory = 0;
    if (parser->state == STATE_START && parser->capacity > PARTIAL_KEPT_MAX) {
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

bool resp_parser_is_out_of_memory(const struct resp_parser *parser)
{
    return parser->out_of_memory;
}

/* --- storage --- */

static enum resp_status fail_for_memory(struct resp_parser *parser)
{
    parser->out_of_memory = true;
    return fail(parser, "Protocol error: out of memory for arguments");
}

/* False: out of memory. */
static bool add_chunk(struct resp_parser *parser, size_t count)
{
    size_t capacity = count > CHUNK_ARGUMENTS ? count : CHUNK_ARGUMENTS;
    size_t size = sizeof(struct chunk) + capacity * sizeof(struct slice);
    struct chunk *chunk = memory_try_allocate(size);
    if (chunk == NULL)
        return false;
    *chunk = (struct chunk){.next = parser->chunks, .capacity = capacity};
    parser->chunks = chunk;
    parser->batch_memory += size;
    return true;
}

/* NULL: out of memory. */
static inline struct slice *batch_room(struct resp_parser *parser, size_t count)
{
    struct chunk *chunk = parser->chunks;
    if (UNLIKELY(chunk == NULL || chunk->capacity - chunk->used < count)) {
        if (!add_chunk(parser, count))
            return NULL;
        chunk = parser->chunks;
    }
    struct slice *room = chunk->arguments + chunk->used;
    chunk->used += count;
    return room;
}

/* Makes room for one more argument. False: out of memory. */
static bool reserve_partial(struct resp_parser *parser)
{
    if (LIKELY(parser->count < parser->capacity))
        return true;
    size_t believed = parser->expected < PARTIAL_BELIEVED ? parser->expected : PARTIAL_BELIEVED;
    size_t capacity = parser->capacity * 2 > believed ? parser->capacity * 2 : believed;
    struct partial *partials =
        memory_try_resize(parser->partials, capacity * sizeof(struct partial));
    if (partials == NULL)
        return false;
    parser->partials = partials;
    parser->capacity = capacity;
    return true;
}

static void add_partial(struct resp_parser *parser, size_t start, size_t length, char *block)
{
    parser->partials[parser->count++] = (struct partial){start, length, block};
}

static void add_big(struct resp_parser *parser, const struct slice *arguments, size_t index,
                    const struct partial *partial)
{
    struct big *big = memory_allocate(sizeof *big);
    *big = (struct big){NULL, arguments, {index, partial->block, partial->length}};
    if (parser->last_big != NULL)
        parser->last_big->next = big;
    else
        parser->bigs = big;
    parser->last_big = big;
    parser->batch_memory += sizeof *big + partial->length;
}

/* The command is whole: hands its arguments out and makes ready for the next. */
static enum resp_status finish(struct resp_parser *parser, struct slice input,
                               struct resp_command *command, size_t *consumed)
{
    struct slice *arguments = batch_room(parser, parser->count);
    if (arguments == NULL)
        return fail_for_memory(parser);
    for (size_t i = 0; i < parser->count; i++) {
        const struct partial *partial = &parser->partials[i];
        if (LIKELY(partial->block == NULL)) {
            arguments[i] = slice_of(input.data + partial->start, partial->length);
        } else {
            arguments[i] = slice_of(partial->block, partial->length);
            add_big(parser, arguments, i, partial);
        }
    }
    *command = (struct resp_command){arguments, parser->count, parser->position + parser->supplied};
    *consumed = parser->position;
    parser->state = STATE_START;
    parser->position = parser->count = parser->supplied = 0;
    return RESP_COMMAND;
}

/* Finds the line end `last` in `rest`, of which a part may have been searched before. */
static const char *find_line_end(struct resp_parser *parser, struct slice rest, char last)
{
    size_t searched = parser->searched;
    const char *end =
        rest.length > searched ? memchr(rest.data + searched, last, rest.length - searched) : NULL;
    parser->searched = end == NULL ? rest.length : 0;
    return end;
}

/* --- inline commands --- */

static enum resp_status parse_inline(struct resp_parser *parser, struct slice input,
                                     struct resp_command *command, size_t *consumed)
{
    const char *end = find_line_end(parser, input, '\n');
    if (end == NULL) {
        if (input.length > RESP_INLINE_LENGTH_MAX)
            return fail(parser, "Protocol error: too big inline request");
        return RESP_INCOMPLETE;
    }
    size_t length = (size_t)(end - input.data), wire_length = length + 1;
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
    parser->batch_memory += sizeof *words + count * sizeof *words->slices + length;
    *command = (struct resp_command){words->slices, count, wire_length};
    *consumed = wire_length;
    return RESP_COMMAND;
}

/* --- arrays of bulk strings --- */

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The line at parser->position, without its CRLF. RESP_COMMAND: it is there. */
static enum resp_status read_line(struct resp_parser *parser, struct slice input, const char *what,
                                  struct slice *text)
{
    struct slice rest = slice_of(input.data + parser->position, input.length - parser->position);
    /* What nearly every line is: a sign and one digit. */
    if (LIKELY(rest.length >= 4 && rest.data[2] == '\r' && is_digit(rest.data[1]))) {
        parser->searched = 0;
        *text = slice_of(rest.data, 2);
        return RESP_COMMAND;
    }
    const char *end = find_line_end(parser, rest, '\r');
    if (end == NULL) {
        if (rest.length > RESP_INLINE_LENGTH_MAX)
            return fail(parser, "Protocol error: too big %s count string", what);
        return RESP_INCOMPLETE;
    }
    size_t length = (size_t)(end - rest.data);
    if (rest.length - length < 2) {
        parser->searched = length;
        return RESP_INCOMPLETE;
    }
    *text = slice_of(rest.data, length);
    return RESP_COMMAND;
}

static bool parse_length(struct slice digits, int64_t *out)
{
    if (LIKELY(digits.length == 1 && is_digit(digits.data[0]))) {
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
    if (!reserve_partial(parser))
        return fail_for_memory(parser);
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

/* --- the fast path: a command that is there as a whole --- */

/* More digits than one, at `at + 2`. */
static const char *read_digits(const char *at, const char *end, size_t value, size_t *number)
{
    const char *last = end - at > WHOLE_LINE_MAX ? at + WHOLE_LINE_MAX : end - 1;
    for (at += 2; at < last && is_digit(*at); at++)
        value = value * 10 + (size_t)(*at - '0');
    if (UNLIKELY(at >= last || *at != '\r'))
        return NULL;
    *number = value;
    return at + 2;
}

/* A sign and up to six digits; NULL if it is anything else, or not all there. */
static inline const char *read_short_line(const char *at, const char *end, char sign,
                                          size_t *number)
{
    if (UNLIKELY(end - at < 5 || at[0] != sign || !is_digit(at[1])))
        return NULL;
    size_t value = (size_t)(at[1] - '0');
    if (LIKELY(at[2] == '\r')) {
        *number = value;
        return at + 4;
    }
    if (UNLIKELY(value == 0))
        return NULL;
    if (LIKELY(is_digit(at[2]) && at[3] == '\r')) {
        *number = value * 10 + (size_t)(at[2] - '0');
        return at + 5;
    }
    return read_digits(at, end, value, number);
}

/* What nearly all input is: an array of bulk strings within the limits, all there. False: it is
 * not, nothing has happened, and the state machine finds out what it is. */
static bool parse_whole(struct resp_parser *parser, struct slice input,
                        const struct resp_limits *limits, struct resp_command *command,
                        size_t *consumed)
{
    const char *end = input.data + input.length;
    size_t count, length;
    const char *at = read_short_line(input.data, end, '*', &count);
    if (at == NULL || count == 0 || count > WHOLE_ARGUMENTS_MAX ||
        (int64_t)count > limits->argument_count_max)
        return false;
    struct slice *arguments = batch_room(parser, count);
    if (arguments == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        at = read_short_line(at, end, '$', &length);
        if (UNLIKELY(at == NULL || (int64_t)length > limits->bulk_length_max ||
                     end - at < (ptrdiff_t)length + 2)) {
            parser->chunks->used -= count;
            return false;
        }
        arguments[i] = slice_of(at, length);
        at += length + 2;
    }
    *consumed = (size_t)(at - input.data);
    *command = (struct resp_command){arguments, count, *consumed};
    return true;
}

enum resp_status resp_parser_next(struct resp_parser *parser, struct slice input,
                                  const struct resp_limits *limits, struct resp_command *command,
                                  size_t *consumed)
{
    *consumed = 0;
    if (input.length == 0)
        return RESP_INCOMPLETE;
    if (LIKELY(parser->state == STATE_START && parser->position == 0)) {
        if (LIKELY(input.data[0] == '*') && parse_whole(parser, input, limits, command, consumed)) {
            parser->searched = 0;
            return RESP_COMMAND;
        }
    }
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

bool resp_parser_big_argument_is_first(const struct resp_parser *parser)
{
    ASSERT(parser->state == STATE_BIG);
    return parser->supplied == 0;
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
    if (parser->bigs == NULL || index >= command->count ||
        command->arguments[index].length < RESP_BIG_ARGUMENT_MIN)
        return NULL;
    /* They are asked for in the order in which they came: the search goes on where it ended. */
    struct big *first = parser->found != NULL ? parser->found : parser->bigs, *big = first;
    do {
        if (big->arguments == command->arguments && big->argument.argument == index) {
            parser->found = big;
            return &big->argument;
        }
        big = big->next != NULL ? big->next : parser->bigs;
    } while (big != first);
    return NULL;
}

size_t resp_parser_memory(const struct resp_parser *parser)
{
    return sizeof *parser + parser->capacity * sizeof(struct partial) + parser->supplied +
           parser->batch_memory + (parser->error != NULL ? ERROR_LENGTH_MAX : 0);
}
