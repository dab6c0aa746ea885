/* What a column's values become in an event: Debezium's schema, and the conversion of each value.
 *
 * A form is made once per column and table version from the column's neutral type (model/table.h) and the
 * options that Debezium has for types. Encoders switch on `kind`, or, for every form whose `base` is scalar, let
 * mr_form_plain() turn the value into a BOOL, INT, FLOAT, TEXT or BYTES of that base. Forms live in the arena they
 * were made in. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/match.h"
#include "base/option.h"
#include "model/table.h"
#include "schema/form/connect.h"
#include "schema/form/timetext.h"

enum mr_decimal_mode { MR_DECIMAL_PRECISE, MR_DECIMAL_AS_DOUBLE, MR_DECIMAL_AS_STRING };
enum mr_time_mode {
    MR_TIME_ADAPTIVE,
    MR_TIME_ADAPTIVE_MICROSECONDS,
    MR_TIME_CONNECT,
    MR_TIME_ISOSTRING,
    MR_TIME_MICROSECONDS,
    MR_TIME_NANOSECONDS,
};
enum mr_interval_mode { MR_INTERVAL_NUMERIC, MR_INTERVAL_STRING };
enum mr_binary_mode { MR_BINARY_BYTES, MR_BINARY_BASE64, MR_BINARY_BASE64_URL, MR_BINARY_HEX };
enum mr_hstore_mode { MR_HSTORE_JSON, MR_HSTORE_MAP };
enum mr_failure_mode { MR_FAILURE_FAIL, MR_FAILURE_WARN, MR_FAILURE_SKIP };
enum mr_bigint_mode { MR_BIGINT_LONG, MR_BIGINT_PRECISE };
enum mr_comments_mode { MR_COMMENTS_AUTO, MR_COMMENTS_FALSE, MR_COMMENTS_TRUE };

/* A part of every encoder's configuration; MR_FORM_OPTIONS lists it in the encoder's option table. */
struct mr_form_options {
    int decimal, time, interval, binary, hstore; /* the enums above */
    int failure;                                 /* enum mr_failure_mode */
    int bigint;                                  /* enum mr_bigint_mode */
    int comments;                                /* enum mr_comments_mode */
    bool tiny_booleans;                          /* tinyint(1) is a boolean */
    bool keep_years;      /* dates of the years 1 to 99 as they are, not as two-digit years */
    bool include_unknown; /* columns of types that Debezium drops are kept */
    bool replace_null_with_default; /* a NULL in a column with a default is sent as the default */
    const char *placeholder;        /* what stands for a TOAST value that was not sent */
    int schema_names, field_names;  /* enum mr_name_mode */
    bool native;                    /* Avro's logical types instead of Debezium's semantic ones */
    bool moments_as_text; /* of MySQL, as the server prints them: zero dates and long times too */
    bool whole_scales;    /* a negative scale becomes 0: Avro has none */
    /* Patterns of columns, and of their types, whose source type the schema tells; and compiled, by open. */
    struct mr_option_list propagated, propagated_types;
    struct mr_match *propagate, *propagate_types;
};

/* How names are made legal in Avro, as Debezium's schema.name.adjustment.mode. */
enum mr_name_mode { MR_NAME_NONE, MR_NAME_AVRO, MR_NAME_AVRO_UNICODE };
extern const char *const mr_name_modes[];

/* The adjusted name, in the arena; `dots` are legal in schema names and not in field names. */
struct mr_slice mr_name_adjust(struct mr_arena *arena, struct mr_slice name, enum mr_name_mode mode,
                               bool dots);

extern const char *const mr_form_decimal_modes[],
    *const mr_form_time_modes[], *const mr_form_interval_modes[],
                                     *const mr_form_binary_modes[],
                                         *const mr_form_hstore_modes[],
                                             *const mr_form_failure_modes[],
                                                 *const mr_form_bigint_modes[],
                                                     *const mr_form_comments_modes[];

struct mr_form_mapping;

