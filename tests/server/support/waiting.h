/* Clients that wait inside a command: BLPOP and its like. What is told here of a server is what
 * INFO counts: a push has served whom it serves when it is answered, so nothing needs to be waited
 * for to see that somebody was not. */
#ifndef HOLDFAST_TESTS_WAITING_H
#define HOLDFAST_TESTS_WAITING_H

#include "support/conversation.h"
#include "support/fixture.h"
#include "support/wire.h"

/* In tests of waiting: this client of the fixture does not wait, the others may. */
#define WRITER (FIXTURE_CLIENTS - 1)
#define WAITERS (FIXTURE_CLIENTS - 1)

/* Returns once so many clients wait. */
void waiting_until(struct conversation *watcher, int count);
/* Sends a command that has to wait, and returns once it does. */
void waiting_begin(struct conversation *waiter, struct conversation *watcher, const char *line, ...)
    __attribute__((format(printf, 3, 4)));

/* So many wait now. */
#define assert_waiting(watcher, count)                                                             \
    assert_int_equal(wire_info((watcher), "blocked_clients"), (count))

/* Commands that answer no error, up to a NULL or `count`. */
void waiting_prepare(struct conversation *client, const char *const *lines, size_t count);

/* What CLIENT KILL and CLIENT UNBLOCK name it by. */
long waiting_client_id(struct conversation *client);

/* The rest of the test is about what Redis 7.0 does otherwise, for a reason README.md gives. */
void waiting_skip_in_redis(struct conversation *client);

#endif
