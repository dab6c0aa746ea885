/* Placing events in their transactions.
 *
 *     as the source made it    BEGIN  a  b  a(replayed)  END  heartbeat       milestones between changes
 *     look                     each change's collection and number of events, before transforms drop or derive any
 *     transforms
 *     place                    BEGIN  a1 b2              END{a:2,b:1}  heartbeat   all of them changes
 *
 * The rules are Debezium's. An event is what becomes a record with a value: a change is one, an update of the key two
 * (whether it is one is known after the transforms), a tombstone none. Counted is what the source gives: tables that
 * are filtered out and skipped operations are not, events that a transform drops later are, because there transforms
 * run behind the counting. An update without change, where it is dropped, was never an event. Messages count under
 * their prefix; one outside a transaction has no place in any.
 *
 * Debezium lists the collections of an END in the order of a Java hash table. Consumers should not care; but a text
 * that is the same is the simplest proof of being equal, and the rule is small: buckets by the hash of the name, in a
 * bucket by arrival. */
#include "engine/events/transactions.h"

#include <stdlib.h>
#include <string.h>

#include "schema/names/topic.h"

#define COLLECTIONS_MAX 65536 /* names remembered over transactions */
#define FEW             32    /* collections that are sorted without asking for memory */

struct mr_collection {
    struct mr_slice name;
    uint64_t events, generation; /* events of the transaction of that generation */
};

/* A change of the batch, whatever became of it. */
struct mr_seen {
    struct mr_collection *collection; /* NULL: not to be counted */
    uint32_t events;
    bool gone; /* an update without change: no event */
};

int mr_transactions_open(struct mr_transactions *transactions,
                         const struct mr_pipeline_config *config, const char *server,
                         struct mr_err *err)
{
    *transactions =
        (struct mr_transactions){.config = &config->events, .records = config->encoder != NULL};
    mr_map_init(&transactions->collections);
    mr_arena_init(&transactions->names, 4 << 10, 64 << 10);
    mr_buf_init(&transactions->text, 1 << 20);
    if (!config->events.provide)
        return 0;
    transactions->name = mr_table_new(0);
    transactions->name->server = mr_slice_str(server);
    return mr_topic_assign(config->events.topic, config->sink ? config->sink->names : NULL,
                           transactions->name, err);
}

void mr_transactions_close(struct mr_transactions *transactions)
{
    if (!transactions->config)
        return;
    mr_map_done(&transactions->collections);
    mr_arena_done(&transactions->names);
    mr_buf_done(&transactions->text);
    mr_table_unref(transactions->name);
    free(transactions->listed);
    *transactions = (struct mr_transactions){0};
}

struct mr_slice mr_transactions_topic(const struct mr_transactions *transactions)
{
    return transactions->name ? transactions->name->topic : (struct mr_slice){NULL, 0};
}

/* "public.orders"; where there are no schemas, "shop.orders". */
static struct mr_slice name_of(struct mr_transactions *transactions, const struct mr_change *change)
{
    const struct mr_table *table = change->table;

    if (change->message)
        return change->message->prefix;
    mr_buf_clear(&transactions->text);
    mr_buf_add_slice(&transactions->text, mr_table_space(table));
    mr_buf_add_char(&transactions->text, '.');
    mr_buf_add_slice(&transactions->text, table->name);
    return mr_buf_slice(&transactions->text);
}

static struct mr_collection *collection_of(struct mr_transactions *transactions,
                                           const struct mr_change *change)
{
    struct mr_slice name = name_of(transactions, change);
    struct mr_collection *collection = mr_map_get(&transactions->collections, name);

    if (collection)
        return collection;
    collection = MR_ARENA_NEW(&transactions->names, struct mr_collection);
    *collection = (struct mr_collection){.name = mr_arena_copy(&transactions->names, name)};
    (void)mr_map_put(&transactions->collections, name, collection);
    return collection;
}

static bool is_counted(const struct mr_change *change)
{
    return change->message ? change->message->transactional
                           : change->table && change->op != MR_OP_READ;
}

