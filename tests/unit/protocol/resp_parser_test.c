#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "protocol/resp_parser.h"
#include "support/failing_memory.h"

#define BATCH_MAX 8 /* commands */

static const struct resp_limits open_limits = {536870912, RESP_ARGUMENT_COUNT_MAX, true};
static const struct resp_limits shut_limits = {16384, 10, false};

/* Plays the connection: keeps the input, collects big arguments, and writes down what came out. */
struct reader {
    struct resp_parser *parser;
    const struct resp_limits *limits;
    struct buffer input, transcript;
    char *block; /* of a big argument, NULL: none */
    size_t block_length, block_filled;
    size_t bigs;
    bool failed;
};

static void reader_init(struct reader *reader, const struct resp_limits *limits)
{
    *reader = (struct reader){.parser = resp_parser_create(), .limits = limits};
}

static void reader_deinit(struct reader *reader)
{
    resp_parser_destroy(reader->parser);
    buffer_deinit(&reader->input);
    buffer_deinit(&reader->transcript);
    memory_free(reader->block);
}

static void write_down(struct reader *reader, const struct resp_command *command)
{
    buffer_add_format(&reader->transcript, "%zu of %zu:", command->count, command->wire_length);
    for (size_t i = 0; i < command->count; i++) {
        struct slice argument = command->arguments[i];
        buffer_add_format(&reader->transcript, " %zu=", argument.length);
        buffer_add(&reader->transcript, argument.data, argument.length);
    }
    buffer_add_string(&reader->transcript, "\n");
}

/* The commands are written down when the batch is whole: what was handed out must have stayed. */
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
    assert_true(reader->block_filled < reader->block_length);
    reader->block = memory_allocate(reader->block_length);
    if (reader->block_filled > 0)
        memcpy(reader->block, reader->input.data + start, reader->block_filled);
    reader->input.length = start;
    reader->bigs++;
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
    if (reader->failed)
        return;
    if (reader->block != NULL)
        piece = fill_big(reader, piece);
    if (reader->block != NULL)
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
    buffer_add_format(&reader->transcript, "error %s\n", resp_parser_error(reader->parser));
}

static void assert_transcript(struct reader *reader, const char *expected)
{
    buffer_add(&reader->transcript, "", 1);
    assert_string_equal(reader->transcript.data, expected);
    reader->transcript.length--;
}

static void assert_reads(const struct resp_limits *limits, struct slice input, const char *expected)
{
    struct reader reader;
    reader_init(&reader, limits);
    feed(&reader, input);
    assert_transcript(&reader, expected);
    reader_deinit(&reader);
}

static void assert_fails(struct slice input, const char *error)
{
    char expected[200];
    snprintf(expected, sizeof expected, "error Protocol error: %s\n", error);
    assert_reads(&open_limits, input, expected);
}

static void an_array_of_bulk_strings_is_a_command(void **state)
{
    (void)state;
    assert_reads(&open_limits, SLICE("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"), "2 of 20: 4=ECHO 0=\n");
    assert_reads(&open_limits, SLICE("*1\r\n$12\r\nab\r\n*1\r\n$1\r\n\r\n*1\r\n$1\r\nx\r\n"),
                 "1 of 23: 12=ab\r\n*1\r\n$1\r\n\n1 of 11: 1=x\n");
}

static void an_array_without_elements_is_an_empty_command(void **state)
{
    (void)state;
    assert_reads(&open_limits, SLICE("*0\r\n*-1\r\n*-5\r\n*1\r\n$4\r\nPING\r\n"),
                 "0 of 4:\n0 of 5:\n0 of 5:\n1 of 14: 4=PING\n");
}

static void the_bytes_behind_an_argument_are_not_looked_at(void **state)
{
    (void)state;
    assert_reads(&open_limits, SLICE("*1\r\n$4\r\nPINGxxPING\r\n"),
                 "1 of 14: 4=PING\n1 of 6: 4=PING\n");
    assert_reads(&open_limits, SLICE("*1\rx$4\rxPING\r\n"), "1 of 14: 4=PING\n");
}

static void a_line_is_a_command(void **state)
{
    (void)state;
    assert_reads(&open_limits, SLICE("ping\n\r\n  \r\necho a\rb\r\necho a\r\r\n"),
                 "1 of 5: 4=ping\n0 of 2:\n0 of 4:\n3 of 10: 4=echo 1=a 1=b\n"
                 "2 of 9: 4=echo 1=a\n");
}

