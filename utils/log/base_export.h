/* The base of a log, an RDB file, as commands. */
#ifndef HOLDFAST_LOG_BASE_EXPORT_H
#define HOLDFAST_LOG_BASE_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Reads and checks the whole file; writes SELECT, SET and PEXPIREAT commands to `out` (NULL: only
 * checks). False: `why` says what is wrong. */
bool base_export(const char *path, FILE *out, char *why, size_t why_size);

#endif
