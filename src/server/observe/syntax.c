#include "server/observe/syntax.h"

#include <ctype.h>

#define ARGUMENTS_MAX 128 /* of one level */

/* One argument as it stands in the line. */
struct argument {
    struct slice text;  /* without its own brackets */
    struct slice token; /* the word before a value, or a word alone; empty: none */
    bool optional, one_of, repeated, is_block;
};

static bool is_space(char c)
{
    return isspace((unsigned char)c) != 0;
}

static struct slice trimmed(struct slice text)
{
    while (text.length > 0 && is_space(text.data[0]))
        text = slice_of(text.data + 1, text.length - 1);
    while (text.length > 0 && is_space(text.data[text.length - 1]))
        text.length--;
    return text;
}

/* Where the bracket that opens at `text` closes; the length if it does not. */
static size_t bracket_end(struct slice text)
{
    int depth = 0;
    for (size_t i = 0; i < text.length; i++) {
        depth += text.data[i] == '[' || text.data[i] == '<';
        depth -= text.data[i] == ']' || text.data[i] == '>';
        if (depth == 0)
            return i;
    }
    return text.length;
}

/* The length of the first piece of a sequence: a bracket, or a word. */
static size_t piece_length(struct slice text)
{
    if (text.data[0] == '[' || text.data[0] == '<') {
        size_t end = bracket_end(text);
        return end < text.length ? end + 1 : end;
    }
    size_t length = 0;
    while (length < text.length && !is_space(text.data[length]) && text.data[length] != '[')
        length++;
    return length > 0 ? length : 1;
}

static bool is_token(struct slice word)
{
    bool letter = false;
    for (size_t i = 0; i < word.length; i++) {
        if (islower((unsigned char)word.data[i]))
            return false;
        letter |= isupper((unsigned char)word.data[i]) != 0;
    }
    return letter;
}

/* True if `text` has a bar outside of brackets: alternatives. */
static bool has_bar(struct slice text)
{
    int depth = 0;
    for (size_t i = 0; i < text.length; i++) {
        depth += text.data[i] == '[' || text.data[i] == '<';
        depth -= text.data[i] == ']' || text.data[i] == '>';
        if (depth == 0 && text.data[i] == '|')
            return true;
    }
    return false;
}

static bool ends_with_dots(struct slice text)
{
    return text.length >= 3 && memcmp(text.data + text.length - 3, "...", 3) == 0;
}

/* Takes the next argument off a sequence. */
static bool next_argument(struct slice *rest, struct argument *out)
{
    *rest = trimmed(*rest);
    if (rest->length == 0)
        return false;
    *out = (struct argument){0};
    struct slice piece = slice_of(rest->data, piece_length(*rest));
    *rest = trimmed(slice_of(rest->data + piece.length, rest->length - piece.length));
    bool bracket = piece.length >= 2 && (piece.data[0] == '[' || piece.data[0] == '<');
    out->optional = piece.data[0] == '[';
    out->text = bracket ? trimmed(slice_of(piece.data + 1, piece.length - 2)) : piece;
    out->one_of = bracket && has_bar(out->text);
    out->is_block = bracket && !out->one_of;
    /* A word in capitals takes the value behind it: "EX seconds". */
    if (!bracket && is_token(piece)) {
        out->token = piece;
        if (rest->length > 0 && rest->data[0] != '[' &&
            !is_token(slice_of(rest->data, piece_length(*rest)))) {
            out->text = slice_of(rest->data, piece_length(*rest));
            *rest = slice_of(rest->data + out->text.length, rest->length - out->text.length);
            bool chooses = out->text.length >= 2 && out->text.data[0] == '<';
            if (chooses)
                out->text = slice_of(out->text.data + 1, out->text.length - 2);
            out->one_of = chooses && has_bar(out->text);
            out->is_block = chooses && !out->one_of;
        }
    }
    /* "key [key ...]": once more of the same. */
    struct slice behind = trimmed(*rest);
    if (behind.length > 0 && behind.data[0] == '[') {
        size_t end = bracket_end(behind);
        struct slice again = trimmed(slice_of(behind.data + 1, end > 0 ? end - 1 : 0));
        if (ends_with_dots(again)) {
            out->repeated = true;
            *rest = end < behind.length ? slice_of(behind.data + end + 1, behind.length - end - 1)
                                        : slice_of(behind.data, 0);
        }
    }
    return true;
}

static const char *type_of(struct slice name)
{
    static const char *const types[][2] = {
        {"key", "key"},
        {"newkey", "key"},
        {"source", "key"},
        {"destination", "key"},
        {"key1", "key"},
        {"key2", "key"},
        {"pattern", "pattern"},
        {"seconds", "integer"},
        {"milliseconds", "integer"},
        {"increment", "integer"},
        {"decrement", "integer"},
        {"offset", "integer"},
        {"start", "integer"},
        {"end", "integer"},
        {"count", "integer"},
        {"cursor", "integer"},
        {"index", "integer"},
        {"db", "integer"},
        {"destination-db", "integer"},
        {"timeout", "integer"},
        {"numkeys", "integer"},
        {"numreplicas", "integer"},
        {"unix-time-seconds", "unix-time"},
        {"unix-time-milliseconds", "unix-time"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_is_word(name, types[i][0]))
            return types[i][1];
    }
    return "string";
}

