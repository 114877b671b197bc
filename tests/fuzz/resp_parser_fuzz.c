/* Whatever bytes a client sends, and however they are cut into pieces, the same commands come out.
 *
 * The first four bytes of an input seed the cuts. In the rest, 0xfe and a byte n behind the line of
 * a length stand for n * 256 times 'x', so that short inputs can hold big arguments; for one seed
 * in EXPANDED only, since these take a hundred times longer.
 *
 * Made to run often: what is read and what came of it lie in places of this program, of which
 * AddressSanitizer is told which bytes count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "protocol/resp_parser.h"

#define BATCH_MAX 16     /* commands */
#define SEED_LENGTH 4    /* bytes */
#define REPEAT_MARK 0xfe /* see above */
#define EXPANDED 16
#define INPUT_LENGTH_MAX 65536 /* bytes: a longer line is refused or not by how it is cut */
#define PIECE_LONG_MAX 40000   /* bytes */
#define PIECES_ANY 32          /* so many may be as small as they like, */
#define PIECES_MORE 64         /* later ones are at least this part of what is left */
/* Bytes: an argument of an inline command, the shortest, comes in two and is written in ten. */
#define TRANSCRIPT_MAX (INPUT_LENGTH_MAX * 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the parser said: numbers as they are in memory, bytes behind their length. */
struct transcript {
    char bytes[TRANSCRIPT_MAX];
    size_t length;
};

struct reader {
    struct resp_parser *parser;
    const struct resp_limits *limits;
    struct slice input; /* the last bytes of one of the places */
    size_t place;
    struct transcript *transcript;
    char *block; /* of a big argument, NULL: none */
    size_t block_length, block_filled;
    bool failed;
};

static char input_places[2][INPUT_LENGTH_MAX];
static struct transcript transcripts[2];

static void write_bytes(struct transcript *transcript, const void *data, size_t length)
{
    ASSERT(length <= sizeof transcript->bytes - transcript->length);
    memcpy(transcript->bytes + transcript->length, data, length);
    transcript->length += length;
}

static void write_number(struct transcript *transcript, size_t number)
{
    write_bytes(transcript, &number, sizeof number);
}

static void write_down(struct reader *reader, const struct resp_command *command)
{
    write_number(reader->transcript, command->count);
    write_number(reader->transcript, command->wire_length);
    for (size_t i = 0; i < command->count; i++) {
        struct slice argument = command->arguments[i];
        struct resp_big_argument *big = resp_parser_find_big_argument(reader->parser, command, i);
        ASSERT(big == NULL || (big->block == argument.data && big->length == argument.length));
        write_number(reader->transcript, argument.length);
        write_bytes(reader->transcript, argument.data, argument.length);
    }
}

/* The input is a part of itself from now on. */
static void cut_input(struct reader *reader, const char *from, const char *to)
{
    struct slice *input = &reader->input;
    ASAN_POISON_MEMORY_REGION(input->data, (size_t)(from - input->data));
    ASAN_POISON_MEMORY_REGION(to, (size_t)(input->data + input->length - to));
    *input = slice_of(from, (size_t)(to - from));
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
    cut_input(reader, reader->input.data + length, reader->input.data + reader->input.length);
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
    cut_input(reader, reader->input.data, reader->input.data + start);
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

/* The input changes its place each time, and ends where nothing may be read. */
static void add_to_input(struct reader *reader, struct slice piece)
{
    struct slice before = reader->input;
    reader->place = 1 - reader->place;
    size_t length = before.length + piece.length;
    char *place = input_places[reader->place] + INPUT_LENGTH_MAX - length;
    ASAN_UNPOISON_MEMORY_REGION(place, length);
    memcpy(place, before.data, before.length);
    memcpy(place + before.length, piece.data, piece.length);
    cut_input(reader, before.data, before.data);
    reader->input = slice_of(place, length);
}

static void feed(struct reader *reader, struct slice piece)
{
    if (reader->block != NULL)
        piece = fill_big(reader, piece);
    if (reader->block != NULL || reader->failed || reader->input.length + piece.length == 0)
        return;
    add_to_input(reader, piece);
    enum resp_status status;
    do
        status = read_batch(reader);
    while (status == RESP_COMMAND);
    if (status == RESP_BIG_ARGUMENT)
        begin_big(reader);
    if (status != RESP_ERROR)
        return;
    reader->failed = true;
    const char *error = resp_parser_error(reader->parser);
    write_bytes(reader->transcript, error, strlen(error));
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Now bytes, now blocks, sometimes nothing. */
static size_t piece_length(uint32_t *seed, size_t count, size_t left)
{
    static const uint32_t length_max[] = {2, 8, 64, PIECE_LONG_MAX};
    size_t length = next_random(seed) % length_max[next_random(seed) % 4];
    if (count > PIECES_ANY && length < left / PIECES_MORE)
        length = left / PIECES_MORE;
    return length < left ? length : left;
}

/* `seed` NULL: in one piece. */
static void read_all(struct slice input, const struct resp_limits *limits, uint32_t *seed,
                     struct transcript *transcript)
{
    struct reader reader = {.parser = resp_parser_create(),
                            .limits = limits,
                            .input = slice_of(input_places[0], 0),
                            .transcript = transcript};
    size_t at = 0;
    transcript->length = 0;
    for (size_t count = 0; at < input.length && !reader.failed; count++) {
        size_t left = input.length - at;
        size_t length = seed == NULL ? left : piece_length(seed, count, left);
        feed(&reader, slice_of(input.data + at, length));
        at += length;
    }
    ASSERT(resp_parser_memory(reader.parser) < 64 * INPUT_LENGTH_MAX);
    resp_parser_destroy(reader.parser);
    memory_free(reader.block);
    cut_input(&reader, reader.input.data, reader.input.data);
}

static struct slice expand(const uint8_t *data, size_t size, bool repeats)
{
    static char input[INPUT_LENGTH_MAX];
    size_t length = 0, line = 0; /* where the last line but one begins, */
    size_t next_line = 0;        /* and the last */
    for (size_t i = 0; i < size && length < INPUT_LENGTH_MAX; i++) {
        bool behind_length = length == next_line && input[line] == '$';
        if (!repeats || data[i] != REPEAT_MARK || i + 1 == size || !behind_length) {
            input[length++] = (char)data[i];
            if (data[i] != '\n')
                continue;
            line = next_line;
            next_line = length;
            continue;
        }
        size_t count = (size_t)data[++i] * 256;
        if (count > INPUT_LENGTH_MAX - length)
            count = INPUT_LENGTH_MAX - length;
        memset(input + length, 'x', count);
        length += count;
    }
    return slice_of(input, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SEED_LENGTH)
        return 0;
    static bool begun;
    if (!begun)
        ASAN_POISON_MEMORY_REGION(input_places, sizeof input_places);
    begun = true;
    uint32_t seed;
    memcpy(&seed, data, SEED_LENGTH);
    struct resp_limits limits = {1 << 20, RESP_ARGUMENT_COUNT_MAX, true};
    if (seed % 8 == 0)
        limits = (struct resp_limits){16384, 10, false};
    struct slice input = expand(data + SEED_LENGTH, size - SEED_LENGTH, seed % EXPANDED == 1);
    read_all(input, &limits, NULL, &transcripts[0]);
    read_all(input, &limits, &seed, &transcripts[1]);
    ASSERT(transcripts[0].length == transcripts[1].length);
    ASSERT(memcmp(transcripts[0].bytes, transcripts[1].bytes, transcripts[0].length) == 0);
    return 0;
}
