#include "server/persistence/loading.h"

#include "server/persistence/persistence_private.h"

void loading_begin(struct persistence *persistence)
{
    persistence_loaded(persistence, NULL);
}

void loading_end_turn(struct persistence *persistence)
{
    (void)persistence;
}

void loading_destroy(struct persistence *persistence)
{
    (void)persistence;
}

void loading_info(const struct persistence *persistence, struct buffer *out)
{
    (void)persistence, (void)out;
}
