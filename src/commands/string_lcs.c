/* LCS: the longest common subsequence of two strings (Wagner and Fischer, 1974).
 *
 * The lengths of one row are kept; of all cells only one bit, which way the way back goes: a 32nd
 * of what a full table takes. Time is bounded by Redis's own limit, which is on the bytes of a full
 * table of 32-bit numbers (proto-max-bulk-len). */
#include "base/memory.h"
#include "base/number.h"
#include "commands/tables.h"

#define LCS_LENGTH_MAX (UINT32_MAX - 1) /* bytes of a string, exclusive */

struct lcs_options {
    bool only_length; /* LEN */
    bool indexes;     /* IDX */
    bool match_lengths;
    int64_t match_length_min;
};

struct lcs {
    struct slice a, b;
    uint32_t *row; /* lengths for the prefixes of b, with all of a when done */
    uint64_t *up;  /* a bit a cell: the way back goes towards the start of a, not of b; or NULL */
    uint32_t length;
};

/* A run of bytes that both strings have in common, both ends included. */
struct lcs_match {
    size_t a_start, a_end, b_start, b_end;
};

static bool parse_options(struct command_context *context, struct lcs_options *options)
{
    for (size_t i = 3; i < context->count; i++) {
        struct slice word = context->arguments[i];
        if (slice_is_word(word, "IDX")) {
            options->indexes = true;
        } else if (slice_is_word(word, "LEN")) {
            options->only_length = true;
        } else if (slice_is_word(word, "WITHMATCHLEN")) {
            options->match_lengths = true;
        } else if (slice_is_word(word, "MINMATCHLEN") && i + 1 < context->count) {
            if (!command_integer(context, ++i, &options->match_length_min))
                return false;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    if (options->indexes && options->only_length) {
        resp_writer_error(context->reply,
                          "ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

/* The string at argument `index`, empty if absent; false if it is not a string. */
static bool read_text(struct command_context *context, size_t index, char *scratch,
                      struct slice *text)
{
    struct key key = command_key(context, index);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    *text = SLICE("");
    if (entry != NULL && entry->type != TYPE_STRING)
        return false;
    if (entry != NULL)
        *text = entry_string(entry, scratch);
    return true;
}

/* Takes the memory; on failure replies with the error and returns false. */
static bool prepare(struct command_context *context, struct lcs *lcs, bool way_back)
{
    if (lcs->a.length >= LCS_LENGTH_MAX || lcs->b.length >= LCS_LENGTH_MAX) {
        resp_writer_error(context->reply, "ERR String too long for LCS");
        return false;
    }
    uint64_t cells = (uint64_t)(lcs->a.length + 1) * (lcs->b.length + 1), bytes;
    if (__builtin_mul_overflow(cells, sizeof(uint32_t), &bytes) ||
        bytes > command_string_size_max(context)) {
        resp_writer_error(context->reply, "ERR Insufficient memory, transient memory for LCS "
                                          "exceeds proto-max-bulk-len");
        return false;
    }
    lcs->row = memory_try_allocate((lcs->b.length + 1) * sizeof *lcs->row);
    size_t words = cells / 64 + 1;
    if (way_back && lcs->row != NULL)
        lcs->up = memory_try_allocate(words * sizeof *lcs->up);
    if (lcs->row == NULL || (way_back && lcs->up == NULL)) {
        resp_writer_error(context->reply,
                          "ERR Insufficient memory, failed allocating transient memory for LCS");
        return false;
    }
    memset(lcs->row, 0, (lcs->b.length + 1) * sizeof *lcs->row);
    if (way_back)
        memset(lcs->up, 0, words * sizeof *lcs->up);
    return true;
}

static void measure(struct lcs *lcs)
{
    uint32_t *row = lcs->row;
    for (size_t i = 0; i < lcs->a.length; i++) {
        uint32_t diagonal = 0; /* of the row before, one to the left */
        uint64_t cell = (uint64_t)i * lcs->b.length;
        for (size_t j = 0; j < lcs->b.length; j++, cell++) {
            uint32_t above = row[j + 1], left = row[j];
            if (lcs->a.data[i] == lcs->b.data[j])
                row[j + 1] = diagonal + 1;
            else
                row[j + 1] = above > left ? above : left;
            if (lcs->up != NULL)
                lcs->up[cell / 64] |= (uint64_t)(above > left) << (cell % 64);
            diagonal = above;
        }
    }
    lcs->length = row[lcs->b.length];
}

static void write_match(struct resp_writer *writer, const struct lcs_match *match, bool with_length)
{
    resp_writer_array(writer, with_length ? 3 : 2);
    resp_writer_array(writer, 2);
    resp_writer_integer(writer, (int64_t)match->a_start);
    resp_writer_integer(writer, (int64_t)match->a_end);
    resp_writer_array(writer, 2);
    resp_writer_integer(writer, (int64_t)match->b_start);
    resp_writer_integer(writer, (int64_t)match->b_end);
    if (with_length)
        resp_writer_integer(writer, (int64_t)(match->a_end - match->a_start + 1));
}

/* Goes back from the ends of both strings. Writes the matches (last first) if `matches` is there,
 * and the subsequence to `out` if that is. Returns the number of matches written. */
static size_t go_back(const struct lcs *lcs, const struct lcs_options *options,
                      struct resp_writer *matches, char *out)
{
    size_t i = lcs->a.length, j = lcs->b.length, written = 0, left = lcs->length;
    struct lcs_match match = {0};
    bool open = false;
    while (i > 0 && j > 0) {
        bool equal = lcs->a.data[i - 1] == lcs->b.data[j - 1];
        if (equal) {
            if (out != NULL)
                out[--left] = lcs->a.data[i - 1];
            i--;
            j--;
            if (!open)
                match = (struct lcs_match){.a_end = i, .b_end = j};
            match.a_start = i;
            match.b_start = j;
            open = true;
        } else {
            uint64_t cell = (uint64_t)(i - 1) * lcs->b.length + (j - 1);
            if (lcs->up[cell / 64] >> (cell % 64) & 1)
                i--;
            else
                j--;
        }
        if (open && (!equal || i == 0 || j == 0)) {
            int64_t length = (int64_t)(match.a_end - match.a_start + 1);
            if (matches != NULL && length >= options->match_length_min) {
                write_match(matches, &match, options->match_lengths);
                written++;
            }
            open = false;
        }
    }
    return written;
}

static void answer_indexes(struct command_context *context, const struct lcs *lcs,
                           const struct lcs_options *options)
{
    struct resp_writer *reply = context->reply;
    struct chain elements;
    chain_init(&elements, reply->out->pool);
    struct resp_writer matches = *reply;
    matches.out = &elements;
    size_t count = go_back(lcs, options, &matches, NULL);
    resp_writer_map(reply, 2);
    resp_writer_bulk_string(reply, "matches");
    resp_writer_array_of(reply, count, &elements);
    resp_writer_bulk_string(reply, "len");
    resp_writer_integer(reply, lcs->length);
    chain_deinit(&elements);
}

static void answer_text(struct command_context *context, const struct lcs *lcs,
                        const struct lcs_options *options)
{
    char *text = memory_try_allocate(lcs->length + (size_t)1);
    if (text == NULL) {
        command_reply_out_of_memory(context);
        return;
    }
    go_back(lcs, options, NULL, text);
    resp_writer_bulk(context->reply, slice_of(text, lcs->length));
    memory_free(text);
}

static void longest_common(struct command_context *context)
{
    struct lcs_options options = {0};
    struct lcs lcs = {0};
    char scratch_a[NUMBER_INTEGER_TEXT_MAX], scratch_b[NUMBER_INTEGER_TEXT_MAX];
    bool strings = read_text(context, 1, scratch_a, &lcs.a);
    strings = read_text(context, 2, scratch_b, &lcs.b) && strings;
    if (!strings) {
        resp_writer_error(context->reply, "ERR The specified keys must contain string values");
        return;
    }
    if (!parse_options(context, &options))
        return;
    if (prepare(context, &lcs, !options.only_length)) {
        measure(&lcs);
        if (options.indexes)
            answer_indexes(context, &lcs, &options);
        else if (options.only_length)
            resp_writer_integer(context->reply, lcs.length);
        else
            answer_text(context, &lcs, &options);
    }
    memory_free(lcs.row);
    memory_free(lcs.up);
}

const struct command string_lcs_commands[] = {
    {
        .name = "LCS",
        .run = longest_common,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STRING,
        .keys = {KEYS_RANGE(1, 1, 1, KEY_RO | KEY_ACCESS)},
        .group = "string",
        .since = "7.0.0",
        .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
        .summary = "Finds the longest common subsequence of two strings.",
        .complexity = "O(N*M) where N and M are the lengths of the two strings",
    },
    {.name = NULL},
};
