#include "keyspace/expiry_index.h"

#include <stdbool.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/mix.h"
#include "keyspace/entry.h"
#include "keyspace/entry_reference.h"
#include "keyspace/expiry_leaf.h"

/* When a leaf is full its entries' deadlines are read, to share with a neighbour that has room or
 * to make three leaves of two full ones (the B*-tree of Knuth, vol. 3, 6.2.4): that keeps leaves
 * about 5/6 full instead of 2/3. Merging two leaves reads nothing; giving the entries of one to
 * both of its neighbours reads those. */
#define LEAF_SHARE_ROOM (EXPIRY_LEAF_CAPACITY / 8) /* a neighbour with so much room takes some */
#define LEAF_SPARSE (EXPIRY_LEAF_CAPACITY * 6 / 8) /* below this a leaf seeks to merge */
#define LEAF_MERGED_MAX (EXPIRY_LEAF_CAPACITY * 15 / 16)    /* entries of a leaf made of two */
#define LEAF_DISSOLVED_MAX (EXPIRY_LEAF_CAPACITY * 15 / 16) /* of two made of three */

#define INNER_CHILDREN_MAX 63 /* 1,520 bytes: the class of 1,536 */
#define INNER_SPARSE (INNER_CHILDREN_MAX / 3)
#define INNER_MERGED_MAX (INNER_CHILDREN_MAX * 3 / 4)
#define HEIGHT_MAX 12 /* inner levels; 31^12 leaves are more than memory */

#define PICK_TRIES_MAX 64  /* before a pick that is not quite even is taken */
#define AVERAGE_SAMPLES 64 /* entries looked at for the average TTL */

/* All positions below children[i] are >= fences[i] and < fences[i + 1]; fences[0] is not used, the
 * parent's fence bounds children[0]. */
struct inner {
    size_t count;
    struct expiry_position fences[INNER_CHILDREN_MAX];
    void *children[INNER_CHILDREN_MAX]; /* struct inner; on the lowest level struct expiry_leaf */
};

struct expiry_index {
    void *root;      /* NULL when empty; a leaf when height is 0 */
    unsigned height; /* levels of inner nodes */
    size_t count;
    size_t leaves, inners;
    uint64_t window;
    int64_t first_ms; /* counts while first_known */
    bool first_known;
};

/* A way from the root to a leaf. */
struct path {
    struct {
        struct inner *node;
        size_t slot;
    } steps[HEIGHT_MAX];
    struct expiry_leaf *leaf;
};

_Static_assert(sizeof(struct inner) <= 1536, "an inner node fits its allocator class");

static struct expiry_position position_of(const struct expiry_index *index,
                                          const struct entry *entry)
{
    return (struct expiry_position){entry_deadline_ms(entry),
                                    entry_reference_of(entry, index->window)};
}

/* --- nodes --- */

static struct expiry_leaf *leaf_create(struct expiry_index *index)
{
    struct expiry_leaf *leaf = memory_allocate(sizeof *leaf);
    leaf->count = 0;
    leaf->sorted = false;
    index->leaves++;
    return leaf;
}

static void leaf_free(struct expiry_index *index, struct expiry_leaf *leaf)
{
    memory_free_sized(leaf, sizeof *leaf);
    index->leaves--;
}

static struct inner *inner_create(struct expiry_index *index)
{
    struct inner *node = memory_allocate(sizeof *node);
    node->count = 0;
    index->inners++;
    return node;
}

static void inner_free(struct expiry_index *index, struct inner *node)
{
    memory_free_sized(node, sizeof *node);
    index->inners--;
}

/* The child below which `position` belongs. */
static size_t inner_find(const struct inner *node, const struct expiry_position *position)
{
    size_t low = 0, count = node->count;
    while (count > 1) {
        size_t half = count / 2;
        low = expiry_position_before(position, &node->fences[low + half]) ? low : low + half;
        count -= half;
    }
    return low;
}

static void inner_insert(struct inner *node, size_t slot, const struct expiry_position *fence,
                         void *child)
{
    ASSERT(node->count < INNER_CHILDREN_MAX && slot <= node->count);
    size_t behind = node->count - slot;
    memmove(&node->fences[slot + 1], &node->fences[slot], behind * sizeof *node->fences);
    memmove(&node->children[slot + 1], &node->children[slot], behind * sizeof *node->children);
    node->fences[slot] = *fence;
    node->children[slot] = child;
    node->count++;
}