enum mr_form_kind {
    MR_FORM_DROPPED, /* no field at all */
    MR_FORM_BOOLEAN,
    MR_FORM_INTEGER,
    MR_FORM_FLOAT,
    MR_FORM_STRING, /* the value's own text */
    MR_FORM_BYTES,
    MR_FORM_BASE64, /* bytes as text, three ways */
    MR_FORM_BASE64_URL,
    MR_FORM_HEX,
    MR_FORM_DECIMAL_BYTES, /* Connect's Decimal, `scale` */
    MR_FORM_DECIMAL_FLOAT,
    MR_FORM_DECIMAL_TEXT,
    MR_FORM_DECIMAL_VARIABLE, /* struct scale, value */
    MR_FORM_UUID,
    MR_FORM_DATE,     /* days */
    MR_FORM_DATE_ISO, /* text */
    MR_FORM_TIME_MS,
    MR_FORM_TIME_US,
    MR_FORM_TIME_NS,
    MR_FORM_TIME_ISO,
    MR_FORM_TIMETZ, /* text */
    MR_FORM_TIMESTAMP_MS,
    MR_FORM_TIMESTAMP_US,
    MR_FORM_TIMESTAMP_NS,
    MR_FORM_TIMESTAMP_ISO,
    MR_FORM_TIMESTAMPTZ, /* text with `digits` of fraction */
    MR_FORM_INTERVAL_US,
    MR_FORM_INTERVAL_TEXT,
    MR_FORM_BIT,        /* one bit: boolean */
    MR_FORM_BITS,       /* little-endian bytes */
    MR_FORM_HSTORE_MAP, /* map of optional strings; the value is JSON text */
    MR_FORM_POINT,      /* struct x, y, wkb, srid */
    MR_FORM_LINE,       /* struct a, b, c */
    MR_FORM_CIRCLE,     /* struct center (a point), radius */
    MR_FORM_GEOMETRY,   /* struct wkb, srid, extensions */
    MR_FORM_GEOGRAPHY,  /* struct wkb, srid */
    MR_FORM_SPATIAL,    /* likewise, by Geometry's name */
    MR_FORM_VECTOR,     /* array of doubles, or floats */
    MR_FORM_SPARSE,     /* struct dimensions, vector: map of int16 to double */
    MR_FORM_ARRAY,      /* array of `element` */
};

struct mr_form {
    enum mr_form_kind kind;
    enum mr_connect_type base;
    bool optional;
    int32_t scale, precision; /* DECIMAL_BYTES */
    int32_t digits;           /* TIMESTAMPTZ: digits of the fraction */
    const struct mr_column *column;
    struct mr_slice name;          /* the column's, as field_names says */
    const struct mr_form *element; /* ARRAY */
    /* DATE and TIMESTAMP values below it are not what they look like: slow way. Of finite ones, the least. */
    int64_t least;
    const struct mr_form_mapping *mapping;
    const struct mr_connect *schema; /* NULL when DROPPED */
    /* Values in the model's kinds that stand in for what is missing, converted like any other: */
    struct mr_value filler; /* ABSENT and not optional: the column's default or the type's zero */
    struct mr_value unchanged; /* UNCHANGED: the placeholder; NULL where the type has none */
    struct mr_value standard;  /* NULL when replace_null_with_default asks for it; else kind NULL */
};

/* What is different from one kind of database to the other. */
struct mr_form_mapping {
    /* Which form a column has. */
    enum mr_form_kind (*choose)(const struct mr_column *column,
                                const struct mr_form_options *options);
    /* Its Connect type, where `usual` is that of the kind. */
    enum mr_connect_type (*base)(const struct mr_column *column, enum mr_connect_type usual);
    /* The default that stands in its schema, bytes in the arena or the column's own; kind NULL: none. */
    struct mr_value (*standard)(struct mr_arena *arena, const struct mr_form *form);
    /* What is sent for UNCHANGED, made of the placeholder's text; kind NULL: null. */
    struct mr_value (*unchanged)(struct mr_arena *arena, const struct mr_form *form,
                                 const char *text);
    bool escapes_labels;  /* in `allowed`, a comma or a backslash of a label has one before it */
    bool comments;        /* column comments are docs, if the options do not say otherwise */
    bool declared_types;  /* a column's type is told as it was declared */
    bool two_digit_years; /* the years 1 to 99 of dates are 2001 to 2069 and 1970 to 1999 */
};

extern const struct mr_form_mapping mr_form_postgres, mr_form_mysql, mr_form_mariadb;
/* The one for a table's connector: "mysql", "mariadb", and PostgreSQL's for all others. */
const struct mr_form_mapping *mr_form_mapping_of(struct mr_slice connector);

/* Compiles what is to be compiled in a copy of the user's options. MR_CONFIG config.pattern. */
int mr_form_options_open(struct mr_form_options *options, struct mr_err *err) MR_MUST_CHECK;
void mr_form_options_close(struct mr_form_options *options);

/* Values that became null, or what the schema has in place of null, since begin. */
struct mr_form_losses {
    uint64_t nulled, told;      /* so many; of these, noted by mr_event_nulled */
    const struct mr_form *form; /* of the last */
};

static inline void mr_form_lose(struct mr_form_losses *losses, const struct mr_form *form)
{
    losses->nulled++;
    losses->form = form;
}

/* Fills in a form for the column. */
void mr_form_make(struct mr_arena *arena, const struct mr_form_mapping *mapping,
                  const struct mr_column *column, const struct mr_form_options *options,
                  struct mr_form *ret_form);