static void words_of_a_line_may_be_quoted(void **state)
{
    (void)state;
    assert_reads(&open_limits, SLICE("echo \"\\x41\\n\\q\\\"\"\n"), "2 of 18: 4=echo 4=A\nq\"\n");
    assert_reads(&open_limits, SLICE("echo 'a\\'b\\n'\n"), "2 of 14: 4=echo 5=a'b\\n\n");
    assert_reads(&open_limits, SLICE("echo a\"b\" \"\"\n"), "3 of 13: 4=echo 2=ab 0=\n");
    assert_reads(&open_limits, SLICE("echo \"\\xg1\\x1\"\n"), "2 of 15: 4=echo 5=xg1x1\n");
}

static void a_vertical_tab_ends_no_word_but_follows_a_quote(void **state)
{
    (void)state;
    assert_reads(&open_limits, SLICE("\va\vb\f \"c\"\vd\n"), "3 of 12: 4=a\vb\f 1=c 1=d\n");
}

static void what_is_no_length_is_an_error(void **state)
{
    (void)state;
    const struct slice counts[] = {SLICE("*x\r\n"),  SLICE("*\r\n"),          SLICE("*01\r\n"),
                                   SLICE("*+1\r\n"), SLICE("* 1\r\n"),        SLICE("*-0\r\n"),
                                   SLICE("*1 \r\n"), SLICE("*2147483648\r\n")};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_fails(counts[i], "invalid multibulk length");
    const struct slice lengths[] = {SLICE("*1\r\n$x\r\n"),        SLICE("*1\r\n$\r\n"),
                                    SLICE("*1\r\n$04\r\n"),       SLICE("*1\r\n$-1\r\n"),
                                    SLICE("*1\r\n$-0\r\n"),       SLICE("*1\r\n$536870913\r\n"),
                                    SLICE("*1\r\n$4\n\nPING\r\n")};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        assert_fails(lengths[i], "invalid bulk length");
}

static void an_argument_begins_with_a_dollar(void **state)
{
    (void)state;
    assert_fails(SLICE("*1\r\n:3\r\n"), "expected '$', got ':'");
    assert_fails(SLICE("*2\r\n$1\r\na\r\nxyz\r\n"), "expected '$', got 'x'");
    assert_fails(SLICE("*1\r\n\r\n"), "expected '$', got '\r'");
}

static void unbalanced_quotes_are_an_error(void **state)
{
    (void)state;
    const struct slice lines[] = {SLICE("echo \"a\r\n"),  SLICE("echo 'a\r\n"),
                                  SLICE("ec\"ho a\r\n"),  SLICE("echo \"a\"b\r\n"),
                                  SLICE("echo 'a'b\r\n"), SLICE("echo \"a\\\r\n")};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_fails(lines[i], "unbalanced quotes in request");
}

/* `prefix` and a line without an end of as many bytes as are allowed, then one more. */
static void assert_line_limit(const char *prefix, char first, const char *error)
{
    char *line = memory_allocate(RESP_INLINE_LENGTH_MAX);
    memset(line, '1', RESP_INLINE_LENGTH_MAX);
    line[0] = first;
    char expected[100];
    snprintf(expected, sizeof expected, "error Protocol error: %s\n", error);
    struct reader reader;
    reader_init(&reader, &open_limits);
    feed(&reader, slice_of_string(prefix));
    feed(&reader, slice_of(line, RESP_INLINE_LENGTH_MAX));
    assert_transcript(&reader, "");
    feed(&reader, SLICE("1"));
    assert_transcript(&reader, expected);
    reader_deinit(&reader);
    memory_free(line);
}

static void lines_that_do_not_end_are_errors(void **state)
{
    (void)state;
    assert_line_limit("", 'a', "too big inline request");
    assert_line_limit("", '*', "too big mbulk count string");
    assert_line_limit("*1\r\n", '$', "too big bulk count string");
    assert_line_limit("*2\r\n$1\r\na\r\n", 'x', "too big bulk count string");
}

