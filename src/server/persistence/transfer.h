/* Keys on their way to another server: requests that are sent, and an answer to each. For MIGRATE;
 * on a thread that may wait. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_TRANSFER_H
#define HOLDFAST_SERVER_PERSISTENCE_TRANSFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define TRANSFER_ERROR_SIZE 256
#define TRANSFER_PREAMBLE_MAX 4 /* requests */

enum transfer_outcome {
    TRANSFER_ANSWERED,    /* all that was sent; some perhaps with errors */
    TRANSFER_NOT_WRITTEN, /* it could not be reached, or took the requests too slowly */
    TRANSFER_NOT_READ,    /* answers are missing */
};

struct transfer {
    char *host; /* a memory_* block of the caller's, as is `accepted` */
    int port;
    int64_t timeout_ms;               /* of each wait */
    const atomic_bool *stops;         /* becomes true when the server ends: give up soon */
    struct buffer preamble, requests; /* the second is sent when all of the first is accepted */
    size_t preamble_count, count;     /* of requests in each */

    enum transfer_outcome outcome;
    bool *accepted;                  /* for each of `requests`: answered, and not with an error */
    char error[TRANSFER_ERROR_SIZE]; /* the first error answered; "": none */
};

void transfer_run(struct transfer *transfer);

#endif
