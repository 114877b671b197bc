#include "commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/number.h"
#include "base/slice.h"
#include "protocol/resp_request.h"
#include "world.h"

#define WORD_MAX 600
#define LINE_MAX 1200

/* The first letter says what a key is mostly used for. Those behind "bits" belong to claims.h,
 * the last to mover.h. */
const char *const commands_keys[] = {
    "s0", "s1", "s2",   "c0", "c1", "l0", "l1", "h0", "h1", "t0", "t1", "z0", "z1", "x0",
    "x1", "p0", "bits", "r0", "r1", "q",  "m0", "m1", "w",  "n",  "b",  "g0", "g1", "g2",
};
const size_t commands_key_count = sizeof commands_keys / sizeof commands_keys[0];
#define STREAMS_ONE_IN 6 /* commands: groups need several on the same key */
#define FREE_KEYS 17     /* that anything may be done to */

struct template
{
    const char *text;
    enum effect effect;
};

/* $x: a key of this letter, $*: any; # a number of its own, ^ one given out lately, % a small
 * number, @ a field, & some milliseconds, ~ a long value. */
static const struct template templates[] = {
    {"SET $s #", EFFECT_WRITES},
    {"SET $s # PX &", EFFECT_WRITES},
    {"SET $s ~", EFFECT_WRITES},
    {"SET $s # NX", EFFECT_MAY_WRITE},
    {"GETSET $s #", EFFECT_WRITES},
    {"GETDEL $s", EFFECT_MAY_WRITE},
    {"GETEX $s PX &", EFFECT_READS},
    {"APPEND $s #", EFFECT_WRITES},
    {"SETRANGE $s % #", EFFECT_WRITES},
    {"MSET $s # $c %", EFFECT_WRITES},
    {"GET $s", EFFECT_READS},
    {"STRLEN $s", EFFECT_READS},
    {"MGET $s $c $s", EFFECT_READS},
    {"INCR $c", EFFECT_WRITES},
    {"DECRBY $c #", EFFECT_WRITES},
    {"INCRBYFLOAT $c #.5", EFFECT_WRITES},
    {"SET $c %", EFFECT_READS},
    {"GET $c", EFFECT_READS},
    {"LPUSH $l #", EFFECT_WRITES},
    {"RPUSH $l # %", EFFECT_WRITES},
    {"RPUSH $l ~", EFFECT_WRITES},
    {"LPOP $l", EFFECT_MAY_WRITE},
    {"RPOP $l %", EFFECT_READS},
    {"LINSERT $l BEFORE % #", EFFECT_MAY_WRITE},
    {"LREM $l 0 %", EFFECT_MAY_WRITE},
    {"LTRIM $l 0 %", EFFECT_READS},
    {"LSET $l 0 #", EFFECT_WRITES},
    {"LMOVE $l $l LEFT RIGHT", EFFECT_READS_FIRST},
    {"LRANGE $l 0 -1", EFFECT_READS},
    {"HSET $h @ #", EFFECT_WRITES},
    {"HSET $h @ # @ #", EFFECT_WRITES},
    {"HDEL $h @", EFFECT_MAY_WRITE},
    {"HINCRBY $h @ #", EFFECT_WRITES},
    {"HPEXPIRE $h & FIELDS 1 @", EFFECT_READS},
    {"HPERSIST $h FIELDS 1 @", EFFECT_READS},
    {"HGETEX $h PX & FIELDS 1 @", EFFECT_READS},
    {"HSETEX $h PX & FIELDS 1 @ #", EFFECT_READS},
    {"HGETALL $h", EFFECT_READS},
    {"SADD $t #", EFFECT_MAY_WRITE},
    {"SADD $t % % %", EFFECT_MAY_WRITE},
    {"SREM $t %", EFFECT_MAY_WRITE},
    {"SPOP $t", EFFECT_MAY_WRITE},
    {"SMOVE $t $t %", EFFECT_READS_FIRST},
    {"SUNIONSTORE $t $t $t", EFFECT_READS},
    {"SDIFFSTORE $t $t $t", EFFECT_NONE},
    {"SMEMBERS $t", EFFECT_READS},
    {"ZADD $z # @", EFFECT_READS},
    {"ZADD $z % #", EFFECT_WRITES},
    {"ZINCRBY $z # @", EFFECT_WRITES},
    {"ZREM $z @", EFFECT_MAY_WRITE},
    {"ZPOPMIN $z", EFFECT_READS},
    {"ZRANGESTORE $z $z 0 2", EFFECT_READS},
    {"ZUNIONSTORE $z 2 $z $z", EFFECT_READS},
    {"ZRANGE $z 0 -1 WITHSCORES", EFFECT_READS},
    {"XADD $x 1-# @ #", EFFECT_MAY_WRITE},
    {"XADD $x 1-# @ #", EFFECT_MAY_WRITE},
    {"XADD $x MAXLEN 5 * @ # b ~", EFFECT_WRITES},
    {"XTRIM $x MAXLEN %", EFFECT_MAY_WRITE},
    {"XGROUP CREATE $x g 0 MKSTREAM", EFFECT_READS},
    {"XGROUP CREATE $x g 0 MKSTREAM", EFFECT_READS},
    {"XGROUP CREATECONSUMER $x g c%", EFFECT_MAY_WRITE},
    {"XREADGROUP GROUP g c% COUNT 2 STREAMS $x >", EFFECT_READS},
    {"XREADGROUP GROUP g c% COUNT 2 NOACK STREAMS $x >", EFFECT_READS},
    {"XREADGROUP GROUP g c% STREAMS $x 0", EFFECT_READS},
    {"XACK $x g 1-^ 1-^ 1-^ 1-^", EFFECT_MAY_WRITE},
    {"XAUTOCLAIM $x g c% % 0 COUNT 2", EFFECT_READS},
    {"XCLAIM $x g c% 0 1-^ 1-^ 1-^ RETRYCOUNT %", EFFECT_READS},
    {"XCLAIM $x g c% 0 1-^ IDLE & JUSTID FORCE", EFFECT_READS},
    {"XGROUP SETID $x g 1-^ ENTRIESREAD %", EFFECT_READS},
    {"XGROUP DELCONSUMER $x g c%", EFFECT_READS},
    {"XGROUP DESTROY $x g", EFFECT_MAY_WRITE},
    {"XDEL $x 1-^ 1-^ 1-^", EFFECT_MAY_WRITE},
    {"XPENDING $x g", EFFECT_READS},
    {"XSETID $x 1-# ENTRIESADDED #", EFFECT_READS},
    {"XRANGE $x - +", EFFECT_READS},
    {"PFADD $p # %", EFFECT_MAY_WRITE},
    {"PFCOUNT $p", EFFECT_READS},
    {"SETBIT bits # 1", EFFECT_READS},
    {"BITFIELD bits SET u8 % %", EFFECT_READS},
    {"BITCOUNT bits", EFFECT_READS},
    {"DEL $*", EFFECT_MAY_WRITE},
    {"UNLINK $* $*", EFFECT_MAY_WRITE},
    {"PEXPIRE $* &", EFFECT_READS},
    {"PERSIST $*", EFFECT_MAY_WRITE},
    {"RENAME $* $*", EFFECT_READS_FIRST},
    {"COPY $* $* REPLACE", EFFECT_READS_FIRST},
    {"COPY $* $* DB 1 REPLACE", EFFECT_READS_FIRST},
    {"MOVE $* 1", EFFECT_READS_FIRST},
    {"MIGRATE 127.0.0.1 6379 $* 1 20 COPY REPLACE", EFFECT_NONE},
    {"MIGRATE 127.0.0.1 6379 $* 1 40 REPLACE", EFFECT_NONE},
    {"SORT $l BY nosort STORE $l", EFFECT_READS},
    {"TYPE $*", EFFECT_READS},
    {"PTTL $*", EFFECT_NONE},
    {"DBSIZE", EFFECT_NONE},
    {"SCAN 0", EFFECT_NONE},
    {"INFO persistence", EFFECT_NONE},
    {"PUBLISH news 0", EFFECT_NONE},
    {"WAITAOF 1 0 20", EFFECT_NONE},
    {"BGREWRITEAOF", EFFECT_NONE},
    {"BGREWRITEAOF", EFFECT_NONE},
    {"BGSAVE", EFFECT_NONE},
};

