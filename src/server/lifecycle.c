#include "server/lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "commands/command.h"
#include "net/network.h"
#include "server/command_tables.h"
#include "server/observe/observe.h"
#include "server/persistence/persistence.h"
#include "server/server.h"
#include "server/session/admission.h"
#include "server/session/client.h"
#include "server/settings.h"
#include "system/crash.h"
#include "system/event_loop.h"
#include "system/file.h"
#include "system/process.h"

struct lifecycle {
    struct server *server;
    struct lifecycle_settings *settings;
    bool watches_signals, stopping, pid_file_written;
    struct event_signal terminate, interrupt, hang_up;
};

/* --- signals and crash report --- */

static void write_raw(void *context, struct slice text)
{
    (void)context;
    char piece[256];
    for (size_t at = 0; at < text.length;) {
        size_t length = text.length - at < sizeof piece - 1 ? text.length - at : sizeof piece - 1;
        memcpy(piece, text.data + at, length);
        piece[length] = '\0';
        log_raw(piece);
        at += length;
    }
}

static void report_crash(void *context)
{
    struct lifecycle *lifecycle = context;
    log_raw("\n------ INFO OUTPUT ------\n");
    observe_info_text(lifecycle->server, write_raw, NULL);
}

/* A last snapshot, if there are save points or somebody `asked`. False: it failed. Nothing to lose
 * while loading. */
static bool save_at_the_end(struct lifecycle *lifecycle, bool asked)
{
    struct persistence *persistence = lifecycle->server->persistence;
    bool wanted = asked || lifecycle->server->settings->persistence.save_point_count > 0;
    return !wanted || lifecycle->stopping || persistence_is_loading(persistence) ||
           persistence_save(persistence);
}

static void stop_signal(void *context, int signal_number)
{
    struct lifecycle *lifecycle = context;
    const char *name = signal_number == SIGINT ? "SIGINT" : "SIGTERM";
    if (lifecycle->stopping && signal_number == SIGINT) {
        log_line(LOG_WARNING, "SIGINT again: exiting now");
        _Exit(1);
    }
    char why[64];
    snprintf(why, sizeof why, "Received %s", name);
    if (save_at_the_end(lifecycle, false))
        lifecycle_stop(lifecycle, why);
    else
        log_line(LOG_WARNING, "%s: the snapshot failed, going on", why);
}

static void hang_up_signal(void *context, int signal_number)
{
    (void)context;
    (void)signal_number;
    if (log_reopen() != OK)
        log_line(LOG_WARNING, "SIGHUP: the log file could not be opened again: %s",
                 strerror(errno));
    else
        log_line(LOG_NOTICE, "SIGHUP: log file opened again");
}

struct lifecycle *lifecycle_create(struct server *server, struct lifecycle_settings *settings,
                                   bool watches_signals)
{
    struct lifecycle *lifecycle = memory_allocate_zeroed(sizeof *lifecycle);
    lifecycle->server = server;
    lifecycle->settings = settings;
    lifecycle->watches_signals = watches_signals;
    if (watches_signals) {
        process_ignore_signals();
        event_signal_start(&lifecycle->terminate, server->loop, SIGTERM, stop_signal, lifecycle);
        event_signal_start(&lifecycle->interrupt, server->loop, SIGINT, stop_signal, lifecycle);
        event_signal_start(&lifecycle->hang_up, server->loop, SIGHUP, hang_up_signal, lifecycle);
    }
    lifecycle_apply(lifecycle);
    return lifecycle;
}

void lifecycle_destroy(struct lifecycle *lifecycle)
{
    if (lifecycle == NULL)
        return;
    if (lifecycle->watches_signals) {
        event_signal_stop(&lifecycle->terminate);
        event_signal_stop(&lifecycle->interrupt);
        event_signal_stop(&lifecycle->hang_up);
        crash_uninstall();
    }
    if (lifecycle->pid_file_written)
        file_remove(lifecycle->settings->pid_file);
    memory_free(lifecycle);
}

void lifecycle_apply(struct lifecycle *lifecycle)
{
    event_loop_set_busy_poll(lifecycle->server->loop, lifecycle->settings->busy_poll_us);
    if (!lifecycle->watches_signals)
        return;
    log_set_level((enum log_level)lifecycle->settings->log_level);
    if (lifecycle->settings->crash_log)
        crash_install("holdfast", SERVER_VERSION, report_crash, lifecycle);
    else
        crash_uninstall();
}

