#include "values/ordered_tree.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"

#define ITEMS_MAX 64
#define SLOTS_STEP 8
#define BYTES_MAX 4096 /* of a node that can still be split */
#define HEIGHT_MAX 16
#define MERGE_BELOW 12     /* items: a node with fewer looks for a neighbour to join */
#define MERGE_ITEMS_MAX 48 /* of both */
#define MERGE_BYTES_MAX 3072
#define MEMBER_INLINE_MAX 512 /* bytes: longer ones stand in a block of their own */
#define GARBAGE_MIN 128       /* bytes of removed items that are worth a new block */

/* An item: 2 bytes of head, the score (4 bytes if it is an integer that fits, else 8), the member's
 * bytes or a pointer. */
#define HEAD_LARGE 0x8000
#define HEAD_INTEGER 0x4000
#define HEAD_LENGTH 0x3fff

struct large_member {
    size_t length;
    char data[];
};

/* Children of an inner node. Its items separate them: the item of a child is not greater than any
 * pair below it, and greater than all below the child before. That of the first means nothing. */
struct inner {
    struct ordered_node *children[ITEMS_MAX];
    size_t counts[ITEMS_MAX]; /* members below */
};

struct ordered_node {
    struct inner *inner;                  /* NULL: a leaf */
    struct ordered_node *previous, *next; /* leaves */
    uint16_t count;
    uint16_t slots;   /* offsets there is room for */
    uint16_t end;     /* of the items' bytes */
    uint16_t garbage; /* bytes of items that are gone */
    uint16_t offsets[];
};

struct item {
    double score;
    struct slice member;
    struct large_member *large; /* NULL: it stands here */
    size_t size;                /* bytes in the node */
};

struct step {
    struct ordered_node *node;
    unsigned index; /* of the child */
};

struct path {
    struct step steps[HEIGHT_MAX];
    unsigned length; /* inner nodes above the leaf */
};

/* --- items --- */

static unsigned char *item_bytes(const struct ordered_node *node, unsigned index)
{
    return (unsigned char *)(uintptr_t)node + node->offsets[index];
}

static bool score_is_narrow(double score)
{
    return score >= INT32_MIN && score <= INT32_MAX && score == (double)(int32_t)score &&
           !(score == 0 && signbit(score)); /* -0 stays what it is */
}

static struct item item_get(const struct ordered_node *node, unsigned index)
{
    const unsigned char *at = item_bytes(node, index);
    struct item item = {.large = NULL};
    uint16_t head;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    if (head & HEAD_INTEGER) {
        int32_t narrow;
        memcpy(&narrow, at, sizeof narrow);
        item.score = narrow;
        at += sizeof narrow;
    } else {
        memcpy(&item.score, at, sizeof item.score);
        at += sizeof item.score;
    }
    if (UNLIKELY(head & HEAD_LARGE)) {
        memcpy(&item.large, at, sizeof item.large);
        item.member = slice_of(item.large->data, item.large->length);
        at += sizeof item.large;
    } else {
        item.member = slice_of((const char *)at, head & HEAD_LENGTH);
        at += item.member.length;
    }
    item.size = (size_t)(at - item_bytes(node, index));
    return item;
}

static size_t item_size(double score, struct slice member)
{
    return 2 + (score_is_narrow(score) ? 4u : 8u) +
           (member.length > MEMBER_INLINE_MAX ? sizeof(struct large_member *) : member.length);
}

static void item_put(unsigned char *at, double score, struct slice member,
                     struct large_member *large)
{
    bool narrow = score_is_narrow(score);
    uint16_t head =
        (uint16_t)((narrow ? HEAD_INTEGER : 0) | (large != NULL ? HEAD_LARGE : (int)member.length));
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    if (narrow) {
        int32_t integer = (int32_t)score;
        memcpy(at, &integer, sizeof integer);
        at += sizeof integer;
    } else {
        memcpy(at, &score, sizeof score);
        at += sizeof score;
    }
    if (large != NULL)
        memcpy(at, &large, sizeof large);
    else if (member.length > 0)
        memcpy(at, member.data, member.length);
}