static const struct template blocking[] = {
    {"BLPOP $l $l 0.05", EFFECT_MAY_WRITE},
    {"BRPOP $l 0.1", EFFECT_MAY_WRITE},
    {"BLMOVE $l $l LEFT RIGHT 0.05", EFFECT_READS_FIRST},
    {"BLMPOP 0.05 2 $l $l LEFT COUNT 2", EFFECT_MAY_WRITE},
    {"BZPOPMIN $z $z 0.05", EFFECT_MAY_WRITE},
    {"XREAD BLOCK 50 STREAMS $x $", EFFECT_READS},
    {"XREADGROUP GROUP g c% BLOCK 50 STREAMS $x >", EFFECT_READS},
};

size_t commands_key_index(const char *name)
{
    for (size_t i = 0; i < commands_key_count; i++)
        if (strcmp(commands_keys[i], name) == 0)
            return i;
    ASSERT(false);
    return 0;
}

/* --- words --- */

static size_t random_key(char letter)
{
    for (;;) {
        size_t key = (size_t)world_below(FREE_KEYS);
        if (letter == '*' || commands_keys[key][0] == letter)
            return key;
    }
}

/* One character of a template becomes text. Returns its length. */
static int expand(char character, char *out, size_t size, uint64_t number)
{
    switch (character) {
    case '#':
        return snprintf(out, size, "%llu", (unsigned long long)number);
    case '^':
        return snprintf(out, size, "%llu",
                        (unsigned long long)(number - world_below(number < 40 ? number + 1 : 40)));
    case '%':
        return snprintf(out, size, "%d", (int)world_below(6));
    case '@':
        return snprintf(out, size, "f%d", (int)world_below(6));
    case '&':
        return snprintf(out, size, "%d", 1 + (int)world_below(world_chance(2) ? 30 : 30000));
    case '~':
        return snprintf(out, size, "%llu-%0*d", (unsigned long long)number,
                        1 + (int)world_below(400), 7);
    default:
        return snprintf(out, size, "%c", character);
    }
}