static void reply_lower(struct resp_writer *reply, struct slice text)
{
    char name[64];
    size_t length = text.length < sizeof name ? text.length : sizeof name;
    for (size_t i = 0; i < length; i++)
        name[i] = (char)tolower((unsigned char)text.data[i]);
    resp_writer_bulk(reply, slice_of(name, length));
}

static void reply_sequence(struct resp_writer *reply, struct slice text, int depth);
static void reply_alternatives(struct resp_writer *reply, struct slice text, int depth);

static void reply_pair(struct resp_writer *reply, const char *field, const char *value)
{
    resp_writer_bulk_string(reply, field);
    resp_writer_bulk_string(reply, value);
}

/* A bracket around a single argument is that argument, made optional. */
static void unwrap(struct argument *argument)
{
    while (argument->is_block) {
        struct argument inner;
        struct slice rest = argument->text;
        if (!next_argument(&rest, &inner) || trimmed(rest).length > 0)
            return;
        inner.optional |= argument->optional;
        inner.repeated |= argument->repeated;
        *argument = inner;
    }
}

static void reply_flags(struct resp_writer *reply, const struct argument *argument)
{
    if (!argument->optional && !argument->repeated)
        return;
    resp_writer_bulk_string(reply, "flags");
    resp_writer_set(reply, (size_t)argument->optional + argument->repeated);
    if (argument->optional)
        resp_writer_simple(reply, SLICE("optional"));
    if (argument->repeated)
        resp_writer_simple(reply, SLICE("multiple"));
}

static void reply_argument(struct resp_writer *reply, struct argument argument, int depth)
{
    unwrap(&argument);
    bool nested = (argument.one_of || argument.is_block) && depth < SYNTAX_DEPTH_MAX;
    bool pure_token = argument.token.length > 0 && argument.text.data == argument.token.data;
    bool flagged = argument.optional || argument.repeated;
    resp_writer_map(reply, (size_t)2 + (argument.token.length > 0) + flagged + nested);
    resp_writer_bulk_string(reply, "name");
    if (nested)
        resp_writer_bulk_string(reply, argument.one_of ? "options" : "block");
    else
        reply_lower(reply, argument.text);
    const char *type = pure_token ? "pure-token" : type_of(argument.text);
    if (nested)
        type = argument.one_of ? "oneof" : "block";
    reply_pair(reply, "type", type);
    if (argument.token.length > 0) {
        resp_writer_bulk_string(reply, "token");
        resp_writer_bulk(reply, argument.token);
    }
    reply_flags(reply, &argument);
    if (!nested)
        return;
    resp_writer_bulk_string(reply, "arguments");
    if (argument.one_of)
        reply_alternatives(reply, argument.text, depth + 1);
    else
        reply_sequence(reply, argument.text, depth + 1);
}

static void reply_sequence(struct resp_writer *reply, struct slice text, int depth)
{
    struct argument arguments[ARGUMENTS_MAX];
    size_t count = 0;
    while (count < ARGUMENTS_MAX && next_argument(&text, &arguments[count]))
        count++;
    resp_writer_array(reply, count);
    for (size_t i = 0; i < count; i++)
        reply_argument(reply, arguments[i], depth);
}

/* The length of the text up to the next bar outside of brackets. */
static size_t alternative_length(struct slice text)
{
    int depth = 0;
    for (size_t i = 0; i < text.length; i++) {
        depth += text.data[i] == '[' || text.data[i] == '<';
        depth -= text.data[i] == ']' || text.data[i] == '>';
        if (depth == 0 && text.data[i] == '|')
            return i;
    }
    return text.length;
}

static void reply_alternatives(struct resp_writer *reply, struct slice text, int depth)
{
    size_t count = 1;
    for (struct slice rest = text;;) {
        size_t length = alternative_length(rest);
        if (length == rest.length)
            break;
        rest = slice_of(rest.data + length + 1, rest.length - length - 1);
        count++;
    }
    resp_writer_array(reply, count);
    for (size_t i = 0; i < count; i++) {
        size_t length = alternative_length(text);
        struct argument argument = {.text = slice_of(text.data, length), .is_block = true};
        reply_argument(reply, argument, depth);
        if (length < text.length)
            text = slice_of(text.data + length + 1, text.length - length - 1);
    }
}

void syntax_reply_arguments(struct resp_writer *reply, struct slice syntax)
{
    reply_sequence(reply, syntax, 0);
}
