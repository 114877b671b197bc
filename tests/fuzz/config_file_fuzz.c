/* Any bytes as a configuration: read without a fault, and what was taken can be rewritten, and what
 * was rewritten can be read and says the same. The first byte cuts the input in two, the second
 * half is the file that the first may include. */
#include <stdint.h>
#include <stdlib.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "server/config/config_file.h"
#include "server/config/rewrite.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"

struct run {
    struct settings settings, defaults;
    struct slice included;
};

static enum error read_file(void *context, const char *path, struct buffer *content)
{
    const struct run *run = context;
    (void)path;
    buffer_add(content, run->included.data, run->included.length);
    return OK;
}

static enum error expand(void *context, const char *pattern,
                         void (*found)(void *found_context, const char *path), void *found_context)
{
    (void)context;
    found(found_context, pattern);
    return OK;
}

static const struct setting *find(struct slice name)
{
    for (size_t i = 0; setting_tables[i] != NULL; i++)
        for (const struct setting *setting = setting_tables[i]; setting->name != NULL; setting++)
            if (slice_is_word(name, setting->name))
                return setting;
    return NULL;
}

static bool take(void *context, const struct config_line *line, struct buffer *problem)
{
    struct run *run = context;
    struct setting_problem refusal;
    const struct setting *setting = find(line->words[0]);
    if (setting == NULL)
        return true;
    if (setting_set(setting, &run->settings, line->words + 1, line->count - 1, &refusal))
        return true;
    buffer_add_string(problem, refusal.text);
    return false;
}

static void rewrite_all(struct run *run, struct slice old, struct buffer *out)
{
    struct rewrite *rewrite = rewrite_create(old);
    struct buffer line = {0};
    bool is_default;
    for (size_t i = 0; setting_tables[i] != NULL; i++) {
        for (const struct setting *setting = setting_tables[i]; setting->name != NULL; setting++) {
            for (size_t j = 0;
                 setting_line(setting, &run->settings, &run->defaults, j, &line, &is_default);
                 j++) {
                rewrite_add(rewrite, setting->name, NULL, buffer_slice(&line), is_default);
                buffer_clear(&line);
            }
            buffer_clear(&line);
            rewrite_end(rewrite, setting->name, NULL);
        }
    }
    buffer_deinit(&line);
    rewrite_finish(rewrite, out);
    rewrite_destroy(rewrite);
}

static void init(struct run *run, struct slice included)
{
    run->included = included;
    settings_init(&run->settings);
    settings_init(&run->defaults);
}

static void deinit(struct run *run)
{
    settings_deinit(&run->settings);
    settings_deinit(&run->defaults);
}

/* The next start reads `written` and has the same settings. */
static void check_written(struct run *before, struct slice written)
{
    struct run run;
    struct buffer problem = {0}, said = {0}, said_before = {0};
    init(&run, SLICE(""));
    struct config_file_handlers handlers = {&run, read_file, expand, take};
    ASSERT(config_file_parse(&handlers, "written", written, &problem) == OK);
    rewrite_all(&run, SLICE(""), &said);
    rewrite_all(before, SLICE(""), &said_before);
    ASSERT(slice_equals(buffer_slice(&said), buffer_slice(&said_before)));
    buffer_deinit(&problem);
    buffer_deinit(&said);
    buffer_deinit(&said_before);
    deinit(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_of((const char *)data + 1, size - 1);
    size_t cut = input.length * data[0] / 255;
    struct slice main_file = slice_of(input.data, cut);
    struct run run;
    init(&run, slice_of(input.data + cut, input.length - cut));
    struct config_file_handlers handlers = {&run, read_file, expand, take};
    struct buffer problem = {0}, written = {0};
    if (config_file_parse(&handlers, "main", main_file, &problem) == OK) {
        rewrite_all(&run, main_file, &written);
        check_written(&run, buffer_slice(&written));
    } else {
        ASSERT(problem.length > 0);
    }
    buffer_deinit(&problem);
    buffer_deinit(&written);
    deinit(&run);
    return 0;
}