static void before_authentication_limits_are_named_so(void **state)
{
    (void)state;
    assert_reads(&shut_limits, SLICE("*10\r\n$16384\r\n"), "");
    assert_reads(&shut_limits, SLICE("*11\r\n"),
                 "error Protocol error: unauthenticated multibulk length\n");
    assert_reads(&shut_limits, SLICE("*1\r\n$16385\r\n"),
                 "error Protocol error: unauthenticated bulk length\n");
    assert_reads(&shut_limits, SLICE("*2147483648\r\n"),
                 "error Protocol error: invalid multibulk length\n");
    assert_reads(&shut_limits, SLICE("*1\r\n$-1\r\n"),
                 "error Protocol error: invalid bulk length\n");
}

static void assert_splits_equal(struct slice input)
{
    struct reader whole;
    reader_init(&whole, &open_limits);
    feed(&whole, input);
    buffer_add(&whole.transcript, "", 1);
    for (size_t at = 0; at <= input.length; at++) {
        struct reader split;
        reader_init(&split, &open_limits);
        feed(&split, slice_of(input.data, at));
        feed(&split, slice_of(input.data + at, input.length - at));
        assert_transcript(&split, whole.transcript.data);
        reader_deinit(&split);
    }
    struct reader bytes;
    reader_init(&bytes, &open_limits);
    for (size_t at = 0; at < input.length; at++)
        feed(&bytes, slice_of(input.data + at, 1));
    assert_transcript(&bytes, whole.transcript.data);
    reader_deinit(&bytes);
    reader_deinit(&whole);
}

static void a_split_at_every_byte_equals_the_whole(void **state)
{
    (void)state;
    assert_splits_equal(
        SLICE("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$11\r\nhello\r\nworl\r\n"
              "ping\r\n\r\n*0\r\necho \"a b\" 'c'\n"
              "*12\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$0\r\n\r\n"
              "$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$1\r\na\r\n$1\r\nb\r\n"
              "*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n*1\r\n$1x\r\n"));
    assert_splits_equal(SLICE("*2\r\n$4\r\nECHO\r\n:1\r\n"));
    assert_splits_equal(SLICE("ping\r\necho \"\r\n"));
}