static void inner_remove(struct inner *node, size_t slot)
{
    ASSERT(slot < node->count);
    node->count--;
    size_t behind = node->count - slot;
    memmove(&node->fences[slot], &node->fences[slot + 1], behind * sizeof *node->fences);
    memmove(&node->children[slot], &node->children[slot + 1], behind * sizeof *node->children);
}

/* Moves the children from `from` on of `node` to the end of `to`. */
static void inner_move(struct inner *node, size_t from, struct inner *to)
{
    size_t moved = node->count - from;
    ASSERT(to->count + moved <= INNER_CHILDREN_MAX);
    memcpy(&to->fences[to->count], &node->fences[from], moved * sizeof *node->fences);
    memcpy(&to->children[to->count], &node->children[from], moved * sizeof *node->children);
    to->count += moved;
    node->count = from;
}

/* `parent` must have room for a child. */
static void inner_split(struct expiry_index *index, struct inner *parent, size_t slot)
{
    struct inner *node = parent->children[slot], *right = inner_create(index);
    inner_move(node, node->count / 2, right);
    inner_insert(parent, slot + 1, &right->fences[0], right);
}

/* Joins the child at `slot` with a neighbour if they make one node that is not full. */
static void inner_merge(struct expiry_index *index, struct inner *parent, size_t slot)
{
    for (size_t left = slot > 0 ? slot - 1 : slot; left <= slot; left++) {
        if (left + 1 >= parent->count)
            return;
        struct inner *a = parent->children[left], *b = parent->children[left + 1];
        if (a->count + b->count > INNER_MERGED_MAX)
            continue;
        b->fences[0] = parent->fences[left + 1];
        inner_move(b, 0, a);
        inner_free(index, b);
        inner_remove(parent, left + 1);
        return;
    }
}

/* --- ways through the tree --- */

static void path_find(const struct expiry_index *index, const struct expiry_position *position,
                      struct path *path)
{
    void *node = index->root;
    for (unsigned level = 0; level < index->height; level++) {
        struct inner *inner = node;
        size_t slot = inner_find(inner, position);
        path->steps[level].node = inner;
        path->steps[level].slot = slot;
        node = inner->children[slot];
    }
    path->leaf = node;
}

static void path_first(const struct expiry_index *index, struct path *path)
{
    void *node = index->root;
    for (unsigned level = 0; level < index->height; level++) {
        path->steps[level].node = node;
        path->steps[level].slot = 0;
        node = path->steps[level].node->children[0];
    }
    path->leaf = node;
}

static void grow_root(struct expiry_index *index)
{
    ASSERT(index->height < HEIGHT_MAX);
    struct inner *root = inner_create(index);
    inner_insert(root, 0, &(struct expiry_position){0, 0}, index->root);
    index->root = root;
    index->height++;
}

/* The same as path_find, and every inner node on the way has room for one more child. */
static void path_find_with_room(struct expiry_index *index, const struct expiry_position *position,
                                struct path *path)
{
    if (index->height > 0 && ((struct inner *)index->root)->count == INNER_CHILDREN_MAX)
        grow_root(index);
    struct inner *node = index->root;
    for (unsigned level = 0; level + 1 < index->height; level++) {
        size_t slot = inner_find(node, position);
        struct inner *child = node->children[slot];
        if (child->count == INNER_CHILDREN_MAX) {
            inner_split(index, node, slot);
            child = node->children[inner_find(node, position)];
        }
        node = child;
    }
    path_find(index, position, path);
}

static bool path_is_first(const struct expiry_index *index, const struct path *path)
{
    for (unsigned level = 0; level < index->height; level++)
        if (path->steps[level].slot != 0)
            return false;
    return true;
}

static bool path_is_last(const struct expiry_index *index, const struct path *path)
{
    for (unsigned level = 0; level < index->height; level++)
        if (path->steps[level].slot + 1 != path->steps[level].node->count)
            return false;
    return true;
}

/* --- making room: a leaf is full --- */

