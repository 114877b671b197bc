/* Whatever bytes a client sends, and however they are cut into pieces, the same commands come out.
 *
 * The first four bytes of an input seed the cuts. In the rest, 0xfe and a byte n stand for n * 256
 * times 'x', so that short inputs can hold big arguments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "protocol/resp_parser.h"

#define BATCH_MAX 16           /* commands */
#define SEED_LENGTH 4          /* bytes */
#define REPEAT_MARK 0xfe       /* see above */
#define INPUT_LENGTH_MAX 65536 /* bytes: a longer line is refused or not by how it is cut */
#define PIECE_LONG_MAX 40000   /* bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
    struct resp_parser *parser;
    const struct resp_limits *limits;
    struct buffer input, transcript;
    char *block; /* of a big argument, NULL: none */
    size_t block_length, block_filled;
    bool failed;
};

static void write_down(struct reader *reader, const struct resp_command *command)
{
    buffer_add_format(&reader->transcript, "%zu of %zu:", command->count, command->wire_length);
    for (size_t i = 0; i < command->count; i++) {
        struct slice argument = command->arguments[i];
        struct resp_big_argument *big = resp_parser_find_big_argument(reader->parser, command, i);
        ASSERT(big == NULL || (big->block == argument.data && big->length == argument.length));
        buffer_add_format(&reader->transcript, " %zu=", argument.length);
        buffer_add(&reader->transcript, argument.data, argument.length);
    }
    buffer_add_string(&reader->transcript, "\n");
}

static enum resp_status read_batch(struct reader *reader)
{
    struct resp_command commands[BATCH_MAX];
    size_t count = 0, length = 0;
    enum resp_status status = RESP_COMMAND;
    while (count < BATCH_MAX && status == RESP_COMMAND) {
        size_t consumed = 0;
        struct slice rest = {reader->input.data + length, reader->input.length - length};
        status =
            resp_parser_next(reader->parser, rest, reader->limits, &commands[count], &consumed);
        if (status == RESP_COMMAND) {
            ASSERT(consumed > 0 && consumed <= rest.length);
            length += consumed;
            count++;
        }
    }
    for (size_t i = 0; i < count; i++)
        write_down(reader, &commands[i]);
    buffer_drop_front(&reader->input, length);
    resp_parser_reset_batch(reader->parser);
    return status;
}

static void begin_big(struct reader *reader)
{
    size_t start = resp_parser_big_argument_start(reader->parser);
    reader->block_length = resp_parser_big_argument_length(reader->parser);
    reader->block_filled = reader->input.length - start;
    ASSERT(start <= reader->input.length && reader->block_filled < reader->block_length);
    ASSERT(reader->block_length >= RESP_BIG_ARGUMENT_MIN);
    reader->block = memory_allocate(reader->block_length);
    memcpy(reader->block, reader->input.data + start, reader->block_filled);
    reader->input.length = start;
}

static struct slice fill_big(struct reader *reader, struct slice piece)
{
    size_t missing = reader->block_length - reader->block_filled;
    size_t length = piece.length < missing ? piece.length : missing;
    memcpy(reader->block + reader->block_filled, piece.data, length);
    reader->block_filled += length;
    if (length == missing) {
        resp_parser_supply(reader->parser, reader->block, reader->block_length);
        reader->block = NULL;
    }
    return slice_of(piece.data + length, piece.length - length);
}

static void feed(struct reader *reader, struct slice piece)
{
    if (reader->block != NULL)
        piece = fill_big(reader, piece);
    if (reader->block != NULL || reader->failed || reader->input.length + piece.length == 0)
        return;
    struct buffer moved = {0}; /* the input changes its place each time */
    buffer_add(&moved, reader->input.data, reader->input.length);
    buffer_add(&moved, piece.data, piece.length);
    buffer_deinit(&reader->input);
    reader->input = moved;
    enum resp_status status;
    do
        status = read_batch(reader);
    while (status == RESP_COMMAND);
    if (status == RESP_BIG_ARGUMENT)
        begin_big(reader);
    if (status != RESP_ERROR)
        return;
    reader->failed = true;
    buffer_add_string(&reader->transcript, resp_parser_error(reader->parser));
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Now bytes, now blocks, sometimes nothing. */
static size_t piece_length(uint32_t *seed, size_t left)
{
    static const uint32_t length_max[] = {2, 8, 64, PIECE_LONG_MAX};
    size_t length = next_random(seed) % length_max[next_random(seed) % 4];
    return length < left ? length : left;
}

static struct buffer read_all(struct slice input, const struct resp_limits *limits, uint32_t *seed)
{
    struct reader reader = {.parser = resp_parser_create(), .limits = limits};
    size_t at = 0;
    while (at < input.length && !reader.failed) {
        size_t length = seed == NULL ? input.length : piece_length(seed, input.length - at);
        feed(&reader, slice_of(input.data + at, length));
        at += length;
    }
    ASSERT(resp_parser_memory(reader.parser) < 64 * INPUT_LENGTH_MAX);
    resp_parser_destroy(reader.parser);
    buffer_deinit(&reader.input);
    memory_free(reader.block);
    return reader.transcript;
}

static struct buffer expand(const uint8_t *data, size_t size)
{
    struct buffer input = {0};
    for (size_t i = 0; i < size && input.length < INPUT_LENGTH_MAX; i++) {
        size_t count = 1;
        char byte = (char)data[i];
        if (data[i] == REPEAT_MARK && i + 1 < size) {
            count = (size_t)data[++i] * 256;
            byte = 'x';
        }
        for (; count > 0 && input.length < INPUT_LENGTH_MAX; count--)
            buffer_add(&input, &byte, 1);
    }
    return input;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SEED_LENGTH)
        return 0;
    uint32_t seed;
    memcpy(&seed, data, SEED_LENGTH);
    struct resp_limits limits = {1 << 20, RESP_ARGUMENT_COUNT_MAX, true};
    if (seed % 8 == 0)
        limits = (struct resp_limits){16384, 10, false};
    struct buffer input = expand(data + SEED_LENGTH, size - SEED_LENGTH);
    struct buffer whole = read_all(buffer_slice(&input), &limits, NULL);
    struct buffer pieces = read_all(buffer_slice(&input), &limits, &seed);
    ASSERT(slice_equals(buffer_slice(&whole), buffer_slice(&pieces)));
    buffer_deinit(&whole);
    buffer_deinit(&pieces);
    buffer_deinit(&input);
    return 0;
}
