#include "server/notifications.h"

#include <stdio.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "keyspace/database.h"
#include "server/pubsub/pubsub.h"
#include "server/server.h"

#define CHANNEL_HEAD_MAX 48 /* bytes of "__keyspace@16383__:" and its like */

struct notifications {
    struct server *server;
    const struct notification_settings *settings;
    struct buffer channel; /* being put together */
};

/* In the order in which Redis writes them. */
static const struct {
    char letter;
    unsigned event;
} letters[] = {
    {'g', EVENT_GENERIC}, {'$', EVENT_STRING}, {'l', EVENT_LIST},    {'s', EVENT_SET},
    {'h', EVENT_HASH},    {'z', EVENT_ZSET},   {'x', EVENT_EXPIRED}, {'e', EVENT_EVICTED},
    {'t', EVENT_STREAM},  {'d', EVENT_MODULE}, {'n', EVENT_NEW},
};
static const struct {
    char letter;
    unsigned event;
} families[] = {
    {'K', NOTIFICATION_KEYSPACE},
    {'E', NOTIFICATION_KEYEVENT},
    {'m', EVENT_MISS},
};

struct notifications *notifications_create(struct server *server,
                                           const struct notification_settings *settings)
{
    struct notifications *notifications = memory_allocate_zeroed(sizeof *notifications);
    notifications->server = server;
    notifications->settings = settings;
    return notifications;
}

void notifications_destroy(struct notifications *notifications)
{
    if (notifications == NULL)
        return;
    buffer_deinit(&notifications->channel);
    memory_free(notifications);
}

static unsigned event_of_letter(char letter)
{
    if (letter == 'A')
        return NOTIFICATION_ALL;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == letter)
            return letters[i].event;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (families[i].letter == letter)
            return families[i].event;
    return 0;
}

bool notifications_parse(struct slice text, unsigned *events)
{
    unsigned parsed = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned event = event_of_letter(text.data[i]);
        if (event == 0)
            return false;
        parsed |= event;
    }
    *events = parsed;
    return true;
}

void notifications_format(unsigned events, struct buffer *out)
{
    if ((events & NOTIFICATION_ALL) == NOTIFICATION_ALL) {
        buffer_add_string(out, "A");
        if (events & EVENT_NEW)
            buffer_add_string(out, "n");
    } else {
        for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
            if (events & letters[i].event)
                buffer_add(out, &letters[i].letter, 1);
    }
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (events & families[i].event)
            buffer_add(out, &families[i].letter, 1);
}

static void publish(struct notifications *notifications, const char *family, int database,
                    struct slice name, struct slice message)
{
    char head[CHANNEL_HEAD_MAX];
    int length = snprintf(head, sizeof head, "__key%s@%d__:", family, database);
    struct buffer *channel = &notifications->channel;
    buffer_clear(channel);
    buffer_add(channel, head, (size_t)length);
    buffer_add(channel, name.data, name.length);
    (void)pubsub_publish(notifications->server->pubsub, buffer_slice(channel), message);
}

void notifications_send(struct notifications *notifications, struct database *database,
                        unsigned event_class, const char *event, struct slice key)
{
    unsigned events = notifications->settings->events;
    if (LIKELY((events & event_class) == 0) || !pubsub_has_listeners(notifications->server->pubsub))
        return;
    int index = database_index(database);
    if (events & NOTIFICATION_KEYSPACE)
        publish(notifications, "space", index, key, slice_of_string(event));
    if (events & NOTIFICATION_KEYEVENT)
        publish(notifications, "event", index, slice_of_string(event), key);
}