/* "*3 SET key <length times v>" */
static struct buffer make_set(size_t length)
{
    struct buffer input = {0};
    buffer_add_format(&input, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%zu\r\n", length);
    assert_int_equal(buffer_reserve(&input, length + 2), OK);
    memset(input.data + input.length, 'v', length);
    input.length += length;
    buffer_add_string(&input, "\r\n");
    return input;
}

static void a_big_argument_is_collected_outside_of_the_input(void **state)
{
    (void)state;
    struct buffer input = make_set(RESP_BIG_ARGUMENT_MIN);
    const size_t head = input.length - 2 - RESP_BIG_ARGUMENT_MIN;
    buffer_add_string(&input, "*1\r\n$4\r\nPING\r\n");
    struct reader whole;
    reader_init(&whole, &open_limits);
    feed(&whole, buffer_slice(&input));
    assert_int_equal(whole.bigs, 0);
    buffer_add(&whole.transcript, "", 1);
    for (size_t at = 0; at <= input.length; at += at > 40 && at < 32000 ? 1000 : 1) {
        struct reader split;
        reader_init(&split, &open_limits);
        feed(&split, slice_of(input.data, at));
        feed(&split, slice_of(input.data + at, input.length - at));
        assert_transcript(&split, whole.transcript.data);
        assert_int_equal(split.bigs, at >= head && at < head + RESP_BIG_ARGUMENT_MIN);
        reader_deinit(&split);
    }
    reader_deinit(&whole);
    buffer_deinit(&input);
}

static void a_smaller_argument_stays_in_the_input(void **state)
{
    (void)state;
    struct buffer input = make_set(RESP_BIG_ARGUMENT_MIN - 1);
    struct reader reader;
    reader_init(&reader, &open_limits);
    feed(&reader, slice_of(input.data, 100));
    feed(&reader, slice_of(input.data + 100, input.length - 100));
    assert_int_equal(reader.bigs, 0);
    assert_true(reader.transcript.length > RESP_BIG_ARGUMENT_MIN);
    reader_deinit(&reader);
    buffer_deinit(&input);
}

static char *filled_block(char with)
{
    return memset(memory_allocate(RESP_BIG_ARGUMENT_MIN), with, RESP_BIG_ARGUMENT_MIN);
}

/* MSET with two big arguments, each supplied. */
static struct resp_command parse_two_bigs(struct resp_parser *parser)
{
    static const char input[] = "*4\r\n$4\r\nMSET\r\n$32768\r\n\r\n$1\r\na\r\n$32768\r\n\r\n";
    const size_t first = 22, second = 39;
    struct resp_command command;
    size_t consumed;
    assert_int_equal(
        resp_parser_next(parser, slice_of(input, first), &open_limits, &command, &consumed),
        RESP_BIG_ARGUMENT);
    assert_int_equal(resp_parser_big_argument_start(parser), first);
    assert_int_equal(resp_parser_big_argument_length(parser), RESP_BIG_ARGUMENT_MIN);
    resp_parser_supply(parser, filled_block('1'), RESP_BIG_ARGUMENT_MIN);
    assert_true(resp_parser_memory(parser) >= RESP_BIG_ARGUMENT_MIN);
    assert_int_equal(
        resp_parser_next(parser, slice_of(input, second), &open_limits, &command, &consumed),
        RESP_BIG_ARGUMENT);
    resp_parser_supply(parser, filled_block('2'), RESP_BIG_ARGUMENT_MIN);
    assert_int_equal(resp_parser_next(parser, slice_of(input, sizeof input - 1), &open_limits,
                                      &command, &consumed),
                     RESP_COMMAND);
    assert_int_equal(consumed, sizeof input - 1);
    assert_int_equal(command.wire_length, sizeof input - 1 + 2 * RESP_BIG_ARGUMENT_MIN);
    return command;
}

static void the_block_of_a_big_argument_may_be_taken(void **state)
{
    (void)state;
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command = parse_two_bigs(parser);
    assert_null(resp_parser_find_big_argument(parser, &command, 0));
    assert_null(resp_parser_find_big_argument(parser, &command, 2));
    struct resp_big_argument *big = resp_parser_find_big_argument(parser, &command, 3);
    assert_non_null(big);
    assert_ptr_equal(big->block, command.arguments[3].data);
    assert_int_equal(big->length, RESP_BIG_ARGUMENT_MIN);
    assert_int_equal(big->block[0], '2');
    char *taken = big->block;
    big->block = NULL;
    big = resp_parser_find_big_argument(parser, &command, 1);
    assert_non_null(big);
    assert_int_equal(big->argument, 1);
    resp_parser_destroy(parser);
    assert_int_equal(taken[RESP_BIG_ARGUMENT_MIN - 1], '2');
    memory_free(taken);
}

static void a_parser_can_be_destroyed_in_the_middle_of_a_command(void **state)
{
    (void)state;
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command;
    size_t consumed;
    struct slice input = SLICE("*3\r\n$1\r\na\r\n$32768\r\n");
    assert_int_equal(resp_parser_next(parser, input, &open_limits, &command, &consumed),
                     RESP_BIG_ARGUMENT);
    resp_parser_supply(parser, filled_block('1'), RESP_BIG_ARGUMENT_MIN);
    assert_int_equal(resp_parser_next(parser, input, &open_limits, &command, &consumed),
                     RESP_INCOMPLETE);
    resp_parser_destroy(parser);
}

static void a_command_partly_read_outlives_the_batch(void **state)
{
    (void)state;
    struct reader reader;
    reader_init(&reader, &open_limits);
    feed(&reader, SLICE("*1\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$1\r\n"));
    resp_parser_reset_batch(reader.parser);
    feed(&reader, SLICE("c\r\n"));
    assert_transcript(&reader, "1 of 11: 1=a\n2 of 18: 1=b 1=c\n");
    reader_deinit(&reader);
}

static void a_batch_may_be_reset_while_a_big_argument_is_collected(void **state)
{
    (void)state;
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command;
    size_t consumed;
    struct slice input = SLICE("*12\r\n$32768\r\n");
    assert_int_equal(resp_parser_next(parser, input, &open_limits, &command, &consumed),
                     RESP_BIG_ARGUMENT);
    resp_parser_reset_batch(parser);
    resp_parser_supply(parser, filled_block('1'), RESP_BIG_ARGUMENT_MIN);
    resp_parser_reset_batch(parser);
    assert_int_equal(resp_parser_next(parser, input, &open_limits, &command, &consumed),
                     RESP_INCOMPLETE);
    resp_parser_destroy(parser);
}

static void a_promise_of_many_arguments_takes_no_memory(void **state)
{
    (void)state;
    struct reader reader;
    reader_init(&reader, &open_limits);
    size_t idle = resp_parser_memory(reader.parser);
    assert_true(idle < 256);
    feed(&reader, SLICE("*2147483647\r\n$1\r\na\r\n$536870912\r\n"));
    assert_true(resp_parser_memory(reader.parser) < idle + 4096);
    reader_deinit(&reader);
}

static void memory_of_a_long_command_is_given_back(void **state)
{
    (void)state;
    struct buffer input = {0};
    buffer_add_string(&input, "*10000\r\n");
    for (int i = 0; i < 10000; i++)
        buffer_add_string(&input, "$1\r\na\r\n");
    struct reader reader;
    reader_init(&reader, &open_limits);
    feed(&reader, buffer_slice(&input));
    assert_memory_equal(reader.transcript.data, "10000 of 70008: 1=a 1=a", 23);
    assert_true(resp_parser_memory(reader.parser) < 256);
    reader_deinit(&reader);
    buffer_deinit(&input);
}

static void words_of_a_line_end_with_nul(void **state)
{
    (void)state;
    char *words;
    struct slice *slices;
    size_t count;
    assert_true(resp_parser_split_line(SLICE("save 900 \"1 2\""), &words, &slices, &count));
    assert_int_equal(count, 3);
    assert_string_equal(slices[0].data, "save");
    assert_string_equal(slices[1].data, "900");
    assert_string_equal(slices[2].data, "1 2");
    memory_free(words);
    memory_free(slices);
    assert_true(resp_parser_split_line(SLICE(""), &words, &slices, &count));
    assert_int_equal(count, 0);
    memory_free(words);
    memory_free(slices);
    assert_false(resp_parser_split_line(SLICE("a \"b"), &words, &slices, &count));
}

/* Feeds each input to a parser whose memory is out from allocation `call` on. */
static void assert_no_memory(struct slice input, unsigned call, enum resp_status expected)
{
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command;
    size_t consumed;
    assert_string_equal(resp_parser_error(parser), "");
    failing_memory_begin(call, 0, true);
    enum resp_status status = resp_parser_next(parser, input, &open_limits, &command, &consumed);
    assert_int_equal(failing_memory_end(), expected != RESP_COMMAND);
    assert_int_equal(status, expected);
    assert_int_equal(resp_parser_is_out_of_memory(parser), expected == RESP_ERROR);
    if (expected == RESP_ERROR)
        assert_string_equal(resp_parser_error(parser),
                            "Protocol error: out of memory for arguments");
    resp_parser_destroy(parser);
}

static void without_memory_a_command_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct slice whole = SLICE("*2\r\n$1\r\na\r\n$1\r\nb\r\n"), part = SLICE("*2\r\n$1\r\n");
    assert_no_memory(whole, 1, RESP_ERROR);
    assert_no_memory(part, 2, RESP_ERROR); /* the first was to hand it out at once */
    assert_no_memory(whole, 2, RESP_COMMAND);
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command;
    size_t consumed;
    assert_int_equal(resp_parser_next(parser, part, &open_limits, &command, &consumed),
                     RESP_INCOMPLETE);
    resp_parser_reset_batch(parser);
    failing_memory_begin(1, 0, true); /* the words are all there, the room for them is not */
    assert_int_equal(resp_parser_next(parser, whole, &open_limits, &command, &consumed),
                     RESP_ERROR);
    assert_true(failing_memory_end());
    assert_true(resp_parser_is_out_of_memory(parser));
    resp_parser_destroy(parser);
}