/* `items`: what the leaf at `slot` holds. Keys that come in order of deadline, up or down, leave
 * full leaves behind them. */
static bool room_at_an_end(struct expiry_index *index, const struct path *path,
                           const struct expiry_position *items,
                           const struct expiry_position *position)
{
    struct inner *parent = path->steps[index->height - 1].node;
    size_t slot = path->steps[index->height - 1].slot;
    bool first = path_is_first(index, path), last = path_is_last(index, path);
    if (!first && !last)
        return false;
    struct expiry_position least = items[0];
    for (size_t i = 0; i < EXPIRY_LEAF_CAPACITY; i++) {
        last = last && expiry_position_before(&items[i], position);
        first = first && expiry_position_before(position, &items[i]);
        least = expiry_position_before(&items[i], &least) ? items[i] : least;
    }
    if (last)
        inner_insert(parent, slot + 1, position, leaf_create(index));
    else if (first) {
        inner_insert(parent, slot, &parent->fences[slot], leaf_create(index));
        parent->fences[slot + 1] = least;
    }
    return first || last;
}

static bool room_by_sharing(struct inner *parent, size_t slot, struct expiry_position *items)
{
    struct expiry_leaf *leaf = parent->children[slot];
    struct expiry_leaf *left = slot > 0 ? parent->children[slot - 1] : leaf;
    struct expiry_leaf *right = slot + 1 < parent->count ? parent->children[slot + 1] : leaf;
    struct expiry_leaf *to = left->count <= right->count ? left : right;
    if (to->count + LEAF_SHARE_ROOM > EXPIRY_LEAF_CAPACITY)
        return false;
    size_t moved = (size_t)(EXPIRY_LEAF_CAPACITY - to->count + 1) / 2,
           kept = EXPIRY_LEAF_CAPACITY - moved;
    if (to == left) {
        expiry_position_select(items, EXPIRY_LEAF_CAPACITY, moved);
        expiry_leaf_append(left, items, moved);
        expiry_leaf_store(leaf, items + moved, kept);
        parent->fences[slot] = items[moved];
    } else {
        expiry_position_select(items, EXPIRY_LEAF_CAPACITY, kept);
        expiry_leaf_store(leaf, items, kept);
        expiry_leaf_append(right, items + kept, moved);
        parent->fences[slot + 1] = items[kept];
    }
    return true;
}

/* Makes three leaves of the one at `slot` and the next, two if it is the only one. */
static void room_by_splitting(struct expiry_index *index, struct inner *parent, size_t slot,
                              struct expiry_position *items)
{
    struct expiry_position others[EXPIRY_LEAF_CAPACITY];
    struct expiry_leaf *leaf = parent->children[slot], *middle = leaf_create(index);
    if (parent->count == 1) {
        size_t kept = EXPIRY_LEAF_CAPACITY / 2;
        expiry_position_select(items, EXPIRY_LEAF_CAPACITY, kept);
        expiry_leaf_store(leaf, items, kept);
        expiry_leaf_store(middle, items + kept, EXPIRY_LEAF_CAPACITY - kept);
        inner_insert(parent, slot + 1, &items[kept], middle);
        return;
    }
    struct expiry_position *low = items, *high = others;
    size_t left = slot;
    if (slot + 1 == parent->count) {
        left = slot - 1;
        low = others;
        high = items;
    }
    struct expiry_leaf *a = parent->children[left], *b = parent->children[left + 1];
    expiry_leaf_load(left == slot ? b : a, index->window, others);
    size_t kept = a->count * 2U / 3, given = b->count / 3U;
    expiry_position_select(low, a->count, kept);
    expiry_position_select(high, b->count, given);
    expiry_leaf_store(middle, low + kept, a->count - kept);
    expiry_leaf_append(middle, high, given);
    expiry_leaf_store(a, low, kept);
    expiry_leaf_store(b, high + given, b->count - given);
    parent->fences[left + 1] = high[given];
    inner_insert(parent, left + 1, &low[kept], middle);
}

