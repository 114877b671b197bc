#include "support/open_files.h"

static const struct disk_operations *counted;
static int count;

static int counted_open(void *context, const char *path, enum disk_open_mode mode)
{
    int file = counted->open(context, path, mode);
    count += file >= 0;
    return file;
}

static int counted_close(void *context, int file)
{
    count--;
    return counted->close(context, file);
}

void open_files_count_from(struct disk_operations *operations, const struct disk *disk)
{
    counted = disk->operations;
    count = 0;
    operations->open = counted_open;
    operations->close = counted_close;
}

int open_files_count(void)
{
    return count;
}