/* Adds __debezium.source.column.type, length, scale and name to the form's schema if the options ask for it for this
 * column of this table. */
void mr_form_propagate(struct mr_arena *arena, const struct mr_table *table,
                       const struct mr_form_options *options, struct mr_form *form);

/* A zero or partial date where a day is due: null, or 1970 where null has no place. Whoever writes it counts it. */
static inline bool mr_form_is_no_day(const struct mr_form *form, const struct mr_value *value)
{
    return value->kind == MR_NO_DATE && form->kind != MR_FORM_STRING;
}

/* The value to write where `value` stands: itself, or a stand-in for what is NULL, UNCHANGED or ABSENT. Its kind
 * is NULL or one of the present kinds; NULL where the form is not optional only if the source broke its word. */
static inline const struct mr_value *mr_form_value(const struct mr_form *form,
                                                   const struct mr_value *value)
{
    if (mr_form_is_no_day(form, value) && form->optional)
        return &form->standard;
    if (mr_value_present(value))
        return value;
    if (value->kind == MR_UNCHANGED && form->unchanged.kind != MR_NULL)
        return &form->unchanged;
    if (value->kind == MR_NULL && !form->optional)
        return value;
    return form->optional ? &form->standard : &form->filler;
}

/* Converts a present value of a form with a scalar base. *ret_plain is a BOOL, INT, FLOAT, TEXT or BYTES; its bytes
 * live in the value or in scratch; NULL is only an empty bit string where one bit is declared. MR_DATA, code
 * encode.value: the target type cannot hold it; err says why, without the column's name. */
int mr_form_plain(const struct mr_form *form, const struct mr_value *value, struct mr_buf *scratch,
                  struct mr_day_cache *cache, struct mr_value *ret_plain,
                  struct mr_err *err) MR_MUST_CHECK;

/* The content of a logical message, as binary_handling_mode has it: *ret_plain is BYTES or TEXT. MR_DATA, code
 * encode.value: its text is larger than scratch may be. */
int mr_form_content(const struct mr_form_options *options, struct mr_slice content,
                    struct mr_buf *scratch, struct mr_value *ret_plain,
                    struct mr_err *err) MR_MUST_CHECK;

/* A geometric value (PostgreSQL's, PostGIS' or MySQL's) as little-endian WKB, its own or in scratch, which is cleared
 * first. */
struct mr_slice mr_form_wkb(const struct mr_column *column, const struct mr_geometry *geometry,
                            struct mr_buf *scratch);
/* What Debezium's Point says of a value: PostgreSQL's point has numbers, MySQL's has WKB. */
struct mr_form_point {
    double x, y;
    struct mr_slice wkb; /* the value's own, or in scratch */
    int32_t srid;        /* 0: none */
};
struct mr_form_point mr_form_point(const struct mr_geometry *geometry, struct mr_buf *scratch);
/* The SRID that Geometry and Geography say; -1: null. MySQL's 0 is no reference system. */
int32_t mr_form_srid(const struct mr_form *form, const struct mr_geometry *geometry);
/* "lseg", "box", "path", "polygon": the `type` of Geometry's extensions. */
struct mr_slice mr_form_shape(const struct mr_column *column);

#define MR_FORM_OPTION_ENUM(config, member, field, name, standard_text, text)                      \
    {                                                                                              \
        .key = name, .type = MR_OPTION_ENUM, .offset = offsetof(config, member.field),             \
        .standard = standard_text, .choices = mr_form_##field##_modes, .doc = text                 \
    }