/* The path's leaf is full: after this there is room where `position` belongs. */
static void make_room(struct expiry_index *index, struct path *path,
                      const struct expiry_position *position)
{
    struct expiry_position items[EXPIRY_LEAF_CAPACITY];
    expiry_leaf_load(path->leaf, index->window, items);
    if (index->height == 0) {
        grow_root(index);
        path_find(index, position, path);
    }
    struct inner *parent = path->steps[index->height - 1].node;
    size_t slot = path->steps[index->height - 1].slot;
    if (!room_at_an_end(index, path, items, position) && !room_by_sharing(parent, slot, items))
        room_by_splitting(index, parent, slot, items);
}

/* --- giving room back: a leaf is sparse or empty --- */

/* Joins the leaf at `slot` with a neighbour if they make one that is not full; looks at no entry.
 */
static bool merge_leaf(struct expiry_index *index, struct inner *parent, size_t slot)
{
    for (size_t left = slot > 0 ? slot - 1 : slot; left <= slot; left++) {
        if (left + 1 >= parent->count)
            return false;
        struct expiry_leaf *a = parent->children[left], *b = parent->children[left + 1];
        if (a->count + b->count > LEAF_MERGED_MAX)
            continue;
        memcpy(a->references[a->count], b->references, b->count * (size_t)ENTRY_REFERENCE_SIZE);
        a->count = (uint16_t)(a->count + b->count);
        a->sorted = false;
        leaf_free(index, b);
        inner_remove(parent, left + 1);
        return true;
    }
    return false;
}

/* Gives what the leaf at `slot` holds to both neighbours, if they have room: no two of the three
 * make one leaf, so each of them gets some. */
static bool dissolve_leaf(struct expiry_index *index, struct inner *parent, size_t slot)
{
    _Static_assert(LEAF_DISSOLVED_MAX <= LEAF_MERGED_MAX, "what a neighbour has is less than each");
    if (slot == 0 || slot + 1 >= parent->count)
        return false;
    struct expiry_leaf *left = parent->children[slot - 1], *leaf = parent->children[slot];
    struct expiry_leaf *right = parent->children[slot + 1];
    size_t each = ((size_t)left->count + leaf->count + right->count + 1) / 2;
    if (each > LEAF_DISSOLVED_MAX)
        return false;
    struct expiry_position items[EXPIRY_LEAF_CAPACITY];
    size_t count = expiry_leaf_load(leaf, index->window, items), given = each - left->count;
    ASSERT(left->count < each && given < count);
    expiry_position_select(items, count, given);
    expiry_leaf_append(left, items, given);
    expiry_leaf_append(right, items + given, count - given);
    parent->fences[slot + 1] = items[given];
    leaf_free(index, leaf);
    inner_remove(parent, slot);
    return true;
}

/* Levels above a node that has lost a child: empty ones go, sparse ones merge. */
static void shrink_inners(struct expiry_index *index, const struct path *path)
{
    for (unsigned level = index->height - 1; level > 0; level--) {
        struct inner *node = path->steps[level].node, *parent = path->steps[level - 1].node;
        size_t slot = path->steps[level - 1].slot;
        if (node->count >= INNER_SPARSE)
            break;
        if (node->count == 0) {
            inner_remove(parent, slot);
            inner_free(index, node);
        } else {
            inner_merge(index, parent, slot);
        }
    }
    while (index->height > 0) { /* a root has two children at least, but for a moment */
        struct inner *root = index->root;
        if (root->count > 1)
            break;
        ASSERT(root->count == 1);
        index->root = root->children[0];
        index->height--;
        inner_free(index, root);
    }
}

/* After a removal from the path's leaf. */
static void shrink(struct expiry_index *index, const struct path *path)
{
    if (path->leaf->count >= LEAF_SPARSE)
        return;
    if (index->height == 0) {
        if (path->leaf->count == 0) {
            leaf_free(index, path->leaf);
            index->root = NULL;
        }
        return;
    }
    struct inner *parent = path->steps[index->height - 1].node;
    size_t slot = path->steps[index->height - 1].slot;
    if (path->leaf->count == 0) {
        leaf_free(index, path->leaf);
        inner_remove(parent, slot);
        shrink_inners(index, path);
    } else if (merge_leaf(index, parent, slot) || dissolve_leaf(index, parent, slot)) {
        shrink_inners(index, path);
    }
}

