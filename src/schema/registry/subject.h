/* A schema under its subject: how the subject is named, and the id that the registry gave it. What every format with
 * registered schemas shares: Avro, JSON Schema. */
#pragma once

#include "base/arena.h"
#include "plug/encoder.h"
#include "schema/registry/registry.h"

/* How the subject of a schema is named: Confluent's TopicNameStrategy and its two sisters. */
enum mr_strategy { MR_STRATEGY_TOPIC, MR_STRATEGY_RECORD, MR_STRATEGY_TOPIC_RECORD };
extern const char *const mr_strategies[];

/* A part of an encoder's configuration; MR_SUBJECT_OPTIONS lists it in the encoder's option table. */
struct mr_subject_options {
    struct mr_registry_options registry;
    int key_strategy, value_strategy; /* enum mr_strategy */
};

/* 00 and the id, big-endian; then what a kind of schema needs besides (Protobuf: which message of the text). */
#define MR_FRAME_ID  5
#define MR_FRAME_MAX 32

/* name is NULL where there is no schema (the key of a table without one). In the arena it was made in.
 * MR_FRAME_ID <= frame_size <= MR_FRAME_MAX, or 0 without a name. */
struct mr_subject {
    char *name;
    struct mr_schema schema;
    uint32_t id; /* 0: not known yet */
    uint32_t frame_size;
    char frame[MR_FRAME_MAX]; /* what stands before every value */
};

/* `record` is the schema's full name. Copies the text; references live as long as the arena. */
void mr_subject_make(struct mr_arena *arena, const struct mr_subject_options *options,
                     const struct mr_schema *schema, struct mr_slice topic, struct mr_slice record,
                     bool key, struct mr_subject *ret_subject);
/* What stands behind the id in the frame. At most MR_FRAME_MAX - MR_FRAME_ID bytes. */
void mr_subject_frame(struct mr_subject *subject, struct mr_slice behind);
/* Asks for the id unless it is known, and fills the frame. Errors as of mr_registry_id. */
int mr_subject_resolve(struct mr_subject *subject, struct mr_registry *registry,
                       struct mr_err *err) MR_MUST_CHECK;
/* For an encoder's plan(): what would become of the schema. Does nothing where there is none. */
int mr_subject_plan(const struct mr_subject *subject, struct mr_registry *registry,
                    void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                    struct mr_err *err) MR_MUST_CHECK;

/* Rows for an encoder's option table; `member` is its struct mr_subject_options, registry_flags are the flags of
 * the group `registry`. */
#define MR_SUBJECT_OPTIONS(config, member, registry_flags)                                         \
    {.key = "registry",                                                                            \
     .type = MR_OPTION_GROUP,                                                                      \
     .flags = registry_flags,                                                                      \
     .offset = offsetof(config, member.registry),                                                  \
     .group = mr_registry_option_table,                                                            \
     .doc = "Where schemas are registered."},                                                      \
        {.key = "key_subject_name_strategy",                                                       \
         .type = MR_OPTION_ENUM,                                                                   \
         .offset = offsetof(config, member.key_strategy),                                          \
         .standard = "topic_name",                                                                 \
         .choices = mr_strategies,                                                                 \
         .doc = "The subject of key schemas: <topic>-key, the record's full name, or "             \
                "<topic>-<record>."},                                                              \
    {                                                                                              \
        .key = "value_subject_name_strategy", .type = MR_OPTION_ENUM,                              \
        .offset = offsetof(config, member.value_strategy), .standard = "topic_name",               \
        .choices = mr_strategies,                                                                  \
        .doc = "The subject of value schemas. When several tables share a topic, topic_name "      \
               "makes their schemas fight; choose topic_record_name."                              \
    }
