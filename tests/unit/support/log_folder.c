#include "support/log_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define PATH_MAX_HERE 400 /* bytes */

static void path_of(char *path, const char *name)
{
    snprintf(path, PATH_MAX_HERE, LOG_FOLDER "/%s", name);
}

void log_folder_put(struct disk_simulated *simulated, const char *name, struct slice content)
{
    char path[PATH_MAX_HERE];
    path_of(path, name);
    disk_simulated_write(simulated, path, content);
}

bool log_folder_has(struct disk_simulated *simulated, const char *name)
{
    char path[PATH_MAX_HERE];
    struct slice content;
    path_of(path, name);
    return disk_simulated_read(simulated, path, &content);
}

struct slice log_folder_content(struct disk_simulated *simulated, const char *name)
{
    char path[PATH_MAX_HERE];
    struct slice content;
    path_of(path, name);
    assert_true(disk_simulated_read(simulated, path, &content));
    return content;
}

void log_folder_assert_manifest(struct disk_simulated *simulated, const char *expected)
{
    struct slice content = log_folder_content(simulated, LOG_FOLDER_NAME ".manifest");
    if (!slice_equals(content, slice_of_string(expected)))
        fail_msg("the manifest is %.*s", (int)content.length, content.data);
}
