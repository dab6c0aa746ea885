/* Sets of GTIDs: adding, comparing, subtracting.
 *
 *     MySQL     runs [ (uuid, "") [1,52) [53,60) ] [ (uuid, "tag") [1,3) ] ...     sorted; intervals never touch
 *     MariaDB   domains [ 0: server 1, 7 ] [ 2: server 3, 9 ]                      sorted
 *
 * A transaction of a known source extends the last interval in place: the common case costs a search among the runs
 * and no memory. MariaDB's numbers of one domain need not grow by one and, without gtid_strict_mode, not even grow;
 * what counts there is the order of the log, so `add` lets the last one win and only `unite` and `contain` compare
 * numbers.
 *
 * Text and binary forms: gtid_text.c. */
#include "connectors/source_mysql/wire/gtid.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void mr_my_gtids_init(struct mr_my_gtids *set, bool mariadb)
{
    *set = (struct mr_my_gtids){.mariadb = mariadb};
}

void mr_my_gtids_clear(struct mr_my_gtids *set)
{
    for (size_t i = 0; i < set->run_count; i++)
        free(set->runs[i].intervals);
    set->run_count = 0;
    set->domain_count = 0;
}

void mr_my_gtids_done(struct mr_my_gtids *set)
{
    mr_my_gtids_clear(set);
    free(set->runs);
    free(set->domains);
    *set = (struct mr_my_gtids){.mariadb = set->mariadb};
}

bool mr_my_gtids_empty(const struct mr_my_gtids *set)
{
    return set->run_count == 0 && set->domain_count == 0;
}