/* --- the index --- */

struct expiry_index *expiry_index_create(void)
{
    return memory_allocate_zeroed(sizeof(struct expiry_index));
}

static void destroy_below(struct expiry_index *index, void *node, unsigned height)
{
    if (height == 0) {
        leaf_free(index, node);
        return;
    }
    struct inner *inner = node;
    for (size_t i = 0; i < inner->count; i++)
        destroy_below(index, inner->children[i], height - 1);
    inner_free(index, inner);
}

void expiry_index_destroy(struct expiry_index *index)
{
    if (index == NULL)
        return;
    if (index->root != NULL)
        destroy_below(index, index->root, index->height);
    ASSERT(index->leaves == 0 && index->inners == 0);
    memory_free(index);
}

void expiry_index_add(struct expiry_index *index, struct entry *entry)
{
    ASSERT(entry->flags & ENTRY_HAS_DEADLINE);
    if (index->count == 0) {
        index->window = entry_reference_window(entry);
        index->root = leaf_create(index);
        index->first_ms = INT64_MAX;
        index->first_known = true;
    }
    struct expiry_position position = position_of(index, entry);
    struct path path;
    path_find(index, &position, &path);
    expiry_leaf_prefetch(path.leaf,
                         EXPIRY_LEAF_SIZE / 2); /* where the new reference will most likely stand */
    while (UNLIKELY(path.leaf->count == EXPIRY_LEAF_CAPACITY)) {
        path_find_with_room(index, &position, &path);
        make_room(index, &path, &position);
        path_find(index, &position, &path);
    }
    expiry_leaf_append(path.leaf, &position, 1);
    index->count++;
    if (index->first_known && position.deadline_ms < index->first_ms)
        index->first_ms = position.deadline_ms;
}

void expiry_index_remove(struct expiry_index *index, struct entry *entry)
{
    ASSERT(index->count > 0);
    struct expiry_position position = position_of(index, entry);
    struct path path;
    path_find(index, &position, &path);
    expiry_leaf_remove(path.leaf, position.reference);
    index->count--;
    if (position.deadline_ms == index->first_ms)
        index->first_known = false;
    shrink(index, &path);
}

size_t expiry_index_count(const struct expiry_index *index)
{
    return index->count;
}

int64_t expiry_index_first_ms(struct expiry_index *index)
{
    if (index->count == 0)
        return INT64_MAX;
    if (index->first_known)
        return index->first_ms;
    struct path path;
    path_first(index, &path);
    struct expiry_position items[EXPIRY_LEAF_CAPACITY];
    int64_t first_ms = INT64_MAX;
    if (path.leaf->sorted) {
        first_ms =
            entry_deadline_ms(expiry_leaf_entry(path.leaf, path.leaf->count - 1U, index->window));
    } else {
        size_t count = expiry_leaf_load(path.leaf, index->window, items);
        for (size_t i = 0; i < count; i++)
            first_ms = items[i].deadline_ms < first_ms ? items[i].deadline_ms : first_ms;
    }
    index->first_ms = first_ms;
    index->first_known = true;
    return first_ms;
}

size_t expiry_index_take_due(struct expiry_index *index, int64_t now_ms, struct entry **due,
                             size_t count_max)
{
    size_t taken = 0;
    while (taken < count_max && expiry_index_first_ms(index) <= now_ms && index->count > 0) {
        struct path path;
        path_first(index, &path);
        struct expiry_leaf *leaf = path.leaf;
        if (!leaf->sorted)
            expiry_leaf_sort(leaf, index->window);
        while (taken < count_max && leaf->count > 0) {
            struct entry *entry = expiry_leaf_entry(leaf, leaf->count - 1U, index->window);
            if (entry_deadline_ms(entry) > now_ms)
                break;
            due[taken++] = entry;
            leaf->count--;
            index->count--;
        }
        index->first_known = false;
        if (leaf->count == 0) /* a sparse one stays: it is next */
            shrink(index, &path);
    }
    return taken;
}

struct entry *expiry_index_first(struct expiry_index *index)
{
    if (index->count == 0)
        return NULL;
    struct path path;
    path_first(index, &path);
    if (!path.leaf->sorted)
        expiry_leaf_sort(path.leaf, index->window);
    return expiry_leaf_entry(path.leaf, path.leaf->count - 1U, index->window);
}

