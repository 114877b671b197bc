#include "server/persistence/saving.h"

#include <stdlib.h>
struct saving *saving_create(struct persistence *p)
{
    (void)p;
    return NULL;
}
void saving_destroy(struct saving *s)
{
    (void)s;
}
void saving_end_turn(struct saving *s)
{
    (void)s;
}
size_t saving_backlog(const struct saving *s)
{
    (void)s;
    return 0;
}
bool saving_save_now(struct saving *s)
{
    (void)s;
    return true;
}
void saving_begin_base(struct saving *s)
{
    (void)s;
}
void saving_forget_log(struct saving *s)
{
    (void)s;
}
bool saving_is_failing(const struct saving *s)
{
    (void)s;
    return false;
}
void saving_info_snapshots(const struct saving *s, struct buffer *o)
{
    (void)s, (void)o;
}
void saving_info_compaction(const struct saving *s, struct buffer *o)
{
    (void)s, (void)o;
}
