/* GTID sets as text and as bytes, each read and written here.
 *
 *     MySQL text    uuid[:tag]:n[-m][:n[-m]]...[:tag:n[-m]...], ...       as @@gtid_executed has it
 *     MariaDB text  domain-server-number, ...                             as @@gtid_binlog_pos has it
 *     bytes         u64 sources, then of each: uuid, u64 intervals, (u64 first, u64 past)*
 *     tagged bytes  01, u48 sources, 01, then of each: uuid, varint n, tag of n bytes, u64 intervals, ...
 *     GTID_LIST     u32 count (the highest 4 bits are flags), then (u32 domain, u32 server, u64 number)*
 *
 * Which of the two byte forms it is tells the highest byte of the first number: a server that has once seen a tag
 * writes the second one for ever, also for an empty set. Tags are lower case; uuids are read in any case. */
#include "connectors/source_mysql/wire/gtid.h"

#include <string.h>

#include "connectors/source_mysql/wire/packed.h"

#define NUMBER_MAX ((uint64_t)INT64_MAX)

struct scan {
    const char *at, *end;
};

static bool more(const struct scan *scan)
{
    return scan->at < scan->end;
}

static void blanks(struct scan *scan)
{
    while (more(scan) &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

static bool accept(struct scan *scan, char c)
{
    blanks(scan);
    if (!more(scan) || *scan->at != c)
        return false;
    scan->at++;
    blanks(scan);
    return true;
}

static bool number(struct scan *scan, uint64_t most, uint64_t *ret_number)
{
    uint64_t value = 0;
    const char *begin = scan->at;

    while (more(scan) && *scan->at >= '0' && *scan->at <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*scan->at - '0'), &value) || value > most)
            return false;
        scan->at++;
    }
    *ret_number = value;
    return scan->at > begin;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mr_my_uuid_parse(struct mr_slice text, uint8_t ret_uuid[16])
{
    uint8_t uuid[16];
    unsigned digits = 0;

    if (text.size != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        int digit = hex_digit(text.data[i]);
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.data[i] != '-')
                return false;
            continue;
        }
        if (digit < 0)
            return false;
        if (digits % 2 == 0)
            uuid[digits / 2] = (uint8_t)(digit << 4);
        else
            uuid[digits / 2] |= (uint8_t)digit;
        digits++;
    }
    memcpy(ret_uuid, uuid, 16);
    return true;
}

void mr_my_uuid_print(const uint8_t uuid[16], char ret_text[37])
{
    static const char hex[] = "0123456789abcdef";
    char *out = ret_text;

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[uuid[i] >> 4];
        *out++ = hex[uuid[i] & 15];
    }
    *out = 0;
}

