#include "server/persistence/persistence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "server/lifecycle.h"
#include "server/persistence/loading.h"
#include "server/persistence/persistence_private.h"
#include "server/server.h"
#include "system/worker.h"

struct persistence *persistence_create(struct server *server, struct persistence_settings *settings)
{
    struct persistence *persistence = memory_allocate_zeroed(sizeof *persistence);
    persistence->server = server;
    persistence->settings = settings;
    return persistence;
}

void persistence_destroy(struct persistence *persistence)
{
    if (persistence == NULL)
        return;
    loading_destroy(persistence);
    if (persistence->log_worker != NULL)
        worker_destroy(persistence->log_worker);
    if (persistence->save_worker != NULL)
        worker_destroy(persistence->save_worker);
    memory_free(persistence);
}

enum error persistence_start(struct persistence *persistence)
{
    struct server *server = persistence->server;
    persistence->log_worker = worker_create(server->loop, "holdfast-log");
    persistence->save_worker = worker_create(server->loop, "holdfast-save");
    if (persistence->log_worker == NULL || persistence->save_worker == NULL) {
        log_line(LOG_WARNING, "Could not create the threads that write: %s", strerror(errno));
        return ERROR_SYSTEM;
    }
    loading_begin(persistence);
    return persistence->exit_status == EXIT_SUCCESS ? OK : ERROR_SYSTEM;
}

void persistence_loaded(struct persistence *persistence, const struct recovery_result *log)
{
    (void)log;
    persistence->started = true;
}

void persistence_fail(struct persistence *persistence, const char *why)
{
    if (persistence->exit_status != EXIT_SUCCESS)
        return;
    persistence->exit_status = EXIT_FAILURE;
    lifecycle_stop(persistence->server->lifecycle, why);
}

const char *persistence_log_path(const struct persistence *persistence)
{
    return persistence->settings->append_directory;
}

bool persistence_is_loading(const struct persistence *persistence)
{
    return !persistence->started;
}

int persistence_exit_status(const struct persistence *persistence)
{
    return persistence->exit_status;
}

bool persistence_stop(struct persistence *persistence, bool save)
{
    (void)persistence, (void)save;
    return true;
}

void persistence_end_turn(struct persistence *persistence)
{
    if (persistence->loading != NULL)
        loading_end_turn(persistence);
}

void persistence_apply(struct persistence *persistence)
{
    (void)persistence;
}

enum error persistence_set_append_only(struct persistence *persistence, bool on)
{
    (void)persistence, (void)on;
    return OK;
}

const char *persistence_refusal(const struct persistence *persistence)
{
    (void)persistence;
    return NULL;
}

bool persistence_holds_writers(const struct persistence *persistence)
{
    (void)persistence;
    return false;
}

void persistence_info(const struct persistence *persistence, struct buffer *out)
{
    (void)persistence, (void)out;
}
