/* What a configuration can say, gathered from the modules that own each part.
 *
 * Filled with defaults, then by server/config before the modules are made; each module keeps a
 * pointer to its part and reads it when it needs a value. CONFIG SET writes here and then calls the
 * module's apply function where the header of the part names one. Strings are memory_* blocks owned
 * by this struct, never NULL ("" is none). */
#ifndef HOLDFAST_SERVER_SETTINGS_H
#define HOLDFAST_SERVER_SETTINGS_H

#include "server/dispatch.h"
#include "server/housekeeping.h"
#include "server/lifecycle.h"
#include "server/memory_limit.h"
#include "server/notifications.h"
#include "server/observe/observe.h"
#include "server/persistence/persistence.h"
#include "server/pubsub/tracking.h"
#include "server/session/admission.h"
#include "server/session/sessions.h"
#include "values/value_settings.h"

struct settings {
    struct lifecycle_settings lifecycle;
    struct admission_settings admission;
    struct session_settings session;
    struct dispatch_settings dispatch;
    struct notification_settings notification;
    struct tracking_settings tracking;
    struct housekeeping_settings housekeeping;
    struct memory_limit_settings memory;
    struct observe_settings observe;
    struct persistence_settings persistence;
    struct value_limits values;
};

/* Redis's defaults, allocated where they are strings. */
void settings_init(struct settings *settings);
void settings_deinit(struct settings *settings);

/* Replaces a string of the settings by a copy of `value`. */
void settings_set_string(char **setting, const char *value);

#endif
