#include "server/session/blocking.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"
#include "system/event_loop.h"

struct blocking {
    struct event_timer timer;
    void (*timed_out)(struct client *client);
    void (*ended)(struct client *client); /* NULL: nobody needs to know */
};

static void timer_expired(void *context)
{
    blocking_end_by_timeout(context);
}

void blocking_begin(struct client *client, int64_t timeout_ms,
                    void (*timed_out)(struct client *client), void (*ended)(struct client *client))
{
    ASSERT(client->blocking == NULL && !(client->flags & CLIENT_IN_EXEC));
    struct blocking *blocking = memory_allocate_zeroed(sizeof *blocking);
    blocking->timed_out = timed_out;
    blocking->ended = ended;
    if (timeout_ms > 0) {
        event_timer_init(&blocking->timer, client->server->loop, timer_expired, client);
        event_timer_start(&blocking->timer, timeout_ms, 0);
    }
    client->blocking = blocking;
    client->flags |= CLIENT_BLOCKED;
    sessions_statistics(client->server->sessions)->blocked++;
    connection_pause(client->connection);
}

void blocking_forget_client(struct client *client)
{
    struct blocking *blocking = client->blocking;
    if (blocking == NULL)
        return;
    event_timer_stop(&blocking->timer);
    if (blocking->ended != NULL)
        blocking->ended(client);
    memory_free(blocking);
    client->blocking = NULL;
    client->flags &= ~(unsigned)CLIENT_BLOCKED;
    sessions_statistics(client->server->sessions)->blocked--;
}

void blocking_end(struct client *client)
{
    blocking_forget_client(client);
    connection_has_output(client->connection);
    connection_resume(client->connection);
}

void blocking_end_by_timeout(struct client *client)
{
    ASSERT(client->blocking != NULL);
    client->blocking->timed_out(client);
    blocking_end(client);
}

void blocking_end_by_error(struct client *client, const char *error)
{
    ASSERT(client->blocking != NULL);
    resp_writer_error(client->reply, error);
    client->reply->errors = 0;
    dispatch_count_error(client->server->dispatch, slice_of_string(error));
    blocking_end(client);
}