static bool uuid(struct scan *scan, uint8_t ret_uuid[16])
{
    blanks(scan);
    if (scan->end - scan->at < 36 || !mr_my_uuid_parse(mr_slice(scan->at, 36), ret_uuid))
        return false;
    scan->at += 36;
    return true;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A tag, in lower case. */
static bool tag(struct scan *scan, char ret_tag[MR_MY_TAG_MAX], size_t *ret_size)
{
    size_t size = 0;

    while (more(scan) &&
           (letter(*scan->at) || (size > 0 && *scan->at >= '0' && *scan->at <= '9'))) {
        if (size == MR_MY_TAG_MAX)
            return false;
        ret_tag[size++] =
            *scan->at >= 'A' && *scan->at <= 'Z' ? (char)(*scan->at | 0x20) : *scan->at;
        scan->at++;
    }
    *ret_size = size;
    return size > 0;
}

static bool interval(struct scan *scan, struct mr_my_interval *ret_interval)
{
    uint64_t first, last;

    if (!number(scan, NUMBER_MAX - 1, &first) || first == 0)
        return false;
    last = first;
    if (accept(scan, '-') && !number(scan, NUMBER_MAX - 1, &last))
        return false;
    *ret_interval = (struct mr_my_interval){first, last + 1};
    return last >= first;
}

static bool mysql_source(struct scan *scan, struct mr_my_gtids *set)
{
    char name[MR_MY_TAG_MAX];
    size_t name_size = 0;
    uint8_t id[16];
    bool any = false, pending = false;

    if (!uuid(scan, id))
        return false;
    while (accept(scan, ':')) {
        struct mr_my_interval next;
        if (more(scan) && letter(*scan->at)) {
            if (pending || !tag(scan, name, &name_size))
                return false;
            pending = true;
            continue;
        }
        if (!interval(scan, &next))
            return false;
        mr_my_run_add(mr_my_gtids_run(set, id, mr_slice(name, name_size)), next);
        any = true, pending = false;
    }
    return any && !pending;
}

static bool maria_source(struct scan *scan, struct mr_my_gtids *set)
{
    struct mr_my_gtid gtid = {.mariadb = true};
    uint64_t domain, server;

    blanks(scan);
    if (!number(scan, UINT32_MAX, &domain) || !accept(scan, '-') ||
        !number(scan, UINT32_MAX, &server) || !accept(scan, '-') ||
        !number(scan, UINT64_MAX, &gtid.number))
        return false;
    gtid.domain = (uint32_t)domain;
    gtid.server = (uint32_t)server;
    mr_my_gtids_add(set, &gtid);
    return true;
}

static int no_set(bool mariadb, struct mr_slice text, const char *what, struct mr_err *err)
{
    return mr_err_set(err, MR_CONFIG, "source.gtid", "%s: \"%.*s\" is no %s", what,
                      (int)(text.size > 200 ? 200 : text.size), text.data ? text.data : "",
                      mariadb ? "list of MariaDB GTIDs (0-1-7,2-3-9)"
                              : "GTID set of MySQL (uuid:1-7,uuid:tag:1-3)");
}

int mr_my_gtids_parse(struct mr_my_gtids *set, struct mr_slice text, const char *what,
                      struct mr_err *err)
{
    struct scan scan = {text.data ? text.data : "", NULL};

    scan.end = scan.at + text.size;
    mr_my_gtids_clear(set);
    blanks(&scan);
    while (more(&scan)) {
        /* The server's own text may end in a comma and a line end, never in two. */
        if (!(set->mariadb ? maria_source(&scan, set) : mysql_source(&scan, set)) ||
            (!accept(&scan, ',') && more(&scan))) {
            mr_my_gtids_clear(set);
            return no_set(set->mariadb, text, what, err);
        }
    }
    return 0;
}

int mr_my_gtid_parse(struct mr_my_gtid *gtid, bool mariadb, struct mr_slice text, const char *what,
                     struct mr_err *err)
{
    struct mr_my_gtids set;
    struct mr_my_gtid one = {.mariadb = mariadb};
    int rc;

    mr_my_gtids_init(&set, mariadb);
    rc = mr_my_gtids_parse(&set, text, what, err);
    if (rc == 0 && mariadb && set.domain_count == 1) {
        one.domain = set.domains[0].domain;
        one.server = set.domains[0].server;
        one.number = set.domains[0].number;
    } else if (rc == 0 && !mariadb && set.run_count == 1 && set.runs[0].count == 1 &&
               set.runs[0].intervals[0].past == set.runs[0].intervals[0].first + 1) {
        memcpy(one.uuid, set.runs[0].uuid, 16);
        memcpy(one.tag, set.runs[0].tag, MR_MY_TAG_MAX);
        one.tag_size = set.runs[0].tag_size;
        one.number = set.runs[0].intervals[0].first;
    } else if (rc == 0) {
        rc = no_set(mariadb, text, what, err);
    }
    mr_my_gtids_done(&set);
    if (rc == 0)
        *gtid = one;
    return rc;
}

void mr_my_gtid_print(const struct mr_my_gtid *gtid, struct mr_buf *buf)
{
    char text[37];

    if (gtid->mariadb) {
        mr_buf_printf(buf, "%u-%u-%llu", gtid->domain, gtid->server,
                      (unsigned long long)gtid->number);
        return;
    }
    mr_my_uuid_print(gtid->uuid, text);
    mr_buf_add(buf, text, 36);
    if (gtid->tag_size > 0) {
        mr_buf_add_char(buf, ':');
        mr_buf_add(buf, gtid->tag, gtid->tag_size);
    }
    mr_buf_printf(buf, ":%llu", (unsigned long long)gtid->number);
}

/* Runs of one uuid stand together: the uuid is written once, tags behind its untagged intervals. */
void mr_my_gtids_print(const struct mr_my_gtids *set, struct mr_buf *buf)
{
    char text[37];

    for (size_t i = 0; i < set->domain_count; i++)
        mr_buf_printf(buf, "%s%u-%u-%llu", i > 0 ? "," : "", set->domains[i].domain,
                      set->domains[i].server, (unsigned long long)set->domains[i].number);
    for (size_t i = 0; i < set->run_count; i++) {
        const struct mr_my_gtid_run *run = &set->runs[i];
        if (i == 0 || memcmp(run->uuid, set->runs[i - 1].uuid, 16) != 0) {
            mr_my_uuid_print(run->uuid, text);
            mr_buf_printf(buf, "%s%s", i > 0 ? "," : "", text);
        }
        if (run->tag_size > 0) {
            mr_buf_add_char(buf, ':');
            mr_buf_add(buf, run->tag, run->tag_size);
        }
        for (size_t n = 0; n < run->count; n++) {
            mr_buf_printf(buf, ":%llu", (unsigned long long)run->intervals[n].first);
            if (run->intervals[n].past > run->intervals[n].first + 1)
                mr_buf_printf(buf, "-%llu", (unsigned long long)run->intervals[n].past - 1);
        }
    }
}

static void put_le64(struct mr_buf *buf, uint64_t number)
{
    mr_buf_add(buf, &number, 8);
}

void mr_my_gtids_encode(const struct mr_my_gtids *set, struct mr_buf *buf)
{
    bool tagged = false;

    for (size_t i = 0; i < set->run_count; i++)
        tagged |= set->runs[i].tag_size > 0;
    put_le64(buf, tagged ? 1ULL << 56 | (uint64_t)set->run_count << 8 | 1 : set->run_count);
    for (size_t i = 0; i < set->run_count; i++) {
        const struct mr_my_gtid_run *run = &set->runs[i];
        mr_buf_add(buf, run->uuid, 16);
        if (tagged) {
            mr_my_varint_put(buf, run->tag_size);
            mr_buf_add(buf, run->tag, run->tag_size);
        }
        put_le64(buf, run->count);
        for (size_t n = 0; n < run->count; n++) {
            put_le64(buf, run->intervals[n].first);
            put_le64(buf, run->intervals[n].past);
        }
    }
}

static bool good_tag(struct mr_slice text)
{
    if (text.size > MR_MY_TAG_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!(letter(text.data[i]) && (text.data[i] == '_' || text.data[i] & 0x20)) &&
            !(digit && i > 0))
            return false;
    }
    return true;
}

