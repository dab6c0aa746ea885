/* Global transaction ids of both vendors, one and many.
 *
 *     MySQL     uuid:number, uuid:tag:number       a set: for each uuid and tag, intervals with holes
 *     MariaDB   domain-server-number               a place: for each domain the last one, in the order of its log
 *
 * A set of ours is either one or the other; `mariadb` says which. What a set contains has been seen; where a server
 * is to go on is the set itself. Sets are ordered only in part: two of them may be APART, which is a hole.
 *
 * Single threaded; a set owns its memory (mr_my_gtids_done); adding the next number of a known source allocates
 * nothing. Invariant of the MySQL form: runs sorted by (uuid, tag), each with at least one interval; intervals
 * sorted, first < past, and past < first of the next one. Of the MariaDB form: domains sorted, each once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/slice.h"
#include "model/position.h"

#define MR_MY_TAG_MAX 32

struct mr_my_gtid {
    bool mariadb;
    uint8_t tag_size; /* 0: none */
    char tag[MR_MY_TAG_MAX];
    uint8_t uuid[16];
    uint32_t domain, server; /* MariaDB */
    uint64_t number;         /* 0: none at all (an anonymous transaction) */
};

/* From `first` up to, not including, `past`. */
struct mr_my_interval {
    uint64_t first, past;
};

struct mr_my_gtid_run {
    uint8_t uuid[16];
    uint8_t tag_size;
    char tag[MR_MY_TAG_MAX];
    struct mr_my_interval *intervals;
    size_t count, capacity;
};

struct mr_my_gtid_domain {
    uint32_t domain, server;
    uint64_t number;
};

struct mr_my_gtids {
    bool mariadb;
    struct mr_my_gtid_run *runs;
    size_t run_count, run_capacity;
    struct mr_my_gtid_domain *domains;
    size_t domain_count, domain_capacity;
};

/* An empty set of one vendor's form. */
void mr_my_gtids_init(struct mr_my_gtids *set, bool mariadb);
void mr_my_gtids_done(struct mr_my_gtids *set);
void mr_my_gtids_clear(struct mr_my_gtids *set);
void mr_my_gtids_copy(struct mr_my_gtids *set, const struct mr_my_gtids *from);
bool mr_my_gtids_empty(const struct mr_my_gtids *set);

/* Adds one; of MariaDB's it becomes its domain's last, whatever was there. number == 0 adds nothing. */
void mr_my_gtids_add(struct mr_my_gtids *set, const struct mr_my_gtid *gtid);
/* Everything of `more`; of MariaDB's the higher number of each domain stays. */
void mr_my_gtids_unite(struct mr_my_gtids *set, const struct mr_my_gtids *more);
/* MariaDB: up to the domain's last. */
bool mr_my_gtids_contain(const struct mr_my_gtids *set, const struct mr_my_gtid *gtid);
bool mr_my_gtids_contain_all(const struct mr_my_gtids *set, const struct mr_my_gtids *part);
/* Takes away what `less` contains. MariaDB: domains that `less` has as far or further are dropped. */
void mr_my_gtids_subtract(struct mr_my_gtids *set, const struct mr_my_gtids *less);
/* MR_BEFORE: b contains all of a and more. MR_APART: neither contains the other, or one is of the other vendor. */
enum mr_order mr_my_gtids_order(const struct mr_my_gtids *a, const struct mr_my_gtids *b);

/* Text: "uuid:1-51:53:tag:1-2,uuid:7" or "0-1-7,2-3-9"; spaces and line ends around parts are allowed; "" is the empty
 * set. On failure the set is empty and the error is MR_CONFIG source.gtid, with `what` in front of it. */
int mr_my_gtids_parse(struct mr_my_gtids *set, struct mr_slice text, const char *what,
                      struct mr_err *err) MR_MUST_CHECK;
void mr_my_gtids_print(const struct mr_my_gtids *set, struct mr_buf *buf);
void mr_my_gtid_print(const struct mr_my_gtid *gtid, struct mr_buf *buf);
int mr_my_gtid_parse(struct mr_my_gtid *gtid, bool mariadb, struct mr_slice text, const char *what,
                     struct mr_err *err) MR_MUST_CHECK;
/* For who builds a set source by source: the run of a source, made when there is none; it must be given an interval.
 * */
struct mr_my_gtid_run *mr_my_gtids_run(struct mr_my_gtids *set, const uint8_t uuid[16],
                                       struct mr_slice tag);
void mr_my_run_add(struct mr_my_gtid_run *run, struct mr_my_interval more);

/* "451b2519-e50a-11f1-b16c-02fc00000001", NUL-terminated. */
void mr_my_uuid_print(const uint8_t uuid[16], char ret_text[37]);
bool mr_my_uuid_parse(struct mr_slice text, uint8_t ret_uuid[16]);

/* MySQL's binary form: of COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS. The tagged form is written only where a tag is. */
void mr_my_gtids_encode(const struct mr_my_gtids *set, struct mr_buf *buf);
/* False when the bytes are no such set; the set is then empty. */
bool mr_my_gtids_decode(struct mr_my_gtids *set, struct mr_slice bytes);
/* The entries of a MariaDB GTID_LIST event: count * (domain, server, number). */
bool mr_my_gtids_decode_list(struct mr_my_gtids *set, struct mr_slice bytes);
