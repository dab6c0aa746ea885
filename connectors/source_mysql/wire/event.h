/* One event of the binary log: its header, and its body as a struct whose slices point into the event's bytes.
 *
 *     u32 time, u8 type, u32 server_id, u32 size, u32 log_pos, u16 flags | body | [u32 crc]     little-endian
 *
 * How a body is read depends on the FORMAT_DESCRIPTION event before it (struct mr_my_format): the vendor, whether a
 * checksum follows, and how wide a table id is. mr_my_event_parse owns nothing, allocates nothing and checks every
 * length; what it accepts has no short field. TABLE_MAP and rows stay raw here: tablemap.h, rows.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "connectors/source_mysql/wire/gtid.h"

/* Numbers of MySQL 5.7 to 9.x and of MariaDB 10.5 to 12.x (by the servers' sources). */
enum mr_my_event_type {
    MR_MY_START_V3 = 1,
    MR_MY_QUERY = 2,
    MR_MY_STOP = 3,
    MR_MY_ROTATE = 4,
    MR_MY_INTVAR = 5,
    MR_MY_APPEND_BLOCK = 9,
    MR_MY_DELETE_FILE = 11,
    MR_MY_RAND = 13,
    MR_MY_USER_VAR = 14,
    MR_MY_FORMAT = 15,
    MR_MY_XID = 16,
    MR_MY_BEGIN_LOAD = 17,
    MR_MY_EXECUTE_LOAD = 18,
    MR_MY_TABLE_MAP = 19,
    MR_MY_WRITE_V1 = 23,
    MR_MY_UPDATE_V1 = 24,
    MR_MY_DELETE_V1 = 25,
    MR_MY_INCIDENT = 26,
    MR_MY_HEARTBEAT = 27,
    MR_MY_IGNORABLE = 28,
    MR_MY_ROWS_QUERY = 29,
    MR_MY_WRITE_V2 = 30,
    MR_MY_UPDATE_V2 = 31,
    MR_MY_DELETE_V2 = 32,
    MR_MY_GTID = 33,
    MR_MY_ANONYMOUS_GTID = 34,
    MR_MY_PREVIOUS_GTIDS = 35,
    MR_MY_TRANSACTION_CONTEXT = 36,
    MR_MY_VIEW_CHANGE = 37,
    MR_MY_XA_PREPARE = 38,
    MR_MY_PARTIAL_UPDATE = 39,
    MR_MY_PAYLOAD = 40,
    MR_MY_HEARTBEAT_V2 = 41,
    MR_MY_GTID_TAGGED = 42,
    MR_MY_AURORA_PADDING = 100,
    MR_MY_MARIA_ANNOTATE = 160,
    MR_MY_MARIA_CHECKPOINT = 161,
    MR_MY_MARIA_GTID = 162,
    MR_MY_MARIA_GTID_LIST = 163,
    MR_MY_MARIA_START_ENCRYPTION = 164,
    MR_MY_MARIA_QUERY_COMPRESSED = 165,
    MR_MY_MARIA_WRITE_V1_COMPRESSED = 166,
    MR_MY_MARIA_UPDATE_V1_COMPRESSED = 167,
    MR_MY_MARIA_DELETE_V1_COMPRESSED = 168,
    MR_MY_MARIA_WRITE_COMPRESSED = 169,
    MR_MY_MARIA_UPDATE_COMPRESSED = 170,
    MR_MY_MARIA_DELETE_COMPRESSED = 171,
    MR_MY_MARIA_PARTIAL_ROW = 172, /* a piece of a rows event: events.h puts them together */
};

#define MR_MY_HEADER_SIZE 19

enum mr_my_event_flags {
    MR_MY_FLAG_IN_USE = 0x01, /* FORMAT: the file was not closed */
    MR_MY_FLAG_THREAD = 0x04, /* a temporary table is in it, or the statement names the session */
    MR_MY_FLAG_ARTIFICIAL = 0x20, /* made for us: takes no room in the file */
    MR_MY_FLAG_IGNORABLE = 0x80,  /* who does not know the type may pass it over */
};

struct mr_my_header {
    uint32_t time; /* seconds since 1970: the statement's begin */
    uint8_t type;  /* enum mr_my_event_type, or a number we do not know */
    uint16_t flags;
    uint32_t server_id;
    uint32_t size;    /* header, body, checksum */
    uint32_t log_pos; /* the event's end in its file, modulo 2^32; 0: not told */
};

/* What the last FORMAT_DESCRIPTION said. Zeroed: none yet. */
struct mr_my_format {
    bool known;
    bool mariadb;
    bool checksum; /* a CRC32 ends every event (but those inside a PAYLOAD) */
    bool verify;   /* and is looked at: set by the user of the struct */
    char version[51];
    uint8_t types;            /* event types it knows */
    uint8_t post_header[255]; /* post_header[type - 1] */
};

