/* The folder of a log on a simulated disk: LOG_FOLDER, with LOG_FOLDER_NAME as appendfilename. */
#ifndef HOLDFAST_TESTS_LOG_FOLDER_H
#define HOLDFAST_TESTS_LOG_FOLDER_H

#include <stdbool.h>

#include "base/slice.h"
#include "system/disk_simulated.h"

#define LOG_FOLDER "log"
#define LOG_FOLDER_NAME "a"

void log_folder_put(struct disk_simulated *simulated, const char *name, struct slice content);
bool log_folder_has(struct disk_simulated *simulated, const char *name);
/* Of a file that is there; valid until the disk changes. */
struct slice log_folder_content(struct disk_simulated *simulated, const char *name);
void log_folder_assert_manifest(struct disk_simulated *simulated, const char *expected);

#endif
