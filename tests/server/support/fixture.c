#include "support/fixture.h"

int fixture_start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    server_process_start(&fixture->process,
                         (const char *const[]){"--enable-debug-command", "yes", NULL});
    *state = fixture;
    return 0;
}

int fixture_stop(void **state)
{
    struct fixture *fixture = *state;
    int status = server_process_stop(&fixture->process);
    free(fixture);
    return status;
}

int fixture_connect(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FIXTURE_CLIENTS; i++)
        fixture->clients[i] = conversation_begin(fixture->process.port);
    (void)conversation_say(fixture->clients[0], "FLUSHALL");
    return 0;
}

int fixture_disconnect(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FIXTURE_CLIENTS; i++)
        if (fixture->clients[i] != NULL)
            conversation_end(fixture->clients[i]);
    return 0;
}
