/* Cuts commands out of the bytes a client sent (RESP arrays of bulk strings, and inline commands).
 *
 * Pure: it knows no socket and owns no input. Arguments of a command are slices of the input, so
 * they are valid as long as the input stays where it is. A command that is not whole yet leaves its
 * place in the parser: a byte is looked at once, however small the pieces are in which it comes.
 *
 * A large argument need not be in the input at all: when the parser has read the length of an
 * argument of at least `big_argument_min` bytes whose end is not in the input yet, it answers
 * RESP_BIG_ARGUMENT; the caller collects those bytes in a block of its own and hands it over with
 * resp_parser_supply.
 *
 * Format: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#ifndef HOLDFAST_PROTOCOL_RESP_PARSER_H
#define HOLDFAST_PROTOCOL_RESP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define RESP_INLINE_LENGTH_MAX 65536       /* bytes of an inline command or of a length line */
#define RESP_ARGUMENT_COUNT_MAX 2147483647 /* of one command, once authenticated */
#define RESP_BIG_ARGUMENT_MIN 32768        /* bytes from which an argument gets its own block */

struct resp_limits {
    int64_t bulk_length_max;    /* bytes of one argument: proto-max-bulk-len, less before AUTH */
    int64_t argument_count_max; /* arguments of one command */
    bool authenticated; /* chooses Redis's error text ("unauthenticated multibulk length") */
};

/* One whole command. */
struct resp_command {
    struct slice *arguments; /* `count` of them, in the parser's storage: valid until
                                resp_parser_reset_batch */
    size_t count;            /* 0 for an empty line or "*0": nothing to run, no reply */
    size_t wire_length;      /* bytes of input (and supplied blocks) it took, for statistics */
};

/* A block that holds one large argument. Whoever takes it frees it with memory_free. */
struct resp_big_argument {
    size_t argument; /* index in the command */
    char *block;     /* NULL once taken */
    size_t length;
};

struct resp_parser; /* opaque: one a connection, small (< 256 bytes) while no command is partly read
                     */

enum resp_status {
    RESP_COMMAND,      /* one command is out */
    RESP_INCOMPLETE,   /* all input is looked at, the command has not ended */
    RESP_BIG_ARGUMENT, /* collect the argument outside the input, see resp_parser_big_argument_* */
    RESP_ERROR,        /* the client broke the protocol: resp_parser_error */
};

struct resp_parser *resp_parser_create(void);
void resp_parser_destroy(struct resp_parser *parser);
void resp_parser_prefetch(const struct resp_parser *parser); /* it is used soon */

/* Parses one command. `input` are the bytes not consumed yet; after RESP_INCOMPLETE the next call
 * passes the same bytes again (perhaps moved) and more behind them. Sets *consumed to what the
 * caller may drop once the command has run: on RESP_COMMAND all bytes of the command in `input`; on
 * RESP_BIG_ARGUMENT nothing may be dropped before the command has ended, but the bytes of the big
 * argument already in `input` are copied by the caller (resp_parser_big_argument_start tells where
 * they begin; they are always the last bytes of `input`, and the caller cuts them off its input).
 * Several commands may be parsed one after the other, each with the input behind the last, before
 * any of them runs: a batch. */
enum resp_status resp_parser_next(struct resp_parser *parser, struct slice input,
                                  const struct resp_limits *limits, struct resp_command *command,
                                  size_t *consumed);

/* Frees the storage of the arguments of all commands parsed so far, and big blocks not taken. */
void resp_parser_reset_batch(struct resp_parser *parser);

/* After RESP_BIG_ARGUMENT: where in `input` its bytes begin, and how long it is without its CRLF.
 */
size_t resp_parser_big_argument_start(const struct resp_parser *parser);
size_t resp_parser_big_argument_length(const struct resp_parser *parser);
bool resp_parser_big_argument_is_first(const struct resp_parser *parser); /* of its command */
/* Gives the whole argument (memory_* block, now the parser's); its CRLF must then come first in
 * what follows the cut input. */
void resp_parser_supply(struct resp_parser *parser, char *block, size_t length);

/* The big blocks of a command of this batch. NULL if argument `index` is none; else the caller may
 * take it by setting its block to NULL (SET keeps it as the value without a copy). */
struct resp_big_argument *resp_parser_find_big_argument(struct resp_parser *parser,
                                                        const struct resp_command *command,
                                                        size_t index);

/* After RESP_ERROR: Redis's text without "-ERR ", such as "Protocol error: invalid bulk length". In
 * the parser, valid until the next call. */
const char *resp_parser_error(const struct resp_parser *parser);
/* After RESP_ERROR: nothing is wrong with the bytes, memory was out. */
bool resp_parser_is_out_of_memory(const struct resp_parser *parser);

/* Bytes of memory held. */
size_t resp_parser_memory(const struct resp_parser *parser);

/* Splits one line as redis-cli, inline commands and the configuration file do: blanks, "double"
 * quotes with \n \r \t \b \a \xHH escapes, 'single' quotes with \'. Each word is appended
 * NUL-terminated to `words_out` (memory_* block, the caller frees), `*count` of them as slices into
 * it. False: unbalanced quotes. */
bool resp_parser_split_line(struct slice line, char **words_out, struct slice **slices_out,
                            size_t *count);

#endif