/* Why a transaction's rows are not final yet. */
struct mr_my_xid {
    uint32_t format;
    struct mr_slice gtrid, bqual; /* at most 64 bytes each */
};

enum mr_my_alter { MR_MY_ALTER_NONE, MR_MY_ALTER_START, MR_MY_ALTER_COMMIT, MR_MY_ALTER_ROLLBACK };

/* MariaDB GTID event's flags. */
enum mr_my_group_flags {
    MR_MY_GROUP_STANDALONE = 0x01, /* a group of one event: no COMMIT follows */
    MR_MY_GROUP_TRANSACTIONAL = 0x04,
    MR_MY_GROUP_DDL = 0x20,
    MR_MY_GROUP_PREPARED = 0x40,  /* XA PREPARE: xid */
    MR_MY_GROUP_COMPLETED = 0x80, /* XA COMMIT or XA ROLLBACK: xid */
};

/* GTID, ANONYMOUS_GTID, GTID_TAGGED, MariaDB's GTID: a group begins. */
struct mr_my_group {
    struct mr_my_gtid gtid; /* number 0: anonymous */
    uint8_t flags;          /* MariaDB: enum mr_my_group_flags */
    int64_t last_committed, sequence;
    uint64_t commit_us;          /* on the server read from; 0 not told (5.7, MariaDB) */
    uint64_t original_commit_us; /* on the server it was made on */
    uint64_t length;             /* bytes of the whole group, this event included; 0 not told */
    uint32_t version;            /* of the server: 90704; 0 not told */
    uint64_t commit_id;          /* MariaDB: group commit */
    struct mr_my_xid xid;        /* MariaDB, with PREPARED or COMPLETED; gtrid.data NULL: none */
    enum mr_my_alter alter;      /* MariaDB: binlog_alter_two_phase */
    uint64_t alter_start;        /* number of the START of this COMMIT or ROLLBACK */
    uint32_t thread_id;          /* MariaDB 11.x; 0 not told */
};

struct mr_my_query {
    uint32_t thread_id, seconds;
    uint16_t error;
    struct mr_slice database, sql; /* the SQL in the client's character set */
    struct mr_slice compressed;    /* QUERY_COMPRESSED: instead of sql; mr_my_query_text() */
    bool has_sql_mode;
    uint64_t sql_mode;
    uint16_t client_collation, connection_collation, server_collation; /* 0 not told */
    uint64_t ddl_xid;      /* MySQL 8: it is atomic DDL; 0 not told */
    uint32_t microseconds; /* of the header's second */
    enum mr_my_alter alter;
    uint64_t alter_start;
};

struct mr_my_event {
    struct mr_my_header header;
    struct mr_slice bytes; /* header and body, without the checksum */
    struct mr_slice body;  /* what follows the header */
    bool inner;            /* it stood in a PAYLOAD */
    uint64_t next; /* where the next one begins in its file, beyond 4 GiB too; see events.h */
    union {
        struct {
            uint64_t position;
            struct mr_slice name;
        } rotate;
        struct mr_my_query query;
        struct mr_my_group group;
        uint64_t xid; /* XID */
        struct {
            bool one_phase; /* XA COMMIT ... ONE PHASE: committed, not prepared */
            struct mr_my_xid xid;
        } prepare;
        struct {
            uint16_t kind; /* 1: events are lost */
            struct mr_slice message;
        } incident;
        struct {
            struct mr_slice file; /* {NULL, 0} not told */
            uint64_t position;    /* of the file; modulo 2^32 in version 1 */
        } heartbeat;
        struct mr_slice text; /* ROWS_QUERY, ANNOTATE: SQL */
        struct {
            uint8_t compression; /* 0 zstd, 255 none */
            uint64_t size, full_size;
            struct mr_slice data;
        } payload;
        /* PREVIOUS_GTIDS: mr_my_gtids_decode; GTID_LIST: mr_my_gtids_decode_list */
        struct mr_slice gtids;
        struct mr_my_format format; /* as it will be in force */
    };
};

/* The header alone. False: fewer than 19 bytes, or a size below that. */
bool mr_my_header_parse(struct mr_slice bytes, struct mr_my_header *ret_header);
void mr_my_header_put(struct mr_buf *buf, const struct mr_my_header *header);

/* "WRITE_ROWS", ...; "event 99" is not made here: NULL for a number nobody knows. */
const char *mr_my_event_name(uint8_t type);
/* True when nobody loses anything by passing it over. */
bool mr_my_event_harmless(uint8_t type);

/* MR_RETRY source.protocol, with the event's number, name and place. */
int mr_my_broken(const struct mr_my_header *header, const char *what, struct mr_err *err);
/* MR_RETRY source.checksum unless both are equal. */
int mr_my_checksum(const struct mr_my_header *header, uint32_t computed, uint32_t stored,
                   struct mr_err *err) MR_MUST_CHECK;
