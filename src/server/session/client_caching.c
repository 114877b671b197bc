/* CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO. */
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/client_commands.h"
#include "server/session/sessions.h"

struct tracking_request {
    struct tracking_mode mode;
    struct slice *prefixes; /* memory_* block */
    size_t prefix_count;
};

static bool parse_redirect(struct command_context *context, size_t index, uint64_t *redirect)
{
    if (*redirect != 0) {
        resp_writer_error(context->reply,
                          "ERR A client can only redirect to a single other client");
        return false;
    }
    int64_t id;
    if (!command_integer(context, index, &id))
        return false;
    if (id <= 0 || sessions_find(client_of(context)->server->sessions, (uint64_t)id) == NULL) {
        resp_writer_error(context->reply, "ERR The client ID you want redirect to does not exist");
        return false;
    }
    *redirect = (uint64_t)id;
    return true;
}

static bool parse_request(struct command_context *context, struct tracking_request *request)
{
    for (size_t i = 3; i < context->count; i++) {
        struct slice word = context->arguments[i];
        bool more = i + 1 < context->count;
        if (slice_is_word(word, "REDIRECT") && more) {
            if (!parse_redirect(context, ++i, &request->mode.redirect))
                return false;
        } else if (slice_is_word(word, "BCAST")) {
            request->mode.broadcast = true;
        } else if (slice_is_word(word, "OPTIN")) {
            request->mode.optin = true;
        } else if (slice_is_word(word, "OPTOUT")) {
            request->mode.optout = true;
        } else if (slice_is_word(word, "NOLOOP")) {
            request->mode.noloop = true;
        } else if (slice_is_word(word, "PREFIX") && more) {
            request->prefixes[request->prefix_count++] = context->arguments[++i];
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

static bool overlap(struct slice a, struct slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    return shorter == 0 || memcmp(a.data, b.data, shorter) == 0;
}

static bool check_prefixes(struct command_context *context, const struct tracking_request *request)
{
    const struct client *client = client_of(context);
    for (size_t i = 0; i < request->prefix_count; i++) {
        struct slice prefix = request->prefixes[i];
        for (size_t k = 0; k < tracking_client_prefix_count(client); k++) {
            struct slice other = tracking_client_prefix(client, k);
            if (!overlap(prefix, other))
                continue;
            resp_writer_error_format(context->reply,
                                     "ERR Prefix '%.*s' overlaps with an existing prefix '%.*s'. "
                                     "Prefixes for a single client must not overlap.",
                                     (int)prefix.length, prefix.data, (int)other.length,
                                     other.data);
            return false;
        }
        for (size_t k = i + 1; k < request->prefix_count; k++) {
            struct slice other = request->prefixes[k];
            if (!overlap(prefix, other))
                continue;
            resp_writer_error_format(
                context->reply,
                "ERR Prefix '%.*s' overlaps with another provided prefix '%.*s'. Prefixes for a "
                "single client must not overlap.",
                (int)prefix.length, prefix.data, (int)other.length, other.data);
            return false;
        }
    }
    return true;
}

/* Are the options compatible with each other and with what the client has now? The text of what is
 * not, else NULL. */
static const char *check_mode(const struct client *client, const struct tracking_request *request)
{
    const struct tracking_mode *mode = &request->mode, *current = tracking_mode(client);
    if (!mode->broadcast && request->prefix_count > 0)
        return "ERR PREFIX option requires BCAST mode to be enabled";
    if (current != NULL && current->broadcast != mode->broadcast)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    if (mode->broadcast && (mode->optin || mode->optout))
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (mode->optin && mode->optout)
        return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if (current != NULL && ((mode->optin && current->optout) || (mode->optout && current->optin)))
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    return NULL;
}

static void switch_tracking(struct command_context *context, const struct tracking_request *request)
{
    struct client *client = client_of(context);
    struct tracking *tracking = client->server->tracking;
    if (slice_is_word(context->arguments[2], "ON")) {
        const char *error = check_mode(client, request);
        if (error != NULL) {
            resp_writer_error(context->reply, error);
            return;
        }
        if (request->mode.broadcast && !check_prefixes(context, request))
            return;
        tracking_start(tracking, client, &request->mode, request->prefixes, request->prefix_count);
    } else if (slice_is_word(context->arguments[2], "OFF")) {
        tracking_forget_client(tracking, client);
    } else {
        command_reply_syntax_error(context);
        return;
    }
    resp_writer_ok(context->reply);
}

void client_caching_tracking(struct command_context *context)
{
    struct tracking_request request = {
        .prefixes = memory_try_allocate(context->count * sizeof(struct slice)),
    };
    if (request.prefixes == NULL) {
        command_reply_out_of_memory(context);
        return;
    }
    if (parse_request(context, &request))
        switch_tracking(context, &request);
    memory_free(request.prefixes);
}

void client_caching_caching(struct command_context *context)
{
    struct client *client = client_of(context);
    const struct tracking_mode *mode = tracking_mode(client);
    if (mode == NULL) {
        resp_writer_error(context->reply,
                          "ERR CLIENT CACHING can be called only when the client is in tracking "
                          "mode with OPTIN or OPTOUT mode enabled");
        return;
    }
    bool yes = slice_is_word(context->arguments[2], "YES");
    if (!yes && !slice_is_word(context->arguments[2], "NO")) {
        command_reply_syntax_error(context);
        return;
    }
    if (yes && !mode->optin) {
        resp_writer_error(
            context->reply,
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
        return;
    }
    if (!yes && !mode->optout) {
        resp_writer_error(
            context->reply,
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
        return;
    }
    tracking_set_caching(client);
    resp_writer_ok(context->reply);
}

void client_caching_getredir(struct command_context *context)
{
    resp_writer_integer(context->reply, tracking_redirection(client_of(context)));
}

void client_caching_trackinginfo(struct command_context *context)
{
    const struct client *client = client_of(context);
    const struct tracking_mode *mode = tracking_mode(client);
    struct resp_writer *reply = context->reply;
    const char *flags[8];
    size_t count = 0;
    flags[count++] = mode != NULL ? "on" : "off";
    if (mode != NULL) {
        bool caching = tracking_is_caching(client);
        if (mode->broadcast)
            flags[count++] = "bcast";
        if (mode->optin)
            flags[count++] = "optin";
        if (mode->optin && caching)
            flags[count++] = "caching-yes";
        if (mode->optout)
            flags[count++] = "optout";
        if (mode->optout && caching)
            flags[count++] = "caching-no";
        if (mode->noloop)
            flags[count++] = "noloop";
        if (client->flags & CLIENT_TRACKING_BROKEN_REDIRECT)
            flags[count++] = "broken_redirect";
    }
    resp_writer_map(reply, 3);
    resp_writer_bulk_string(reply, "flags");
    resp_writer_set(reply, count);
    for (size_t i = 0; i < count; i++)
        resp_writer_bulk_string(reply, flags[i]);
    resp_writer_bulk_string(reply, "redirect");
    resp_writer_integer(reply, tracking_redirection(client));
    resp_writer_bulk_string(reply, "prefixes");
    resp_writer_array(reply, tracking_client_prefix_count(client));
    for (size_t i = 0; i < tracking_client_prefix_count(client); i++)
        resp_writer_bulk(reply, tracking_client_prefix(client, i));
}