/* Room for one more element of `size` bytes. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 4;
    return mr_realloc(items, *capacity * size);
}

static int compare_run(const struct mr_my_gtid_run *run, const uint8_t uuid[16], const char *tag,
                       size_t tag_size)
{
    int order = memcmp(run->uuid, uuid, 16);
    size_t shorter = run->tag_size < tag_size ? run->tag_size : tag_size;

    if (order == 0)
        order = memcmp(run->tag, tag, shorter);
    if (order == 0)
        order = (run->tag_size > tag_size) - (run->tag_size < tag_size);
    return order;
}

/* Index of the run, or where it belongs. */
static size_t run_at(const struct mr_my_gtids *set, const uint8_t uuid[16], const char *tag,
                     size_t tag_size, bool *ret_found)
{
    size_t low = 0, high = set->run_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_run(&set->runs[middle], uuid, tag, tag_size);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct mr_my_gtid_run *run_of(struct mr_my_gtids *set, const uint8_t uuid[16],
                                     const char *tag, size_t tag_size)
{
    bool found;
    size_t at = run_at(set, uuid, tag, tag_size, &found);

    if (!found) {
        set->runs = grow(set->runs, set->run_count, &set->run_capacity, sizeof *set->runs);
        memmove(&set->runs[at + 1], &set->runs[at], (set->run_count - at) * sizeof *set->runs);
        set->run_count++;
        set->runs[at] = (struct mr_my_gtid_run){.tag_size = (uint8_t)tag_size};
        memcpy(set->runs[at].uuid, uuid, 16);
        memcpy(set->runs[at].tag, tag, tag_size);
    }
    return &set->runs[at];
}

static const struct mr_my_gtid_run *find_run(const struct mr_my_gtids *set,
                                             const struct mr_my_gtid_run *like)
{
    bool found;
    size_t at = run_at(set, like->uuid, like->tag, like->tag_size, &found);

    return found ? &set->runs[at] : NULL;
}

/* The first interval that ends at or behind `number`. */
static size_t interval_at(const struct mr_my_gtid_run *run, uint64_t number)
{
    size_t low = 0, high = run->count;

    if (run->count > 0 && run->intervals[run->count - 1].past < number)
        return run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->intervals[middle].past < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mr_my_run_add(struct mr_my_gtid_run *run, struct mr_my_interval more)
{
    size_t at = interval_at(run, more.first), end = at;

    if (more.first >= more.past)
        return;
    while (end < run->count && run->intervals[end].first <= more.past) {
        if (run->intervals[end].first < more.first)
            more.first = run->intervals[end].first;
        if (run->intervals[end].past > more.past)
            more.past = run->intervals[end].past;
        end++;
    }
    if (end == at) {
        run->intervals = grow(run->intervals, run->count, &run->capacity, sizeof *run->intervals);
        memmove(&run->intervals[at + 1], &run->intervals[at],
                (run->count - at) * sizeof *run->intervals);
        run->count++;
    } else if (end > at + 1) {
        memmove(&run->intervals[at + 1], &run->intervals[end],
                (run->count - end) * sizeof *run->intervals);
        run->count -= end - at - 1;
    }
    run->intervals[at] = more;
}

struct mr_my_gtid_run *mr_my_gtids_run(struct mr_my_gtids *set, const uint8_t uuid[16],
                                       struct mr_slice tag)
{
    return run_of(set, uuid, tag.data ? tag.data : "", tag.size);
}

static size_t domain_at(const struct mr_my_gtids *set, uint32_t domain)
{
    size_t at = 0;

    while (at < set->domain_count && set->domains[at].domain < domain)
        at++;
    return at;
}

static struct mr_my_gtid_domain *find_domain(const struct mr_my_gtids *set, uint32_t domain)
{
    size_t at = domain_at(set, domain);

    return at < set->domain_count && set->domains[at].domain == domain ? &set->domains[at] : NULL;
}

static void put_domain(struct mr_my_gtids *set, struct mr_my_gtid_domain domain)
{
    size_t at = domain_at(set, domain.domain);

    if (at == set->domain_count || set->domains[at].domain != domain.domain) {
        set->domains =
            grow(set->domains, set->domain_count, &set->domain_capacity, sizeof *set->domains);
        memmove(&set->domains[at + 1], &set->domains[at],
                (set->domain_count - at) * sizeof *set->domains);
        set->domain_count++;
    }
    set->domains[at] = domain;
}

void mr_my_gtids_add(struct mr_my_gtids *set, const struct mr_my_gtid *gtid)
{
    if (gtid->number == 0)
        return;
    if (gtid->mariadb)
        put_domain(set, (struct mr_my_gtid_domain){gtid->domain, gtid->server, gtid->number});
    else
        mr_my_run_add(run_of(set, gtid->uuid, gtid->tag, gtid->tag_size),
                      (struct mr_my_interval){gtid->number, gtid->number + 1});
}

void mr_my_gtids_unite(struct mr_my_gtids *set, const struct mr_my_gtids *more)
{
    for (size_t i = 0; i < more->run_count; i++) {
        const struct mr_my_gtid_run *from = &more->runs[i];
        struct mr_my_gtid_run *run = run_of(set, from->uuid, from->tag, from->tag_size);
        for (size_t n = 0; n < from->count; n++)
            mr_my_run_add(run, from->intervals[n]);
    }
    for (size_t i = 0; i < more->domain_count; i++) {
        const struct mr_my_gtid_domain *held = find_domain(set, more->domains[i].domain);
        if (!held || held->number < more->domains[i].number)
            put_domain(set, more->domains[i]);
    }
}

void mr_my_gtids_copy(struct mr_my_gtids *set, const struct mr_my_gtids *from)
{
    mr_my_gtids_clear(set);
    set->mariadb = from->mariadb;
    mr_my_gtids_unite(set, from);
}

static bool run_contains(const struct mr_my_gtid_run *run, struct mr_my_interval part)
{
    size_t at = interval_at(run, part.first + 1);

    return at < run->count && run->intervals[at].first <= part.first &&
           part.past <= run->intervals[at].past;
}

bool mr_my_gtids_contain(const struct mr_my_gtids *set, const struct mr_my_gtid *gtid)
{
    const struct mr_my_gtid_domain *domain;
    bool found;
    size_t at;

    if (gtid->mariadb) {
        domain = find_domain(set, gtid->domain);
        return domain && gtid->number <= domain->number;
    }
    at = run_at(set, gtid->uuid, gtid->tag, gtid->tag_size, &found);
    return found &&
           run_contains(&set->runs[at], (struct mr_my_interval){gtid->number, gtid->number + 1});
}

bool mr_my_gtids_contain_all(const struct mr_my_gtids *set, const struct mr_my_gtids *part)
{
    for (size_t i = 0; i < part->run_count; i++) {
        const struct mr_my_gtid_run *run = find_run(set, &part->runs[i]);
        for (size_t n = 0; n < part->runs[i].count; n++) {
            if (!run || !run_contains(run, part->runs[i].intervals[n]))
                return false;
        }
    }
    for (size_t i = 0; i < part->domain_count; i++) {
        const struct mr_my_gtid_domain *domain = find_domain(set, part->domains[i].domain);
        if (!domain || domain->number < part->domains[i].number)
            return false;
    }
    return true;
}

/* What of `run` is not in `less`: built anew, since one interval can become several. */
static void subtract_run(struct mr_my_gtid_run *run, const struct mr_my_gtid_run *less)
{
    struct mr_my_gtid_run rest = {0};

    for (size_t i = 0; i < run->count; i++) {
        struct mr_my_interval left = run->intervals[i];
        for (size_t n = interval_at(less, left.first + 1);
             n < less->count && left.first < left.past; n++) {
            if (less->intervals[n].first >= left.past)
                break;
            mr_my_run_add(&rest, (struct mr_my_interval){left.first, less->intervals[n].first});
            left.first = less->intervals[n].past;
        }
        mr_my_run_add(&rest, left);
    }
    free(run->intervals);
    run->intervals = rest.intervals;
    run->count = rest.count;
    run->capacity = rest.capacity;
}

void mr_my_gtids_subtract(struct mr_my_gtids *set, const struct mr_my_gtids *less)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->run_count; i++) {
        const struct mr_my_gtid_run *run = find_run(less, &set->runs[i]);
        if (run)
            subtract_run(&set->runs[i], run);
        if (set->runs[i].count == 0)
            free(set->runs[i].intervals);
        else
            set->runs[kept++] = set->runs[i];
    }
    set->run_count = kept;
    kept = 0;
    for (size_t i = 0; i < set->domain_count; i++) {
        const struct mr_my_gtid_domain *domain = find_domain(less, set->domains[i].domain);
        if (!domain || domain->number < set->domains[i].number)
            set->domains[kept++] = set->domains[i];
    }
    set->domain_count = kept;
}

enum mr_order mr_my_gtids_order(const struct mr_my_gtids *a, const struct mr_my_gtids *b)
{
    bool below = mr_my_gtids_contain_all(b, a), above = mr_my_gtids_contain_all(a, b);

    if (a->mariadb != b->mariadb && !(mr_my_gtids_empty(a) && mr_my_gtids_empty(b)))
        return MR_APART;
    if (below && above)
        return MR_SAME;
    return below ? MR_BEFORE : above ? MR_AFTER : MR_APART;
}
