#include "support/waiting.h"

#include <poll.h>
#include <string.h>

#define WAIT_US (20 * INT64_C(1000000))
#define LOOK_AGAIN_MS 2

void waiting_until(struct conversation *watcher, int count)
{
    int64_t end_us = wire_now_us() + WAIT_US;
    while (wire_info(watcher, "blocked_clients") != count) {
        if (wire_now_us() > end_us)
            fail_msg("there never were %d that wait", count);
        poll(NULL, 0, LOOK_AGAIN_MS);
    }
}

void waiting_begin(struct conversation *waiter, struct conversation *watcher, const char *line, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, line);
    vsnprintf(text, sizeof text, line, arguments);
    va_end(arguments);
    int before = (int)wire_info(watcher, "blocked_clients");
    conversation_send(waiter, "%s", text);
    waiting_until(watcher, before + 1);
}

void waiting_prepare(struct conversation *client, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count && lines[i] != NULL; i++) {
        const char *reply = conversation_say(client, "%s", lines[i]);
        if (reply[0] == '-')
            fail_msg("%s: %s", lines[i], reply);
    }
}

long waiting_client_id(struct conversation *client)
{
    return strtol(conversation_say(client, "CLIENT ID") + 1, NULL, 10);
}

void waiting_skip_in_redis(struct conversation *client)
{
    if (strstr(conversation_say(client, "INFO server"), "server_name:holdfast") != NULL)
        return;
    puts("skip: Redis 7.0 is different");
    fflush(stdout);
    skip();
}