static void what_is_no_big_argument_is_not_found_among_them(void **state)
{
    (void)state;
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command;
    size_t consumed;
    struct slice begun = SLICE("*1\r\n$32768\r\n");
    assert_int_equal(resp_parser_next(parser, begun, &open_limits, &command, &consumed),
                     RESP_BIG_ARGUMENT);
    assert_int_equal(resp_parser_next(parser, begun, &open_limits, &command, &consumed),
                     RESP_BIG_ARGUMENT); /* it waits for the block */
    resp_parser_supply(parser, filled_block('1'), RESP_BIG_ARGUMENT_MIN);
    struct slice ended = SLICE("*1\r\n$32768\r\n\r\n");
    assert_int_equal(resp_parser_next(parser, ended, &open_limits, &command, &consumed),
                     RESP_COMMAND);
    assert_non_null(resp_parser_find_big_argument(parser, &command, 0));
    assert_null(resp_parser_find_big_argument(parser, &command, 1));
    struct slice other_arguments[1] = {{command.arguments[0].data, RESP_BIG_ARGUMENT_MIN}};
    struct resp_command other = {other_arguments, 1, 0};
    assert_null(resp_parser_find_big_argument(parser, &other, 0));
    other_arguments[0].length = 1;
    assert_null(resp_parser_find_big_argument(parser, &other, 0));
    resp_parser_destroy(parser);
}

