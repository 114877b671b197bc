/* Tests that a watched build cannot judge. */
#ifndef HOLDFAST_TESTS_WATCHED_H
#define HOLDFAST_TESTS_WATCHED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Skips the test in a build watched by `by` (NULL: by anything), for this reason. After cmocka.h.
 */
#define SKIP_WATCHED(by, reason)                                                                   \
    do {                                                                                           \
        const char *by_ = (by), *watched_ = getenv("HOLDFAST_WATCHED");                            \
        if (watched_ != NULL && (by_ == NULL || strcmp(watched_, by_) == 0)) {                     \
            puts("skip: " reason);                                                                 \
            fflush(stdout);                                                                        \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#define SKIP_UNDER_VALGRIND(reason) SKIP_WATCHED("valgrind", reason)

#endif