/* --- up --- */

static void write_pid_file(struct lifecycle *lifecycle)
{
    const char *path = lifecycle->settings->pid_file;
    if (path[0] == '\0')
        return;
    if (file_write_pid(path) == OK)
        lifecycle->pid_file_written = true;
    else
        log_line(LOG_WARNING, "Could not write the pid file %s: %s", path, strerror(errno));
}

void lifecycle_begin(struct lifecycle *lifecycle)
{
    const struct lifecycle_settings *settings = lifecycle->settings;
    int port = network_port(lifecycle->server->network);
    log_line(LOG_NOTICE, "Holdfast %s (redis %s) pid=%d port=%d config=%s", SERVER_VERSION,
             SERVER_REDIS_VERSION, process_id(), port,
             settings->config_file[0] != '\0' ? settings->config_file : "none");
    write_pid_file(lifecycle);
}

void lifecycle_ready(struct lifecycle *lifecycle)
{
    const struct server *server = lifecycle->server;
    const struct admission_settings *admission = &server->settings->admission;
    if (network_port(server->network) != 0)
        log_line(LOG_NOTICE, "Ready to accept connections tcp");
    if (admission->unix_path[0] != '\0')
        log_line(LOG_NOTICE, "Ready to accept connections unix");
    if (lifecycle->watches_signals && process_is_supervised())
        (void)process_notify_manager("READY=1\nSTATUS=Ready to accept connections\n");
}

/* --- down --- */

bool lifecycle_is_stopping(const struct lifecycle *lifecycle)
{
    return lifecycle->stopping;
}

void lifecycle_stop(struct lifecycle *lifecycle, const char *why)
{
    if (lifecycle->stopping)
        return;
    lifecycle->stopping = true;
    log_line(LOG_NOTICE, "%s: stopping", why);
    if (lifecycle->watches_signals && process_is_supervised())
        (void)process_notify_manager("STOPPING=1\n");
    event_loop_stop(lifecycle->server->loop);
}

struct shutdown {
    bool save, no_save, force, abort;
};

/* SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [SAFE] [FAILOVER] | ABORT. There are no replicas to wait
 * for: NOW, SAFE and FAILOVER change nothing. */
static bool parse_shutdown(struct command_context *context, struct shutdown *out)
{
    bool save = false, no_save = false, force = false, others = false, abort = false;
    for (size_t i = 1; i < context->count; i++) {
        struct slice word = context->arguments[i];
        if (slice_is_word(word, "NOSAVE")) {
            no_save = true;
        } else if (slice_is_word(word, "SAVE")) {
            save = true;
        } else if (slice_is_word(word, "FORCE")) {
            force = true;
        } else if (slice_is_word(word, "NOW") || slice_is_word(word, "SAFE") ||
                   slice_is_word(word, "FAILOVER")) {
            others = true;
        } else if (slice_is_word(word, "ABORT")) {
            abort = true;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    if ((abort && (save || no_save || force || others)) || (save && no_save)) {
        command_reply_syntax_error(context);
        return false;
    }
    *out = (struct shutdown){save, no_save, force, abort};
    return true;
}

static void command_shutdown(struct command_context *context)
{
    struct client *client = client_of(context);
    struct shutdown shutdown;
    if (!parse_shutdown(context, &shutdown))
        return;
    if (shutdown.abort) {
        resp_writer_error(context->reply, "ERR No shutdown in progress.");
        return;
    }
    struct lifecycle *lifecycle = client->server->lifecycle;
    if (!shutdown.no_save && !save_at_the_end(lifecycle, shutdown.save) && !shutdown.force) {
        resp_writer_error(context->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
        return;
    }
    lifecycle_stop(lifecycle, "User requested shutdown");
    client_close_after_reply(client);
}

const struct command lifecycle_commands[] = {
    {
        .name = "SHUTDOWN",
        .run = command_shutdown,
        .arity = -1,
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE |
                 COMMAND_NO_MULTI | COMMAND_SENTINEL | COMMAND_ALLOW_BUSY,
        .categories = CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[[NOSAVE|SAVE] [NOW] [FORCE] [SAFE] [FAILOVER]|ABORT]",
        .summary = "Ends the server, gracefully.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
