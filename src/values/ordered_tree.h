/* Members in order of score, and of their bytes where scores are equal, with their ranks: what
 * large sorted sets are beside their table of members.
 *
 * A B+ tree (Bayer and McCreight, 1972; Comer, 1979) with the number of members below each child.
 * Its nodes hold the members' bytes themselves, packed, in blocks that are no larger than they
 * need to be: a member takes its own bytes and about nine more, and ranges are read from memory in
 * order. Scores must not be NaN. One thread. */
#ifndef HOLDFAST_VALUES_ORDERED_TREE_H
#define HOLDFAST_VALUES_ORDERED_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct ordered_node;

struct ordered_tree {
    struct ordered_node *root; /* NULL: empty */
    size_t count;
    size_t memory; /* bytes of all nodes */
};

/* A place between members. */
struct ordered_bound {
    bool by_member;     /* scores do not count: for sets whose scores are all equal */
    bool members_count; /* with scores: equal scores are told apart by member */
    bool after;         /* behind what is equal, not before it */
    double score;
    struct slice member;
};

/* A member in its place; valid until the next change. */
struct ordered_cursor {
    struct ordered_node *leaf; /* NULL: none */
    unsigned index;
};

void ordered_tree_init(struct ordered_tree *tree);
void ordered_tree_deinit(struct ordered_tree *tree);
/* Frees the last leaf; true: nothing is left. */
bool ordered_tree_free_some(struct ordered_tree *tree);

/* The pair must not be there. False: memory is out for a large member, nothing has changed. */
bool ordered_tree_insert(struct ordered_tree *tree, double score, struct slice member);
/* The pair must be there. */
void ordered_tree_remove(struct ordered_tree *tree, double score, struct slice member);

/* How many members stand before `bound`: also the rank of the first behind it. O(log n). */
size_t ordered_tree_count_before(const struct ordered_tree *tree,
                                 const struct ordered_bound *bound);

/* The member of this rank; leaf NULL if there is none. */
struct ordered_cursor ordered_tree_seek(const struct ordered_tree *tree, size_t rank);
struct slice ordered_cursor_get(const struct ordered_cursor *cursor, double *score);
void ordered_cursor_next(struct ordered_cursor *cursor);
void ordered_cursor_previous(struct ordered_cursor *cursor);

/* Aborts unless order, counts and links hold. O(n), for tests. */
void ordered_tree_check(const struct ordered_tree *tree);

#endif
