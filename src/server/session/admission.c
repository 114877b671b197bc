#include "server/session/admission.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/slice.h"
#include "net/network.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"
#include "system/file.h"

struct admission {
    struct server *server;
    struct admission_settings *settings;
    char *unix_path; /* of the socket file that is ours to remove; NULL: none */
    struct connection_limits stranger;
    struct connection_limits classes[CLASS_COUNT];
};

static void compute_limits(struct admission *admission)
{
    const struct admission_settings *settings = admission->settings;
    admission->stranger = (struct connection_limits){
        .protocol = {.bulk_length_max = (int64_t)settings->stranger_argument_max,
                     .argument_count_max = settings->stranger_arguments_max,
                     .authenticated = false},
        .query_buffer_max = (size_t)settings->stranger_query_buffer_max,
        .output_hard_max = (size_t)settings->stranger_output_max,
        .deadline_ms = settings->stranger_deadline_s * 1000,
    };
    for (int i = 0; i < CLASS_COUNT; i++) {
        const struct output_limit *output = &settings->output_limits[i];
        admission->classes[i] = (struct connection_limits){
            .protocol = {.bulk_length_max = (int64_t)settings->bulk_length_max,
                         .argument_count_max = RESP_ARGUMENT_COUNT_MAX,
                         .authenticated = true},
            .query_buffer_max = (size_t)settings->query_buffer_max,
            .output_hard_max = (size_t)output->hard_bytes,
            .output_soft_max = (size_t)output->soft_bytes,
            .output_soft_ms = output->soft_seconds * 1000,
        };
    }
}

struct admission *admission_create(struct server *server, struct admission_settings *settings)
{
    struct admission *admission = memory_allocate_zeroed(sizeof *admission);
    admission->server = server;
    admission->settings = settings;
    compute_limits(admission);
    return admission;
}

void admission_destroy(struct admission *admission)
{
    if (admission == NULL)
        return;
    if (admission->unix_path != NULL)
        file_remove(admission->unix_path);
    memory_free(admission->unix_path);
    memory_free(admission);
}

/* --- listeners --- */

#define ADDRESS_TEXT_MAX 256 /* bytes of one address of bind */

/* Cuts the next word off `rest`; false at the end. */
static bool next_address(const char **rest, char out[ADDRESS_TEXT_MAX])
{
    const char *at = *rest + strspn(*rest, " ");
    size_t length = strcspn(at, " ");
    if (length == 0 || length >= ADDRESS_TEXT_MAX)
        return false;
    memcpy(out, at, length);
    out[length] = '\0';
    *rest = at + length;
    return true;
}

static enum error listen_tcp(struct admission *admission, const char *addresses, int port)
{
    if (port == 0 || addresses[strspn(addresses, " ")] == '\0')
        return OK;
    char address[ADDRESS_TEXT_MAX];
    int bound_count = 0;
    while (next_address(&addresses, address)) {
        bool bound = false;
        enum error error = network_listen_tcp(admission->server->network, address, port,
                                              admission->settings->backlog, &bound);
        if (error != OK) {
            log_line(LOG_WARNING, "Could not listen on %s port %d: %s", address, port,
                     error == ERROR_SYSTEM ? strerror(errno) : error_text(error));
            return error;
        }
        bound_count += bound;
    }
    if (bound_count == 0) {
        log_line(LOG_WARNING, "Could not listen on port %d: no address of bind is available", port);
        return ERROR_NOT_FOUND;
    }
    return OK;
}

enum error admission_listen(struct admission *admission)
{
    const struct admission_settings *settings = admission->settings;
    struct network *network = admission->server->network;
    network_set_connections_max(network, (size_t)settings->clients_max);
    network_set_keepalive(network, settings->keepalive_s);
    enum error error = listen_tcp(admission, settings->bind, settings->port);
    if (error == OK && settings->unix_path[0] != '\0') {
        error = network_listen_unix(network, settings->unix_path, settings->unix_mode,
                                    settings->backlog);
        if (error != OK)
            log_line(LOG_WARNING, "Could not listen on unix socket %s: %s", settings->unix_path,
                     error == ERROR_SYSTEM ? strerror(errno) : error_text(error));
        else
            admission->unix_path = memory_copy_string(settings->unix_path);
    }
    if (error != OK)
        network_stop_listening(network);
    return error;
}

enum error admission_listen_again(struct admission *admission, const char *old_bind, int old_port)
{
    struct network *network = admission->server->network;
    network_stop_listening_tcp(network);
    enum error error = listen_tcp(admission, admission->settings->bind, admission->settings->port);
    if (error == OK)
        return OK;
    network_stop_listening_tcp(network);
    if (listen_tcp(admission, old_bind, old_port) != OK)
        log_line(LOG_WARNING, "The former addresses cannot be listened on any more either");
    return error;
}

const char *admission_refusal(const struct admission *admission, const struct socket_peer *peer)
{
    if (!admission->settings->protected_mode || peer->is_loopback || peer->is_unix ||
        sessions_need_password(admission->server->sessions))
        return NULL;
    return "-DENIED Redis is running in protected mode because protected mode is enabled and no "
           "password is set for the default user. In this mode connections are only accepted from "
           "the loopback interface. If you want to connect from external computers to Redis you "
           "may adopt one of the following solutions: 1) Just disable protected mode sending the "
           "command 'CONFIG SET protected-mode no' from the loopback interface by connecting to "
           "Redis from the same host the server is running, however MAKE SURE Redis is not "
           "publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change "
           "permanent. 2) Alternatively you can just disable the protected mode by editing the "
           "Redis configuration file, and setting the protected mode option to 'no', and then "
           "restarting the server. 3) If you started the server manually just for testing, restart "
           "it with the '--protected-mode no' option. 4) Setup a an authentication password for "
           "the default user. NOTE: You only need to do one of the above things in order for the "
           "server to start accepting connections from the outside.\r\n";
}

/* --- limits --- */

enum client_class admission_class(const struct client *client)
{
    return client->flags & CLIENT_PUBSUB ? CLASS_PUBSUB : CLASS_NORMAL;
}

void admission_set_limits(struct admission *admission, struct client *client)
{
    bool known = (client->flags & CLIENT_AUTHENTICATED) != 0;
    connection_set_limits(client->connection, known ? &admission->classes[admission_class(client)]
                                                    : &admission->stranger);
}

void admission_apply(struct admission *admission)
{
    struct network *network = admission->server->network;
    network_set_connections_max(network, (size_t)admission->settings->clients_max);
    network_set_keepalive(network, admission->settings->keepalive_s);
    compute_limits(admission); /* connections point at them: the change counts at once */
}
