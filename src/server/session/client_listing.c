/* CLIENT INFO, LIST and KILL. */
#include "base/buffer.h"
#include "base/number.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/client_commands.h"
#include "server/session/client_filter.h"
#include "server/session/sessions.h"

static void reply_lines(struct command_context *context, struct buffer *lines)
{
    resp_writer_verbatim(context->reply, "txt", buffer_slice(lines));
    buffer_deinit(lines);
}

static void add_line(const struct client *client, struct buffer *lines)
{
    client_describe(client, lines);
    buffer_add_string(lines, "\n");
}

void client_listing_info(struct command_context *context)
{
    struct buffer lines = {0};
    add_line(client_of(context), &lines);
    reply_lines(context, &lines);
}

void client_listing_list(struct command_context *context)
{
    struct client *me = client_of(context);
    struct sessions *sessions = me->server->sessions;
    struct client_filter filter;
    if (!client_filter_parse(context, 2, false, &filter))
        return;
    struct buffer lines = {0};
    if (filter.with.id_count > 0) {
        /* In the order asked for. */
        for (size_t i = 0; i < filter.with.id_count; i++) {
            int64_t id;
            (void)number_parse_int64(filter.with.ids[i], &id);
            struct client *client = sessions_find(sessions, (uint64_t)id);
            if (client != NULL && client_filter_matches(&filter, client, me))
                add_line(client, &lines);
        }
    } else {
        LIST_FOR_EACH (node, sessions_list(sessions)) {
            struct client *client = sessions_client_at(node);
            if (client_filter_matches(&filter, client, me))
                add_line(client, &lines);
        }
    }
    reply_lines(context, &lines);
}

static size_t kill_matching(struct client *me, const struct client_filter *filter)
{
    size_t killed = 0;
    bool kills_me = false;
    LIST_FOR_EACH (node, sessions_list(me->server->sessions)) {
        struct client *client = sessions_client_at(node);
        if (!client_filter_matches(filter, client, me))
            continue;
        killed++;
        if (client == me)
            kills_me = true;
        else
            client_close(client);
    }
    if (kills_me)
        client_close_after_reply(me);
    return killed;
}

void client_listing_kill(struct command_context *context)
{
    struct client *me = client_of(context);
    struct client_filter filter;
    if (context->count == 3) {
        filter = (struct client_filter){
            .with = {.address = context->arguments[2], .database = -1},
            .without = {.database = -1},
            .age_min_s = -1,
            .idle_min_s = -1,
        };
        if (kill_matching(me, &filter) == 0)
            resp_writer_error(context->reply, "ERR No such client");
        else
            resp_writer_ok(context->reply);
        return;
    }
    if (client_filter_parse(context, 2, true, &filter))
        resp_writer_integer(context->reply, (int64_t)kill_matching(me, &filter));
}
