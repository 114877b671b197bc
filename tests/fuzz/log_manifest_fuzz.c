/* Any bytes as a manifest: refused with a line and a reason, or taken; and what was taken is
 * written and read again as the same. */
#include <stdint.h>
#include <string.h>

#include "base/assertion.h"
#include "persist/log_manifest.h"

static void check(const struct log_manifest *manifest)
{
    size_t bases = 0;
    int64_t last = 0;
    ASSERT(manifest->count > 0);
    for (size_t i = 0; i < manifest->count; i++) {
        const struct log_file *file = &manifest->files[i];
        ASSERT(file->name[0] != '\0' && strchr(file->name, '/') == NULL && file->sequence > 0);
        bases += file->type == LOG_FILE_BASE;
        if (file->type == LOG_FILE_INCREMENT) {
            ASSERT(file->sequence > last);
            last = file->sequence;
        }
    }
    ASSERT(bases <= 1 && (bases == 1) == (log_manifest_base(manifest) != NULL));
    ASSERT(log_manifest_last_sequence(manifest, LOG_FILE_INCREMENT) == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_manifest manifest = {NULL, 0}, again = {NULL, 0};
    size_t line;
    const char *why;
    struct slice text = slice_of((const char *)data, size);
    if (log_manifest_parse(text, &manifest, &line, &why) != OK) {
        ASSERT(why != NULL && line <= size && manifest.files == NULL);
        return 0;
    }
    check(&manifest);
    struct buffer out = {0};
    log_manifest_format(&manifest, &out);
    ASSERT(log_manifest_parse(buffer_slice(&out), &again, &line, &why) == OK);
    ASSERT(again.count == manifest.count);
    for (size_t i = 0; i < again.count; i++)
        ASSERT(strcmp(again.files[i].name, manifest.files[i].name) == 0 &&
               again.files[i].sequence == manifest.files[i].sequence &&
               again.files[i].type == manifest.files[i].type);
    buffer_deinit(&out);
    log_manifest_deinit(&manifest);
    log_manifest_deinit(&again);
    return 0;
}
