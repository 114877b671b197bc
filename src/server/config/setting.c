#include "server/config/setting.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/number.h"
#include "protocol/resp_parser.h"
#include "server/config/config_file.h"
#include "server/settings.h"

/* Where the value lives. */
#define FIELD(type, setting, settings) ((type *)(void *)((char *)(settings) + (setting)->offset))
#define CONST_FIELD(type, setting, settings)                                                       \
    ((const type *)(const void *)((const char *)(settings) + (setting)->offset))

void setting_complain(struct setting_problem *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
}

/* --- words to values --- */

static bool check_range(int64_t value, int64_t min, int64_t max, struct setting_problem *problem)
{
    if (value >= min && value <= max)
        return true;
    setting_complain(problem, "argument must be between %" PRId64 " and %" PRId64 " inclusive", min,
                     max);
    return false;
}

bool setting_parse_integer(struct slice word, int64_t min, int64_t max, int64_t *out,
                           struct setting_problem *problem)
{
    int64_t value;
    if (!number_parse_int64(word, &value)) {
        setting_complain(problem, "argument couldn't be parsed into an integer");
        return false;
    }
    if (!check_range(value, min, max, problem))
        return false;
    *out = value;
    return true;
}

static bool parse_memory(struct slice word, int64_t min, int64_t max, int64_t *out,
                         struct setting_problem *problem)
{
    uint64_t bytes;
    if (!number_parse_memory_size(word, &bytes)) {
        setting_complain(problem, "argument must be a memory value");
        return false;
    }
    if (!check_range(bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes, min, max, problem))
        return false;
    *out = (int64_t)bytes;
    return true;
}

static bool parse_octal(struct slice word, int64_t min, int64_t max, int64_t *out,
                        struct setting_problem *problem)
{
    char *end;
    long value = strtol(word.data, &end, 8);
    if (word.length == 0 || *end != '\0') {
        setting_complain(problem, "argument couldn't be parsed into an integer");
        return false;
    }
    if (value < min || value > max) {
        setting_complain(problem, "argument must be between %lo and %lo inclusive",
                         (unsigned long)min, (unsigned long)max);
        return false;
    }
    *out = value;
    return true;
}

static bool parse_bool(struct slice word, int64_t *out, struct setting_problem *problem)
{
    if (!slice_is_word(word, "yes") && !slice_is_word(word, "no")) {
        setting_complain(problem, "argument must be 'yes' or 'no'");
        return false;
    }
    *out = slice_is_word(word, "yes");
    return true;
}

static const struct setting_choice *find_choice(const struct setting *setting, struct slice word,
                                                struct setting_problem *problem)
{
    for (const struct setting_choice *choice = setting->choices; choice->word != NULL; choice++)
        if (slice_is_word(word, choice->word))
            return choice;
    setting_complain(problem, "argument(s) must be one of the following: ");
    for (const struct setting_choice *choice = setting->choices; choice->word != NULL; choice++) {
        size_t length = strlen(problem->text);
        snprintf(problem->text + length, sizeof problem->text - length, "%s%s",
                 choice == setting->choices ? "" : ", ", choice->word);
    }
    return NULL;
}

static bool parse_number(const struct setting *setting, struct slice word, int64_t *out,
                         struct setting_problem *problem)
{
    if (setting->type == SETTING_BOOL)
        return parse_bool(word, out, problem);
    if (setting->type == SETTING_MEMORY)
        return parse_memory(word, setting->min, setting->max, out, problem);
    if (setting->type == SETTING_OCTAL)
        return parse_octal(word, setting->min, setting->max, out, problem);
    return setting_parse_integer(word, setting->min, setting->max, out, problem);
}

static void store_number(const struct setting *setting, struct settings *settings, int64_t value)
{
    switch (setting->type) {
    case SETTING_BOOL:
        *FIELD(bool, setting, settings) = value != 0;
        break;
    case SETTING_INT:
    case SETTING_CHOICE:
        *FIELD(int, setting, settings) = (int)value;
        break;
    case SETTING_OCTAL:
        *FIELD(unsigned, setting, settings) = (unsigned)value;
        break;
    case SETTING_INT64:
        *FIELD(int64_t, setting, settings) = value;
        break;
    default:
        ASSERT(setting->type == SETTING_UINT64 || setting->type == SETTING_MEMORY);
        *FIELD(uint64_t, setting, settings) = (uint64_t)value;
    }
}