static void a_parser_that_failed_may_fail_again(void **state)
{
    (void)state;
    struct resp_parser *parser = resp_parser_create();
    struct resp_command command;
    size_t consumed, before = resp_parser_memory(parser);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(resp_parser_next(parser, SLICE("'a\n"), &open_limits, &command, &consumed),
                         RESP_ERROR);
        assert_string_equal(resp_parser_error(parser),
                            "Protocol error: unbalanced quotes in request");
    }
    assert_true(resp_parser_memory(parser) > before);
    resp_parser_destroy(parser);
}

static void assert_word(struct slice line, struct slice expected)
{
    char *words;
    struct slice *slices;
    size_t count;
    assert_true(resp_parser_split_line(line, &words, &slices, &count));
    assert_int_equal(count, 1);
    assert_true(slice_equals(slices[0], expected));
    memory_free(words);
    memory_free(slices);
}

static void escapes_are_read_as_redis_reads_them(void **state)
{
    (void)state;
    assert_word(SLICE("\"\\x4aB\\x4A\\xFf\""), SLICE("JBJ\377"));
    assert_word(SLICE("\"\\xg1\\x1g\""), SLICE("xg1x1g"));
    assert_word(SLICE("\"\\n\\r\\t\\b\\a\\q\""), SLICE("\n\r\t\b\aq"));
    assert_word(SLICE("'a\\'b\\n'"), SLICE("a'b\\n"));
    assert_word(SLICE("\"a\"\0"), SLICE("a"));
    assert_word(SLICE("a\0"), SLICE("a"));
    char *words;
    struct slice *slices;
    size_t count;
    assert_false(resp_parser_split_line(SLICE("'a\\"), &words, &slices, &count));
    assert_false(resp_parser_split_line(SLICE("'a\\'"), &words, &slices, &count));
    assert_false(resp_parser_split_line(SLICE("\"a\\"), &words, &slices, &count));
    assert_false(resp_parser_split_line(SLICE("\"a\\x4"), &words, &slices, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_of_bulk_strings_is_a_command),
        cmocka_unit_test(an_array_without_elements_is_an_empty_command),
        cmocka_unit_test(the_bytes_behind_an_argument_are_not_looked_at),
        cmocka_unit_test(a_line_is_a_command),
        cmocka_unit_test(words_of_a_line_may_be_quoted),
        cmocka_unit_test(a_vertical_tab_ends_no_word_but_follows_a_quote),
        cmocka_unit_test(what_is_no_length_is_an_error),
        cmocka_unit_test(an_argument_begins_with_a_dollar),
        cmocka_unit_test(unbalanced_quotes_are_an_error),
        cmocka_unit_test(lines_that_do_not_end_are_errors),
        cmocka_unit_test(before_authentication_limits_are_named_so),
        cmocka_unit_test(a_split_at_every_byte_equals_the_whole),
        cmocka_unit_test(a_big_argument_is_collected_outside_of_the_input),
        cmocka_unit_test(a_smaller_argument_stays_in_the_input),
        cmocka_unit_test(the_block_of_a_big_argument_may_be_taken),
        cmocka_unit_test(a_parser_can_be_destroyed_in_the_middle_of_a_command),
        cmocka_unit_test(a_command_partly_read_outlives_the_batch),
        cmocka_unit_test(a_batch_may_be_reset_while_a_big_argument_is_collected),
        cmocka_unit_test(a_promise_of_many_arguments_takes_no_memory),
        cmocka_unit_test(memory_of_a_long_command_is_given_back),
        cmocka_unit_test(words_of_a_line_end_with_nul),
        cmocka_unit_test(without_memory_a_command_is_an_error_that_says_so),
        cmocka_unit_test(what_is_no_big_argument_is_not_found_among_them),
        cmocka_unit_test(a_parser_that_failed_may_fail_again),
        cmocka_unit_test(escapes_are_read_as_redis_reads_them),
    };
    return cmocka_run_group_tests_name("protocol/resp_parser", tests, NULL, NULL);
}
