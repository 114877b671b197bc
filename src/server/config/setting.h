/* One setting: a row that says its name, what values it takes and where in `struct settings` it
 * lives; and the functions that turn words into its value and back.
 *
 * Rows stand in tables beside each other by the module they belong to (setting_tables.h). The
 * default is what settings_init writes: it stands nowhere else. Pure but for the settings given. */
#ifndef HOLDFAST_SERVER_CONFIG_SETTING_H
#define HOLDFAST_SERVER_CONFIG_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct buffer;
struct settings;

enum setting_type {
    SETTING_BOOL,    /* bool: yes, no */
    SETTING_INT,     /* int */
    SETTING_INT64,   /* int64_t */
    SETTING_UINT64,  /* uint64_t */
    SETTING_MEMORY,  /* uint64_t, bytes: "100mb" */
    SETTING_OCTAL,   /* unsigned: a file's mode */
    SETTING_CHOICE,  /* an enum: a word of `choices` */
    SETTING_WORD,    /* char *: a word of `choices` */
    SETTING_STRING,  /* char * */
    SETTING_SPECIAL, /* as `special` says */
};

enum setting_flag {
    SETTING_IMMUTABLE = 1 << 0,    /* only at the start */
    SETTING_SENSITIVE = 1 << 1,    /* never in the log */
    SETTING_PROTECTED = 1 << 2,    /* refused to CONFIG SET: it would let clients write files */
    SETTING_SEVERAL = 1 << 3,      /* takes several words, or one that holds them */
    SETTING_HIDDEN = 1 << 4,       /* CONFIG GET shows it only by its whole name */
    SETTING_AT_LISTENERS = 1 << 5, /* the listeners are opened anew after a change */
    SETTING_JOINS = 1 << 6, /* several words are a line that joins others, one word holds all */
};

/* Which module is told after a change while the server runs. */
enum setting_module {
    MODULE_NONE, /* it reads the value when it needs it */
    MODULE_ADMISSION,
    MODULE_SESSIONS,
    MODULE_HOUSEKEEPING,
    MODULE_OBSERVE,
    MODULE_LIFECYCLE,
    MODULE_PERSISTENCE,
    MODULE_KEYSPACE,
    MODULE_COUNT
};

struct setting_choice {
    const char *word; /* NULL at the end */
    int value;
};

/* Why words were refused, in Redis's terms. */
struct setting_problem {
    char text[384];
};

struct setting_special {
    /* On false `problem` is filled and the settings are as before. */
    bool (*set)(struct settings *settings, const struct slice *words, size_t count,
                struct setting_problem *problem);
    /* Appends what CONFIG GET answers. */
    void (*get)(const struct settings *settings, struct buffer *out);
    /* Appends one line of a file (without the name), for `index` from 0 on; false: there are no
     * more. *is_default: that line says what `defaults` hold. NULL: one line, `get` in quotes. */
    bool (*line)(const struct settings *settings, const struct settings *defaults, size_t index,
                 struct buffer *out, bool *is_default);
};

struct setting {
    const char *name; /* NULL ends a table */
    const char *alias;
    enum setting_type type;
    unsigned flags; /* enum setting_flag */
    size_t offset;  /* in struct settings */
    int64_t min, max;
    const struct setting_choice *choices;
    const struct setting_special *special;
    enum setting_module module;
};

/* Takes the words behind the directive's name; each has a NUL behind its bytes. On false `problem`
 * is filled and the settings are as before. */
WARN_UNUSED bool setting_set(const struct setting *setting, struct settings *settings,
                             const struct slice *words, size_t count,
                             struct setting_problem *problem);

/* Appends what CONFIG GET answers. */
void setting_get(const struct setting *setting, const struct settings *settings,
                 struct buffer *out);

/* Appends a line of a file without the name: see setting_special.line. */
bool setting_line(const struct setting *setting, const struct settings *settings,
                  const struct settings *defaults, size_t index, struct buffer *out,
                  bool *is_default);

/* --- for special settings --- */

void setting_complain(struct setting_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An integer within [min, max]; else complains as Redis does. */
bool setting_parse_integer(struct slice word, int64_t min, int64_t max, int64_t *out,
                           struct setting_problem *problem);
/* A size as CONFIG REWRITE writes it: "64mb". */
void setting_format_memory(uint64_t bytes, struct buffer *out);

#endif