/* Rows for an encoder's option table; `member` is its struct mr_form_options. */
#define MR_FORM_OPTIONS(config, member)                                                            \
    MR_FORM_OPTION_ENUM(config, member, decimal, "decimal_handling_mode", "precise",               \
                        "How numeric columns are sent: precise (Connect Decimal, exact), double "  \
                        "(may lose digits) or string."),                                           \
        MR_FORM_OPTION_ENUM(config, member, time, "time_precision_mode", "adaptive",               \
                            "How dates and times without a zone are sent: adaptive picks "         \
                            "milliseconds or microseconds by the column's precision."),            \
        MR_FORM_OPTION_ENUM(config, member, interval, "interval_handling_mode", "numeric",         \
                            "How intervals are sent: numeric (microseconds, a month counts "       \
                            "30.4375 days) or string (ISO 8601, exact)."),                         \
        MR_FORM_OPTION_ENUM(config, member, binary, "binary_handling_mode", "bytes",               \
                            "How binary columns are sent: as bytes, or as text in base64, "        \
                            "base64-url-safe or hex."),                                            \
        MR_FORM_OPTION_ENUM(config, member, bigint, "bigint_unsigned_handling_mode", "long",       \
                            "How bigint unsigned columns of MySQL and MariaDB are sent: long (64 " \
                            "bits; numbers above 9223372036854775807 are negative) or precise "    \
                            "(Connect Decimal, scale 0)."),                                        \
        MR_FORM_OPTION_ENUM(config, member, comments, "include_schema_comments", "auto",           \
                            "Whether a column's comment stands in its schema: auto does as "       \
                            "Debezium's connectors do, MariaDB's yes, the others no."),            \
        {.key = "tinyint1_as_boolean",                                                             \
         .type = MR_OPTION_BOOL,                                                                   \
         .offset = offsetof(config, member.tiny_booleans),                                         \
         .standard = "false",                                                                      \
         .doc = "Send tinyint(1) columns of MySQL and MariaDB as booleans, true for what is "      \
                "above 0, as Debezium's TinyIntOneToBooleanConverter does."},                      \
        {.key = "keep_short_years",                                                                \
         .type = MR_OPTION_BOOL,                                                                   \
         .offset = offsetof(config, member.keep_years),                                            \
         .standard = "false",                                                                      \
         .doc = "MySQL and MariaDB: send dates of the years 1 to 99 as they are. false takes "     \
                "them for years of two digits, 2001 to 2069 and 1970 to 1999, as Debezium does "   \
                "(enable.time.adjuster)."},                                                        \
        MR_FORM_OPTION_ENUM(config, member, hstore, "hstore_handling_mode", "json",                \
                            "How hstore columns are sent: as JSON text or as a map."),             \
        MR_FORM_OPTION_ENUM(                                                                       \
            config, member, failure, "event_converting_failure_handling_mode", "fail",             \
            "What to do with a value that its target type cannot hold (NaN in a "                  \
            "precise decimal): fail stops the pipeline, warn sends null, skip "                    \
            "leaves the event out. Each is noted in the log and counted: `nulled` "                \
            "and `skipped` in the log's last lines and in what `run --json` "                      \
            "prints."),                                                                            \
        {.key = "column_propagate_source_type",                                                    \
         .type = MR_OPTION_LIST,                                                                   \
         .offset = offsetof(config, member.propagated),                                            \
         .doc = "Columns (patterns of schema.table.column) whose schema tells the type, length "   \
                "and scale they have in the database, as parameters that table sinks use."},       \
        {.key = "datatype_propagate_source_type",                                                  \
         .type = MR_OPTION_LIST,                                                                   \
         .offset = offsetof(config, member.propagated_types),                                      \
         .doc = "The same for all columns of a type: patterns of schema.table.type, the type as "  \
                "in pg_type (int4, _int4, varchar); of MySQL and MariaDB, database.table.type, "   \
                "the type "                                                                        \
                "in small letters without its numbers (int unsigned)."},                           \
        {.key = "include_unknown_datatypes",                                                       \
         .type = MR_OPTION_BOOL,                                                                   \
         .offset = offsetof(config, member.include_unknown),                                       \
         .standard = "true",                                                                       \
         .doc = "Send columns of types that have no mapping as text; false leaves them out of "    \
                "events and schemas, as Debezium does by default."},                               \
        {.key = "replace_null_with_default",                                                       \
         .type = MR_OPTION_BOOL,                                                                   \
         .offset = offsetof(config, member.replace_null_with_default),                             \
         .standard = "false",                                                                      \
         .doc = "Send a NULL in a column that has a default as that default, as Kafka Connect's "  \
                "converters do by default; consumers then cannot see the NULL."},                  \
    {                                                                                              \
        .key = "unavailable_value_placeholder", .type = MR_OPTION_STRING,                          \
        .offset = offsetof(config, member.placeholder),                                            \
        .standard = "__debezium_unavailable_value",                                                \
        .doc = "Stands for a large value that an update left untouched and PostgreSQL therefore "  \
               "did not send."                                                                     \
    }

/* Two more rows: how schema and field names are made legal; standard_text is the default of both. */
#define MR_NAME_OPTIONS(config, member, standard_text)                                             \
    {.key = "schema_name_adjustment_mode",                                                         \
     .type = MR_OPTION_ENUM,                                                                       \
     .offset = offsetof(config, member.schema_names),                                              \
     .standard = standard_text,                                                                    \
     .choices = mr_name_modes,                                                                     \
     .doc = "How schema names are made legal in Avro: none, avro (other characters become _) or "  \
            "avro_unicode (they become _uXXXX, reversibly)."},                                     \
    {                                                                                              \
        .key = "field_name_adjustment_mode", .type = MR_OPTION_ENUM,                               \
        .offset = offsetof(config, member.field_names), .standard = standard_text,                 \
        .choices = mr_name_modes, .doc = "The same for the names of fields."                       \
    }