static void add_words(struct buffer *out, const char *line)
{
    size_t words = 1;
    for (const char *at = line; *at != '\0'; at++)
        words += *at == ' ';
    buffer_add_format(out, "*%zu\r\n", words);
    for (const char *at = line; words > 0; words--) {
        size_t length = strcspn(at, " ");
        buffer_add_format(out, "$%zu\r\n%.*s\r\n", length, (int)length, at);
        at += length + 1;
    }
}

static struct command_line add_template(struct buffer *out, const struct template *template,
                                        uint64_t number)
{
    char line[LINE_MAX];
    size_t length = 0;
    struct command_line made = {.effect = template->effect};
    for (const char *at = template->text; *at != '\0'; at++) {
        int added;
        if (at[0] == '$' && at[1] != '\0') {
            size_t key = random_key(*++at);
            if (made.keys == 0 || template->effect != EFFECT_READS_FIRST)
                made.keys |= UINT64_C(1) << key;
            added = snprintf(line + length, sizeof line - length, "%s", commands_keys[key]);
        } else {
            added = expand(*at, line + length, sizeof line - length, number);
        }
        length += (size_t)added;
        ASSERT(length + WORD_MAX < sizeof line);
    }
    if (strstr(template->text, "bits") != NULL)
        made.keys |= UINT64_C(1) << commands_key_index("bits");
    made.waits_for_sync = strncmp(line, "WAITAOF", 7) == 0;
    add_words(out, line);
    return made;
}

struct command_line commands_random(struct buffer *out, uint64_t number, int database)
{
    size_t count = sizeof templates / sizeof templates[0];
    size_t index = (size_t)world_below(count);
    bool of_stream = world_chance(STREAMS_ONE_IN);
    while (of_stream && strstr(templates[index].text, "$x") == NULL)
        index = (size_t)world_below(count);
    struct command_line made = add_template(out, &templates[index], number);
    made.keys <<= database == 0 ? 0 : commands_key_count;
    return made;
}

struct command_line commands_large(struct buffer *out, uint64_t number)
{
    static const struct {
        const char *name, *key;
        int words, repeats;
    } lines[] = {{"SADD", "t0", 1, 600},
                 {"RPUSH", "l0", 1, 200},
                 {"HSET", "h0", 2, 600},
                 {"ZADD", "z0", 2, 600}};
    size_t kind = (size_t)world_below(sizeof lines / sizeof lines[0]);
    int count = lines[kind].words * lines[kind].repeats;
    buffer_add_format(out, "*%d\r\n$%zu\r\n%s\r\n$2\r\n%s\r\n", 2 + count, strlen(lines[kind].name),
                      lines[kind].name, lines[kind].key);
    for (int i = 0; i < count; i++)
        buffer_add_format(out, "$10\r\n%06llu%04d\r\n", (unsigned long long)number % 1000000, i);
    return (struct command_line){.effect = EFFECT_WRITES,
                                 .keys = UINT64_C(1) << commands_key_index(lines[kind].key)};
}

struct command_line commands_dump(struct buffer *out)
{
    static const struct template dump = {"DUMP $*", EFFECT_READS};
    return add_template(out, &dump, 0);
}

struct command_line commands_copy(struct buffer *out, const char *name)
{
    char text[40];
    snprintf(text, sizeof text, "COPY $* %s REPLACE", name);
    return add_template(out, &(struct template){text, EFFECT_NONE}, 0);
}

struct command_line commands_restore(struct buffer *out, struct slice dump)
{
    size_t key = random_key('*');
    bool absolute = world_chance(2);
    long long deadline_ms = world_chance(3) ? 0 : world_chance(2) ? 20 : 10000;
    char text[NUMBER_INTEGER_TEXT_MAX];
    if (absolute && deadline_ms > 0)
        deadline_ms += world.now_us / 1000;
    struct slice words[] = {SLICE("RESTORE"),
                            slice_of_string(commands_keys[key]),
                            slice_of(text, number_format_int64(text, deadline_ms)),
                            dump,
                            SLICE("REPLACE"),
                            SLICE("ABSTTL")};
    enum error error = resp_request_append(out, words, absolute ? 6 : 5);
    ASSERT(error == OK);
    return (struct command_line){.effect = EFFECT_WRITES, .keys = UINT64_C(1) << key};
}

struct command_line commands_random_blocking(struct buffer *out)
{
    size_t count = sizeof blocking / sizeof blocking[0];
    return add_template(out, &blocking[world_below(count)], 0);
}

void commands_add(struct buffer *out, const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ASSERT(length > 0 && length < LINE_MAX);
    add_words(out, line);
}
