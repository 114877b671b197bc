#include "values/value.h"

#include "base/assertion.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/zset.h"

/* A type is here once its file is. */
static const struct value_kind *const kinds[TYPE_COUNT] = {
    [TYPE_STRING] = NULL,     [TYPE_LIST] = &list_kind, [TYPE_SET] = &set_kind,
    [TYPE_ZSET] = &zset_kind, [TYPE_HASH] = &hash_kind, [TYPE_STREAM] = &stream_kind,
};

const struct value_kind *value_kind(enum value_type type)
{
    ASSERT(type < TYPE_COUNT && kinds[type] != NULL);
    return kinds[type];
}

void value_free(enum value_type type, void *value)
{
    const struct value_kind *kind = value_kind(type);
    while (!kind->free_some(value))
        ;
}
