/* What all databases of a keyspace look at on every change and look-up: for keyspace/ alone. */
#ifndef HOLDFAST_KEYSPACE_KEYSPACE_SHARED_H
#define HOLDFAST_KEYSPACE_KEYSPACE_SHARED_H

#include "keyspace/snapshot_walk.h"
#include "keyspace/write_marks.h"

struct keyspace_shared {
    struct write_marks marks;
    struct snapshot_walk walk;
    struct value_keeper keeper;
};

#endif