static int compare_members(struct slice a, struct slice b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Does the item stand before the bound? */
static bool item_is_before(const struct item *item, const struct ordered_bound *bound)
{
    if (!bound->by_member && item->score != bound->score)
        return item->score < bound->score;
    int order =
        bound->by_member || bound->members_count ? compare_members(item->member, bound->member) : 0;
    return order < 0 || (order == 0 && bound->after);
}

/* --- nodes --- */

static size_t node_head(unsigned slots)
{
    return sizeof(struct ordered_node) + slots * sizeof(uint16_t);
}

static size_t node_used(const struct ordered_node *node)
{
    return node->end - node_head(node->slots) - node->garbage;
}

static struct ordered_node *node_create(struct ordered_tree *tree, unsigned count, size_t bytes)
{
    unsigned slots = (count + SLOTS_STEP - 1) / SLOTS_STEP * SLOTS_STEP;
    slots = slots == 0 ? SLOTS_STEP : slots;
    struct ordered_node *node = memory_allocate(node_head(slots) + bytes);
    *node = (struct ordered_node){.slots = (uint16_t)slots, .end = (uint16_t)node_head(slots)};
    tree->memory += memory_usable_size(node);
    return node;
}

static void node_free(struct ordered_tree *tree, struct ordered_node *node)
{
    tree->memory -= memory_usable_size(node);
    memory_free(node);
}

static void free_large(struct ordered_tree *tree, struct large_member *large)
{
    if (large == NULL)
        return;
    tree->memory -= memory_usable_size(large);
    memory_free(large);
}

static void free_inner(struct ordered_tree *tree, struct inner *inner)
{
    if (inner == NULL)
        return;
    tree->memory -= memory_usable_size(inner);
    memory_free(inner);
}

static struct inner *create_inner(struct ordered_tree *tree)
{
    struct inner *inner = memory_allocate(sizeof *inner);
    tree->memory += memory_usable_size(inner);
    return inner;
}

/* False: memory is out. */
static bool make_large(struct ordered_tree *tree, struct slice member, struct large_member **out)
{
    *out = NULL;
    if (member.length <= MEMBER_INLINE_MAX)
        return true;
    struct large_member *large = memory_try_allocate(sizeof *large + member.length);
    if (large == NULL)
        return false;
    large->length = member.length;
    memcpy(large->data, member.data, member.length);
    tree->memory += memory_usable_size(large);
    *out = large;
    return true;
}

static size_t node_total(const struct ordered_node *node)
{
    if (node->inner == NULL)
        return node->count;
    size_t total = 0;
    for (unsigned i = 0; i < node->count; i++)
        total += node->inner->counts[i];
    return total;
}

/* How many items stand before the bound, of those from `low` on (those before do). */
static unsigned node_search(const struct ordered_node *node, const struct ordered_bound *bound,
                            unsigned low)
{
    unsigned high = node->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        struct item item = item_get(node, middle);
        if (item_is_before(&item, bound))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The child in which the first member behind the bound stands, or would. The first child takes all
 * that is less than the second: its own item means nothing. */
static unsigned child_for(const struct ordered_node *node, const struct ordered_bound *bound)
{
    return node_search(node, bound, 1) - 1;
}

static void append_item(struct ordered_node *node, const struct ordered_node *from, unsigned index)
{
    size_t size = item_get(from, index).size;
    memcpy((unsigned char *)node + node->end, item_bytes(from, index), size);
    if (node->inner != NULL) {
        node->inner->children[node->count] = from->inner->children[index];
        node->inner->counts[node->count] = from->inner->counts[index];
    }
    node->offsets[node->count++] = node->end;
    node->end = (uint16_t)(node->end + size);
}

/* --- links: whoever points to a node that moved --- */

static void relink(struct ordered_tree *tree, const struct path *path, unsigned level,
                   struct ordered_node *node)
{
    if (level == 0)
        tree->root = node;
    else
        path->steps[level - 1].node->inner->children[path->steps[level - 1].index] = node;
    if (node->previous != NULL)
        node->previous->next = node;
    if (node->next != NULL)
        node->next->previous = node;
}

/* Moves the node of this level into a block with room for one item more of `size` bytes. */
static struct ordered_node *node_rebuild(struct ordered_tree *tree, struct path *path,
                                         unsigned level, struct ordered_node *node, size_t size)
{
    size_t bytes = node_used(node) + size;
    struct ordered_node *new = node_create(tree, node->count + 1u, bytes + bytes / 16);
    /* The children's arrays go along: appending copies each onto itself. */
    new->inner = node->inner;
    new->previous = node->previous;
    new->next = node->next;
    for (unsigned i = 0; i < node->count; i++)
        append_item(new, node, i);
    node_free(tree, node);
    relink(tree, path, level, new);
    if (level < path->length)
        path->steps[level].node = new;
    return new;
}

/* --- inserting --- */

struct new_item {
    double score;
    struct slice member;
    struct large_member *large;
    struct ordered_node *child; /* of inner nodes */
    size_t child_count;
};

static void node_put(struct ordered_node *node, unsigned index, const struct new_item *item)
{
    size_t size = item_size(item->score, item->member), behind = node->count - index;
    memmove(node->offsets + index + 1, node->offsets + index, behind * sizeof node->offsets[0]);
    if (node->inner != NULL) {
        struct inner *inner = node->inner;
        memmove(inner->children + index + 1, inner->children + index,
                behind * sizeof inner->children[0]);
        memmove(inner->counts + index + 1, inner->counts + index, behind * sizeof inner->counts[0]);
        inner->children[index] = item->child;
        inner->counts[index] = item->child_count;
    }
    item_put((unsigned char *)node + node->end, item->score, item->member, item->large);
    node->offsets[index] = node->end;
    node->end = (uint16_t)(node->end + size);
    node->count++;
}

static bool has_room(const struct ordered_node *node, size_t size)
{
    return node->count < node->slots && node->end + size <= memory_usable_size(node);
}

static bool is_full(const struct ordered_node *node, size_t size)
{
    return node->count == ITEMS_MAX || (node_used(node) + size > BYTES_MAX && node->count >= 4);
}

/* As many bytes before as behind, so that no half is full again: the path knows of one split. */
static unsigned node_middle(const struct ordered_node *node)
{
    unsigned middle = 0;
    size_t bytes = 0, half = node_used(node) / 2;
    while (middle + 1u < node->count && bytes < half)
        bytes += item_get(node, middle++).size;
    return middle;
}

/* The items from `middle` on go to a new node behind this one, with room for `room` bytes more. */
static struct ordered_node *node_cut(struct ordered_tree *tree, struct ordered_node *node,
                                     unsigned middle, size_t room)
{
    size_t bytes = 0;
    for (unsigned i = middle; i < node->count; i++)
        bytes += item_get(node, i).size;
    struct ordered_node *right = node_create(tree, node->count - middle + 1u, bytes + room);
    if (node->inner != NULL)
        right->inner = create_inner(tree);
    for (unsigned i = middle; i < node->count; i++)
        append_item(right, node, i);
    node->garbage = (uint16_t)(node->garbage + bytes);
    node->count = (uint16_t)middle;
    if (node->inner == NULL) {
        right->previous = node;
        right->next = node->next;
        if (right->next != NULL)
            right->next->previous = right;
        node->next = right;
    }
    return right;
}

/* An item for `child` with a copy of its least pair; a long member's copy aborts when memory is
 * out. */
static struct new_item separator_of(struct ordered_tree *tree, struct ordered_node *child)
{
    struct item least = item_get(child, 0);
    struct new_item separator = {.score = least.score,
                                 .member = least.member,
                                 .child = child,
                                 .child_count = node_total(child)};
    bool made = make_large(tree, least.member, &separator.large);
    ASSERT(made);
    return separator;
}

/* `more`: members that are on their way below the old root. */
static void raise_root(struct ordered_tree *tree, struct path *path, size_t more)
{
    struct new_item first = separator_of(tree, tree->root);
    first.child_count += more;
    struct ordered_node *root = node_create(tree, 2, 2 * item_size(first.score, first.member));
    root->inner = create_inner(tree);
    node_put(root, 0, &first);
    tree->root = root;
    ASSERT(path->length < HEIGHT_MAX);
    memmove(path->steps + 1, path->steps, path->length * sizeof path->steps[0]);
    path->steps[0] = (struct step){root, 0};
    path->length++;
}

static void insert_at(struct ordered_tree *tree, struct path *path, unsigned level,
                      struct ordered_node *node, unsigned index, const struct new_item *item);

/* `level` is the node's place in the path; a leaf's is path->length. Recursion ends at the root. */
static void split_and_insert(struct ordered_tree *tree, struct path *path, unsigned level,
                             struct ordered_node *node, unsigned index, const struct new_item *item)
{
    if (level == 0) {
        raise_root(tree, path, node->inner == NULL ? 1 : item->child_count);
        level = 1;
    }
    /* Who appends in order leaves full nodes behind. */
    bool appends = index == node->count && node->next == NULL;
    unsigned middle = appends ? node->count : node_middle(node);
    bool goes_right = appends || index > middle;
    size_t size = item_size(item->score, item->member);
    struct ordered_node *right = node_cut(tree, node, middle, goes_right ? size : 0);
    ASSERT(goes_right || !is_full(node, size));
    if (goes_right)
        node_put(right, index - middle, item);
    else
        insert_at(tree, path, level, node, index, item);
    struct step *parent = &path->steps[level - 1];
    struct new_item separator = separator_of(tree, right);
    parent->node->inner->counts[parent->index] -= separator.child_count;
    insert_at(tree, path, level - 1, parent->node, parent->index + 1, &separator);
}

static void insert_at(struct ordered_tree *tree, struct path *path, unsigned level,
                      struct ordered_node *node, unsigned index, const struct new_item *item)
{
    size_t size = item_size(item->score, item->member);
    if (!has_room(node, size)) {
        if (is_full(node, size)) {
            split_and_insert(tree, path, level, node, index, item);
            return;
        }
        node = node_rebuild(tree, path, level, node, size);
    }
    node_put(node, index, item);
}

/* The leaf where the pair stands or belongs; the way there. */
static struct ordered_node *descend(const struct ordered_tree *tree,
                                    const struct ordered_bound *bound, struct path *path)
{
    struct ordered_node *node = tree->root;
    path->length = 0;
    while (node->inner != NULL) {
        unsigned index = child_for(node, bound);
        path->steps[path->length++] = (struct step){node, index};
        node = node->inner->children[index];
    }
    return node;
}

/* Separators are equal to the least pair of their child: to go into that child for an equal pair,
 * equal counts as before. */
static struct ordered_bound pair_bound(double score, struct slice member)
{
    return (struct ordered_bound){
        .members_count = true, .after = true, .score = score, .member = member};
}

bool ordered_tree_insert(struct ordered_tree *tree, double score, struct slice member)
{
    struct path path;
    struct ordered_bound bound = pair_bound(score, member);
    struct new_item item = {.score = score, .member = member};
    if (!make_large(tree, member, &item.large))
        return false;
    if (tree->root == NULL)
        tree->root = node_create(tree, 1, item_size(score, member));
    struct ordered_node *leaf = descend(tree, &bound, &path);
    for (unsigned i = 0; i < path.length; i++)
        path.steps[i].node->inner->counts[path.steps[i].index]++;
    insert_at(tree, &path, path.length, leaf, node_search(leaf, &bound, 0), &item);
    tree->count++;
    return true;
}

/* --- removing --- */

static void node_drop(struct ordered_tree *tree, struct ordered_node *node, unsigned index)
{
    struct item item = item_get(node, index);
    free_large(tree, item.large);
    node->garbage = (uint16_t)(node->garbage + item.size);
    size_t behind = --node->count - index;
    memmove(node->offsets + index, node->offsets + index + 1, behind * sizeof node->offsets[0]);
    if (node->inner == NULL)
        return;
    struct inner *inner = node->inner;
    memmove(inner->children + index, inner->children + index + 1,
            behind * sizeof inner->children[0]);
    memmove(inner->counts + index, inner->counts + index + 1, behind * sizeof inner->counts[0]);
}

/* A leaf or inner node without items: out of the chain, and freed. */
static void node_discard(struct ordered_tree *tree, struct ordered_node *node)
{
    if (node->previous != NULL)
        node->previous->next = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    free_inner(tree, node->inner);
    node_free(tree, node);
}

/* The first child of `from`, behind what separates that from the nodes before. */
static void append_first_child(struct ordered_tree *tree, struct ordered_node *node,
                               const struct ordered_node *from, const struct item *between)
{
    struct new_item first = {.score = between->score,
                             .member = between->member,
                             .child = from->inner->children[0],
                             .child_count = from->inner->counts[0]};
    bool made = make_large(tree, between->member, &first.large);
    ASSERT(made);
    free_large(tree, item_get(from, 0).large);
    node_put(node, node->count, &first);
}

/* Joins the children at `index` and behind it, if both are small. */
static bool merge(struct ordered_tree *tree, struct path *path, unsigned level, unsigned index)
{
    struct ordered_node *parent = path->steps[level - 1].node;
    if (index + 1 >= parent->count)
        return false;
    struct ordered_node *left = parent->inner->children[index];
    struct ordered_node *right = parent->inner->children[index + 1];
    if (left->count + right->count > MERGE_ITEMS_MAX ||
        node_used(left) + node_used(right) > MERGE_BYTES_MAX)
        return false;
    struct item between = item_get(parent, index + 1);
    struct ordered_node *joined = node_create(tree, left->count + 0u + right->count,
                                              node_used(left) + node_used(right) + between.size);
    joined->inner = left->inner;
    joined->previous = left->previous;
    joined->next = left->next; /* right's, once that is discarded */
    for (unsigned i = 0; i < left->count; i++)
        append_item(joined, left, i);
    if (right->inner != NULL) /* its first child is no first one any more */
        append_first_child(tree, joined, right, &between);
    for (unsigned i = right->inner != NULL; i < right->count; i++)
        append_item(joined, right, i);
    if (left->previous != NULL)
        left->previous->next = joined;
    if (joined->next != NULL)
        joined->next->previous = joined;
    node_discard(tree, right);
    node_free(tree, left);
    parent->inner->children[index] = joined;
    parent->inner->counts[index] += parent->inner->counts[index + 1];
    node_drop(tree, parent, index + 1);
    return true;
}

/* Upward from the leaf: nodes that are empty go, small ones join a neighbour. */
static void tidy(struct ordered_tree *tree, struct path *path, struct ordered_node *node)
{
    for (unsigned level = path->length; level > 0; level--) {
        struct step *parent = &path->steps[level - 1];
        if (node->count == 0) {
            node_discard(tree, node);
            node_drop(tree, parent->node, parent->index);
        } else if (node->count < MERGE_BELOW) {
            if (!merge(tree, path, level, parent->index) && parent->index > 0)
                (void)merge(tree, path, level, parent->index - 1);
        } else {
            return;
        }
        node = parent->node;
    }
    while (tree->root->inner != NULL && tree->root->count == 1) {
        struct ordered_node *old = tree->root;
        free_large(tree, item_get(old, 0).large);
        tree->root = old->inner->children[0];
        node_discard(tree, old);
    }
    if (tree->root->count == 0) {
        node_discard(tree, tree->root);
        tree->root = NULL;
    }
}

void ordered_tree_remove(struct ordered_tree *tree, double score, struct slice member)
{
    struct path path;
    struct ordered_bound bound = pair_bound(score, member);
    ASSERT(tree->root != NULL);
    struct ordered_node *leaf = descend(tree, &bound, &path);
    unsigned index = node_search(leaf, &bound, 0);
    ASSERT(index > 0);
    struct item item = item_get(leaf, --index);
    ASSERT(item.score == score && slice_equals(item.member, member));
    for (unsigned i = 0; i < path.length; i++)
        path.steps[i].node->inner->counts[path.steps[i].index]--;
    node_drop(tree, leaf, index);
    tree->count--;
    if (leaf->count > 0 && leaf->garbage > GARBAGE_MIN && leaf->garbage > node_used(leaf))
        leaf = node_rebuild(tree, &path, path.length, leaf, 0);
    tidy(tree, &path, leaf);
}

/* --- ranks and places --- */

size_t ordered_tree_count_before(const struct ordered_tree *tree, const struct ordered_bound *bound)
{
    size_t before = 0;
    const struct ordered_node *node = tree->root;
    if (node == NULL)
        return 0;
    while (node->inner != NULL) {
        unsigned index = child_for(node, bound);
        for (unsigned i = 0; i < index; i++)
            before += node->inner->counts[i];
        node = node->inner->children[index];
    }
    return before + node_search(node, bound, 0);
}

struct ordered_cursor ordered_tree_seek(const struct ordered_tree *tree, size_t rank)
{
    if (rank >= tree->count)
        return (struct ordered_cursor){NULL, 0};
    struct ordered_node *node = tree->root;
    while (node->inner != NULL) {
        unsigned index = 0;
        while (rank >= node->inner->counts[index])
            rank -= node->inner->counts[index++];
        node = node->inner->children[index];
    }
    return (struct ordered_cursor){node, (unsigned)rank};
}

struct slice ordered_cursor_get(const struct ordered_cursor *cursor, double *score)
{
    struct item item = item_get(cursor->leaf, cursor->index);
    *score = item.score;
    return item.member;
}

void ordered_cursor_next(struct ordered_cursor *cursor)
{
    if (++cursor->index < cursor->leaf->count)
        return;
    cursor->leaf = cursor->leaf->next;
    cursor->index = 0;
}

void ordered_cursor_previous(struct ordered_cursor *cursor)
{
    if (cursor->index > 0) {
        cursor->index--;
        return;
    }
    cursor->leaf = cursor->leaf->previous;
    cursor->index = cursor->leaf != NULL ? cursor->leaf->count - 1u : 0;
}

/* --- life --- */

void ordered_tree_init(struct ordered_tree *tree)
{
    *tree = (struct ordered_tree){NULL, 0, 0};
}

bool ordered_tree_free_some(struct ordered_tree *tree)
{
    struct path path = {.length = 0};
    struct ordered_node *node = tree->root;
    if (node == NULL)
        return true;
    while (node->inner != NULL) { /* the last leaf */
        path.steps[path.length++] = (struct step){node, node->count - 1u};
        node = node->inner->children[node->count - 1u];
    }
    for (unsigned i = 0; i < path.length; i++)
        path.steps[i].node->inner->counts[path.steps[i].index] -= node->count;
    tree->count -= node->count;
    while (node->count > 0)
        node_drop(tree, node, node->count - 1u);
    for (unsigned level = path.length; level > 0 && node->count == 0; level--) {
        struct step *parent = &path.steps[level - 1];
        node_discard(tree, node);
        node_drop(tree, parent->node, parent->index);
        node = parent->node;
    }
    if (tree->root->count > 0)
        return false;
    node_discard(tree, tree->root);
    tree->root = NULL;
    return true;
}

void ordered_tree_deinit(struct ordered_tree *tree)
{
    while (!ordered_tree_free_some(tree))
        ;
}

/* --- checking --- */

static size_t check_node(const struct ordered_node *node, const struct ordered_node **leaf)
{
    size_t bytes = 0, total = 0;
    ASSERT(node->count > 0 && node->count <= node->slots);
    for (unsigned i = 0; i < node->count; i++) {
        struct item item = item_get(node, i);
        bytes += item.size;
        if (i > (node->inner != NULL)) {
            struct ordered_bound bound = pair_bound(item.score, item.member);
            struct item before = item_get(node, i - 1);
            bound.after = false;
            ASSERT(item_is_before(&before, &bound));
        }
        if (node->inner == NULL)
            continue;
        size_t below = check_node(node->inner->children[i], leaf);
        ASSERT(below == node->inner->counts[i]);
        total += below;
    }
    ASSERT(bytes == node_used(node) && node->end <= memory_usable_size(node));
    if (node->inner != NULL)
        return total;
    ASSERT(node->previous == *leaf && (*leaf == NULL || (*leaf)->next == node));
    *leaf = node;
    return node->count;
}

void ordered_tree_check(const struct ordered_tree *tree)
{
    const struct ordered_node *leaf = NULL;
    size_t total = tree->root == NULL ? 0 : check_node(tree->root, &leaf);
    ASSERT(total == tree->count && (leaf == NULL || leaf->next == NULL));
    for (size_t rank = 1; rank < tree->count; rank++) {
        struct ordered_cursor cursor = ordered_tree_seek(tree, rank - 1);
        double score, next_score;
        struct slice member = ordered_cursor_get(&cursor, &score);
        ordered_cursor_next(&cursor);
        struct slice next = ordered_cursor_get(&cursor, &next_score);
        ASSERT(score < next_score || (score == next_score && compare_members(member, next) < 0));
    }
}