static void decode_source(struct mr_cur *cur, bool tagged, struct mr_my_gtids *set)
{
    const uint8_t *id = mr_cur_take(cur, 16);
    struct mr_slice name = {NULL, 0};
    struct mr_my_gtid_run *run = NULL;
    uint64_t count;

    if (tagged)
        name = mr_cur_bytes(cur, (size_t)mr_my_varint(cur));
    count = mr_cur_le64(cur);
    if (cur->failed || count == 0 || count > mr_cur_left(cur) / 16 || !good_tag(name)) {
        cur->failed = true;
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct mr_my_interval next;
        next.first = mr_cur_le64(cur);
        next.past = mr_cur_le64(cur);
        if (cur->failed || next.first == 0 || next.past <= next.first || next.past > NUMBER_MAX) {
            cur->failed = true;
            return;
        }
        run = run ? run : mr_my_gtids_run(set, id, name);
        mr_my_run_add(run, next);
    }
}

bool mr_my_gtids_decode(struct mr_my_gtids *set, struct mr_slice bytes)
{
    struct mr_cur cur = mr_cur(bytes);
    uint64_t count = mr_cur_le64(&cur);
    bool tagged = count >> 56 == 1;

    mr_my_gtids_clear(set);
    set->mariadb = false;
    if (tagged)
        count = count << 8 >> 16;
    if (count > mr_cur_left(&cur) / 40)
        cur.failed = true;
    for (uint64_t i = 0; i < count && !cur.failed; i++)
        decode_source(&cur, tagged, set);
    if (cur.failed || mr_cur_left(&cur) != 0) {
        mr_my_gtids_clear(set);
        return false;
    }
    return true;
}

bool mr_my_gtids_decode_list(struct mr_my_gtids *set, struct mr_slice bytes)
{
    struct mr_cur cur = mr_cur(bytes);
    uint32_t count = mr_cur_le32(&cur) & 0x0fffffff;

    mr_my_gtids_clear(set);
    set->mariadb = true;
    if (cur.failed || count > mr_cur_left(&cur) / 16)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct mr_my_gtid gtid = {.mariadb = true};
        gtid.domain = mr_cur_le32(&cur);
        gtid.server = mr_cur_le32(&cur);
        gtid.number = mr_cur_le64(&cur);
        mr_my_gtids_add(set, &gtid);
    }
    return !cur.failed;
}
