/* Tests that a watched build cannot judge. */
#ifndef HOLDFAST_TESTS_WATCHED_H
#define HOLDFAST_TESTS_WATCHED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Skips the test under valgrind, for this reason. After cmocka.h. */
#define SKIP_UNDER_VALGRIND(reason)                                                                \
    do {                                                                                           \
        const char *watched = getenv("HOLDFAST_WATCHED");                                          \
        if (watched != NULL && strcmp(watched, "valgrind") == 0) {                                 \
            puts("skip: " reason);                                                                 \
            fflush(stdout);                                                                        \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
