/* The operating errors a function can return. A client's mistake is a reply, not one of these;
 * a programmer's error hits ASSERT. */
#ifndef HOLDFAST_BASE_ERROR_H
#define HOLDFAST_BASE_ERROR_H

enum error {
    OK = 0,
    ERROR_OUT_OF_MEMORY, /* an allocation of a size that a client chose failed */
    ERROR_LIMIT,         /* a named limit would be exceeded */
    ERROR_SYNTAX,        /* text that does not parse */
    ERROR_RANGE,         /* a number that parses but does not fit */
    ERROR_NOT_FOUND,
    ERROR_EXISTS,
    ERROR_SYSTEM, /* a system call failed: errno tells which way */
};

/* English, lower case, for log lines. Static. */
const char *error_text(enum error error);

#define WARN_UNUSED __attribute__((warn_unused_result))

#endif
