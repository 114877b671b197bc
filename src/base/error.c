#include "base/error.h"

const char *error_text(enum error error)
{
    switch (error) {
    case OK:
        return "no error";
    case ERROR_OUT_OF_MEMORY:
        return "out of memory";
    case ERROR_LIMIT:
        return "a limit would be exceeded";
    case ERROR_SYNTAX:
        return "syntax error";
    case ERROR_RANGE:
        return "number out of range";
    case ERROR_NOT_FOUND:
        return "not found";
    case ERROR_EXISTS:
        return "exists already";
    case ERROR_SYSTEM:
        return "a system call failed";
    }
    return "unknown error";
}