/* A new batch outside a transaction is the place to let go of names. */
static void forget_names(struct mr_transactions *transactions)
{
    if (transactions->inside || transactions->collections.count < COLLECTIONS_MAX)
        return;
    mr_map_done(&transactions->collections);
    mr_map_init(&transactions->collections);
    mr_arena_reset(&transactions->names);
    transactions->listed_count = 0;
}

/* Nobody asks, and nothing stands between the changes. */
static bool is_plain(const struct mr_transactions *transactions, const struct mr_batch *batch)
{
    return !transactions->config->provide && batch->milestone_count == 0;
}

void mr_transactions_look(struct mr_transactions *transactions, struct mr_batch *batch)
{
    struct mr_collection *collection = NULL;
    const struct mr_table *table = NULL;

    transactions->seen_count = batch->change_count;
    transactions->seen = NULL;
    if (is_plain(transactions, batch))
        return;
    for (size_t i = 0; i < batch->change_count; i++)
        batch->changes[i].place = (uint32_t)i;
    if (!transactions->config->provide)
        return;
    forget_names(transactions);
    transactions->seen = MR_ARENA_ARRAY(&batch->arena, struct mr_seen,
                                        batch->change_count ? batch->change_count : 1);
    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        struct mr_seen *seen = &transactions->seen[i];
        *seen = (struct mr_seen){.events = 1};
        if (!is_counted(change))
            continue;
        if (!change->table || change->table != table)
            collection = collection_of(transactions, change);
        table = change->table;
        seen->collection = collection;
        seen->events = change->key_changed ? 2 : 1;
    }
}

static bool changes_nothing(const struct mr_change *change)
{
    if (change->op != MR_OP_UPDATE || !change->before || !change->after || change->before_is_key)
        return false;
    for (uint32_t i = 0; i < change->table->column_count; i++) {
        if (!mr_value_equal(&change->before[i], &change->after[i]))
            return false;
    }
    return true;
}

static void drop_unchanged(struct mr_transactions *transactions, struct mr_batch *batch)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->change_count; i++) {
        struct mr_change *change = &batch->changes[i];
        if (!changes_nothing(change))
            batch->changes[kept++] = *change;
        else if (transactions->seen)
            transactions->seen[change->place].gone = true;
    }
    batch->change_count = kept;
}

/* Whether an update changes the key is the transforms' last word. */
static void settle_keys(struct mr_transactions *transactions, const struct mr_batch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        if (change->op == MR_OP_UPDATE && change->table)
            transactions->seen[change->place].events =
                change->key_changed && change->before && change->table->key_count > 0 ? 2 : 1;
    }
}

static void list(struct mr_transactions *transactions, struct mr_collection *collection)
{
    if (collection->generation == transactions->generation)
        return;
    collection->generation = transactions->generation;
    collection->events = 0;
    if (transactions->listed_count == transactions->listed_capacity) {
        transactions->listed_capacity =
            transactions->listed_capacity ? 2 * transactions->listed_capacity : 16;
        transactions->listed = mr_realloc(transactions->listed, transactions->listed_capacity *
                                                                    sizeof(struct mr_collection *));
    }
    transactions->listed[transactions->listed_count++] = collection;
}

/* Counts the change that stood at `place`; the orders of its first event, 0 when it has none. */
static void count_place(struct mr_transactions *transactions, size_t place, uint64_t *ret_total,
                        uint64_t *ret_collection)
{
    const struct mr_seen *seen = transactions->seen ? &transactions->seen[place] : NULL;

    *ret_total = *ret_collection = 0;
    if (!seen || !seen->collection || seen->gone || !transactions->inside)
        return;
    list(transactions, seen->collection);
    *ret_total = transactions->events + 1;
    *ret_collection = seen->collection->events + 1;
    transactions->events += seen->events;
    seen->collection->events += seen->events;
}

/* String.hashCode, spread as HashMap does it. */
static uint32_t java_hash(struct mr_slice text)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < text.size;) {
        unsigned char lead = (unsigned char)text.data[i++];
        uint32_t code = lead < 0x80   ? lead
                        : lead < 0xe0 ? lead & 0x1f
                        : lead < 0xf0 ? lead & 0xf
                                      : lead & 7;
        while (i < text.size && ((unsigned char)text.data[i] & 0xc0) == 0x80)
            code = code << 6 | ((unsigned char)text.data[i++] & 0x3f);
        if (code >= 0x10000) {
            hash = 31 * hash + (0xd800 + ((code - 0x10000) >> 10 & 0x3ff));
            code = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        hash = 31 * hash + code;
    }
    return hash ^ hash >> 16;
}

