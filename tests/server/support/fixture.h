/* What every server test begins with: a server for the file, clients for the test. */
#ifndef HOLDFAST_TESTS_FIXTURE_H
#define HOLDFAST_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/conversation.h"
#include "support/server_process.h"

#define FIXTURE_CLIENTS 4

struct fixture {
    struct server_process process;
    struct conversation
        *clients[FIXTURE_CLIENTS]; /* fresh ones for each test; a test may end some (NULL) */
};

/* For cmocka_run_group_tests: the server; its state is a struct fixture. */
int fixture_start(void **state);
int fixture_stop(void **state);

/* For each test: connects the clients and empties the server; closes them. */
int fixture_connect(void **state);
int fixture_disconnect(void **state);

#define SERVER_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, fixture_connect, fixture_disconnect)

/* The clients of a test, in its first line. */
#define CLIENTS(state) struct conversation **const clients = ((struct fixture *)*(state))->clients

#endif
