#include "server/observe/observe.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "server/observe/info.h"

struct observe {
    struct server *server;
    struct observe_settings *settings;
    struct observe_limits limits;
};

struct observe *observe_create(struct server *server, struct observe_settings *settings)
{
    struct observe *observe = memory_allocate_zeroed(sizeof *observe);
    observe->server = server;
    observe->settings = settings;
    observe_apply(observe);
    return observe;
}

void observe_destroy(struct observe *observe)
{
    memory_free(observe);
}

void observe_apply(struct observe *observe)
{
    observe->limits = (struct observe_limits){
        .duration_nsec = INT64_MAX, .request_bytes = SIZE_MAX, .reply_bytes = SIZE_MAX};
}

const struct observe_limits *observe_limits(const struct observe *observe)
{
    return &observe->limits;
}

void observe_interesting(struct observe *observe, const struct observation *observation)
{
    (void)observe;
    (void)observation;
}

void observe_latency(struct observe *observe, const char *event, int64_t duration_nsec)
{
    (void)observe;
    (void)event;
    (void)duration_nsec;
}

void observe_monitor_ends(struct observe *observe, struct client *client)
{
    (void)observe;
    (void)client;
}

void observe_info_text(struct server *server, void (*write_text)(void *context, struct slice text),
                       void *context)
{
    struct slice everything = SLICE("everything");
    struct buffer text = {0};
    info_write(server, &everything, 1, &text);
    write_text(context, buffer_slice(&text));
    buffer_deinit(&text);
}