static bool set_word(const struct setting *setting, struct settings *settings, struct slice word,
                     struct setting_problem *problem)
{
    const struct setting_choice *choice;
    int64_t value;
    switch (setting->type) {
    case SETTING_STRING:
        settings_set_string(FIELD(char *, setting, settings), word.data);
        return true;
    case SETTING_CHOICE:
    case SETTING_WORD:
        choice = find_choice(setting, word, problem);
        if (choice == NULL)
            return false;
        if (setting->type == SETTING_WORD)
            settings_set_string(FIELD(char *, setting, settings), choice->word);
        else
            store_number(setting, settings, choice->value);
        return true;
    default:
        if (!parse_number(setting, word, &value, problem))
            return false;
        store_number(setting, settings, value);
        return true;
    }
}

/* One word that holds several, as CONFIG SET gives them. */
static bool set_split(const struct setting *setting, struct settings *settings, struct slice word,
                      struct setting_problem *problem)
{
    char *storage;
    struct slice *words;
    size_t count;
    if (!resp_parser_split_line(word, &storage, &words, &count)) {
        setting_complain(problem, "Unbalanced quotes in configuration line");
        return false;
    }
    bool done = setting->special->set(settings, words, count, problem);
    memory_free(storage);
    memory_free(words);
    return done;
}

bool setting_set(const struct setting *setting, struct settings *settings,
                 const struct slice *words, size_t count, struct setting_problem *problem)
{
    bool several = (setting->flags & SETTING_SEVERAL) != 0;
    bool joins = (setting->flags & SETTING_JOINS) != 0;
    if (several || joins ? count == 0 : count != 1) {
        setting_complain(problem, "wrong number of arguments");
        return false;
    }
    if (several && count == 1)
        return set_split(setting, settings, words[0], problem);
    if (setting->type == SETTING_SPECIAL)
        return setting->special->set(settings, words, count, problem);
    return set_word(setting, settings, words[0], problem);
}

/* --- values to words --- */

static int64_t load_number(const struct setting *setting, const struct settings *settings)
{
    switch (setting->type) {
    case SETTING_BOOL:
        return *CONST_FIELD(bool, setting, settings);
    case SETTING_INT:
    case SETTING_CHOICE:
        return *CONST_FIELD(int, setting, settings);
    case SETTING_OCTAL:
        return *CONST_FIELD(unsigned, setting, settings);
    case SETTING_INT64:
        return *CONST_FIELD(int64_t, setting, settings);
    default:
        ASSERT(setting->type == SETTING_UINT64 || setting->type == SETTING_MEMORY);
        return (int64_t)*CONST_FIELD(uint64_t, setting, settings);
    }
}

static const char *choice_word(const struct setting *setting, int64_t value)
{
    const struct setting_choice *choice = setting->choices;
    while (choice->word != NULL && choice->value != value)
        choice++;
    ASSERT(choice->word != NULL);
    return choice->word;
}

void setting_get(const struct setting *setting, const struct settings *settings, struct buffer *out)
{
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_WORD:
        buffer_add_string(out, *CONST_FIELD(char *, setting, settings));
        break;
    case SETTING_SPECIAL:
        setting->special->get(settings, out);
        break;
    case SETTING_BOOL:
        buffer_add_string(out, load_number(setting, settings) ? "yes" : "no");
        break;
    case SETTING_CHOICE:
        buffer_add_string(out, choice_word(setting, load_number(setting, settings)));
        break;
    case SETTING_OCTAL:
        buffer_add_format(out, "%lo", (unsigned long)load_number(setting, settings));
        break;
    default:
        buffer_add_format(out, "%" PRId64, load_number(setting, settings));
    }
}

void setting_format_memory(uint64_t bytes, struct buffer *out)
{
    static const char *const units[] = {"", "kb", "mb", "gb"};
    size_t unit = 0;
    while (unit < 3 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    buffer_add_format(out, "%" PRIu64 "%s", bytes, units[unit]);
}

static void format_line(const struct setting *setting, const struct settings *settings,
                        struct buffer *out)
{
    if (setting->type == SETTING_MEMORY) {
        setting_format_memory(*CONST_FIELD(uint64_t, setting, settings), out);
    } else if (setting->type == SETTING_STRING || setting->type == SETTING_SPECIAL) {
        struct buffer value = {0};
        setting_get(setting, settings, &value);
        config_file_quote(buffer_slice(&value), out);
        buffer_deinit(&value);
    } else {
        setting_get(setting, settings, out);
    }
}

bool setting_line(const struct setting *setting, const struct settings *settings,
                  const struct settings *defaults, size_t index, struct buffer *out,
                  bool *is_default)
{
    if (setting->special != NULL && setting->special->line != NULL)
        return setting->special->line(settings, defaults, index, out, is_default);
    if (index > 0)
        return false;
    struct buffer line = {0};
    size_t start = out->length;
    format_line(setting, settings, out);
    format_line(setting, defaults, &line);
    *is_default =
        slice_equals(slice_of(out->data + start, out->length - start), buffer_slice(&line));
    buffer_deinit(&line);
    return true;
}