struct bucket {
    uint32_t number, arrived;
    struct mr_collection_count count;
};

static int by_bucket(const void *one, const void *other)
{
    const struct bucket *a = one, *b = other;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->arrived < b->arrived ? -1 : 1;
}

void mr_transactions_sort(struct mr_collection_count *collections, uint32_t count)
{
    struct bucket few[FEW], *buckets = few;
    uint32_t size = 16;

    if (count < 2)
        return;
    while (count > size / 4 * 3)
        size *= 2;
    if (count > FEW)
        buckets = mr_alloc(count * sizeof *buckets);
    for (uint32_t i = 0; i < count; i++)
        buckets[i] = (struct bucket){.number = java_hash(collections[i].name) & (size - 1),
                                     .arrived = i,
                                     .count = collections[i]};
    qsort(buckets, count, sizeof *buckets, by_bucket);
    for (uint32_t i = 0; i < count; i++)
        collections[i] = buckets[i].count;
    if (buckets != few)
        free(buckets);
}

static const struct mr_counts *counts_of(const struct mr_transactions *transactions,
                                         struct mr_arena *arena)
{
    struct mr_counts *counts = MR_ARENA_NEW(arena, struct mr_counts);
    struct mr_collection_count *collections =
        MR_ARENA_ARRAY(arena, struct mr_collection_count, transactions->listed_count + 1);

    for (size_t i = 0; i < transactions->listed_count; i++)
        collections[i] = (struct mr_collection_count){
            .name = mr_arena_copy(arena, transactions->listed[i]->name),
            .events = transactions->listed[i]->events,
        };
    *counts = (struct mr_counts){.events = transactions->events,
                                 .collection_count = (uint32_t)transactions->listed_count,
                                 .collections = collections};
    mr_transactions_sort(collections, counts->collection_count);
    return counts;
}

/* Follows the milestone; true when `ret_change` is to stand in its place. */
static bool pass(struct mr_transactions *transactions, struct mr_batch *batch,
                 const struct mr_milestone *milestone, struct mr_change *ret_change)
{
    struct mr_change change = {
        .op = milestone->op, .transaction = milestone->transaction, .number = milestone->number};

    if (milestone->op == MR_OP_HEARTBEAT) {
        milestone->heartbeat->position = batch->position.text;
        change.heartbeat = milestone->heartbeat;
    } else if (milestone->op == MR_OP_BEGIN) {
        transactions->inside = true;
        transactions->generation++;
        transactions->events = transactions->listed_count = 0;
    } else {
        change.counts = counts_of(transactions, &batch->arena);
        transactions->inside = false;
    }
    *ret_change = change;
    return transactions->records && !milestone->replayed;
}

void mr_transactions_place(struct mr_transactions *transactions, struct mr_batch *batch)
{
    size_t next = 0, passed = 0, count = 0;
    struct mr_change *placed;

    if (transactions->config->skip_unchanged)
        drop_unchanged(transactions, batch);
    if (is_plain(transactions, batch))
        return;
    if (transactions->seen)
        settle_keys(transactions, batch);
    placed = MR_ARENA_ARRAY(&batch->arena, struct mr_change,
                            batch->change_count + batch->milestone_count + 1);
    for (size_t place = 0; place <= transactions->seen_count; place++) {
        uint64_t total, collection;
        while (passed < batch->milestone_count && batch->milestones[passed].at == place)
            count += pass(transactions, batch, &batch->milestones[passed++], &placed[count]);
        if (place == transactions->seen_count)
            break;
        count_place(transactions, place, &total, &collection);
        for (; next < batch->change_count && batch->changes[next].place <= place; next++) {
            if (batch->changes[next].replayed)
                continue;
            placed[count] = batch->changes[next];
            placed[count].total_order = total;
            placed[count++].collection_order = collection;
        }
    }
    mr_batch_set_changes(batch, placed, count);
    batch->sides = transactions->records && batch->milestone_count > 0;
    batch->milestone_count = 0;
}