struct entry *expiry_index_pick(const struct expiry_index *index, uint64_t random)
{
    if (index->count == 0)
        return NULL;
    /* Below the root a place is drawn among those a full node has and the walk begins anew when it
     * is not taken: so every entry is as likely as any other. */
    for (int tries = 0;; tries++) {
        bool anyway = tries == PICK_TRIES_MAX;
        void *node = index->root;
        for (unsigned level = 0; level < index->height && node != NULL; level++) {
            struct inner *inner = node;
            size_t places = level == 0 || anyway ? inner->count : INNER_CHILDREN_MAX;
            size_t place = (size_t)((mix_next(&random) >> 32) * places >> 32);
            node = place < inner->count ? inner->children[place] : NULL;
        }
        struct expiry_leaf *leaf = node;
        if (leaf == NULL)
            continue;
        size_t places = index->height == 0 || anyway ? leaf->count : EXPIRY_LEAF_CAPACITY;
        size_t place = (size_t)((mix_next(&random) >> 32) * places >> 32);
        if (place < leaf->count)
            return expiry_leaf_entry(leaf, place, index->window);
    }
}

int64_t expiry_index_average_ttl_ms(const struct expiry_index *index, int64_t now_ms)
{
    if (index->count == 0)
        return 0;
    int64_t average_ms = 0; /* divided one by one: a sum of far deadlines would overflow */
    for (uint64_t i = 0; i < AVERAGE_SAMPLES; i++)
        average_ms += (entry_deadline_ms(expiry_index_pick(index, i)) - now_ms) / AVERAGE_SAMPLES;
    return average_ms;
}

size_t expiry_index_memory(const struct expiry_index *index)
{
    return memory_good_size(sizeof *index) +
           index->leaves * memory_good_size(sizeof(struct expiry_leaf)) +
           index->inners * memory_good_size(sizeof(struct inner));
}

/* --- checking --- */

struct check {
    const struct expiry_index *index;
    size_t entries, leaves, inners;
    int64_t first_ms;
};

static void check_leaf(struct check *check, const struct expiry_leaf *leaf,
                       const struct expiry_position *low, const struct expiry_position *high)
{
    struct expiry_position items[EXPIRY_LEAF_CAPACITY];
    ASSERT(leaf->count > 0 && leaf->count <= EXPIRY_LEAF_CAPACITY);
    expiry_leaf_load(leaf, check->index->window, items);
    for (size_t i = 0; i < leaf->count; i++) {
        ASSERT(low == NULL || !expiry_position_before(&items[i], low));
        ASSERT(high == NULL || expiry_position_before(&items[i], high));
        ASSERT(!leaf->sorted || i == 0 || expiry_position_before(&items[i], &items[i - 1]));
        if (items[i].deadline_ms < check->first_ms)
            check->first_ms = items[i].deadline_ms;
    }
    check->entries += leaf->count;
    check->leaves++;
}

static void check_below(struct check *check, const void *node, unsigned height,
                        const struct expiry_position *low, const struct expiry_position *high)
{
    if (height == 0) {
        check_leaf(check, node, low, high);
        return;
    }
    const struct inner *inner = node;
    ASSERT(inner->count > 0 && inner->count <= INNER_CHILDREN_MAX);
    ASSERT(height != check->index->height || inner->count > 1);
    for (size_t i = 0; i < inner->count; i++)
        check_below(check, inner->children[i], height - 1, i == 0 ? low : &inner->fences[i],
                    i + 1 < inner->count ? &inner->fences[i + 1] : high);
    check->inners++;
}

void expiry_index_check(const struct expiry_index *index)
{
    struct check check = {.index = index, .first_ms = INT64_MAX};
    if (index->root != NULL)
        check_below(&check, index->root, index->height, NULL, NULL);
    ASSERT((index->root == NULL) == (index->count == 0));
    ASSERT(check.entries == index->count);
    ASSERT(check.leaves == index->leaves && check.inners == index->inners);
    ASSERT(index->count == 0 || !index->first_known || check.first_ms == index->first_ms);
}
