/* What a verb needs to ask a pipeline's connectors something without running it: a context, the arguments of
 * source and sink, and the checkpoint that the sink holds. */
#pragma once

#include "base/map.h"
#include "cli/cli.h"
#include "engine/progress/checkpoint.h"

struct mr_inspect {
    const struct mr_pipeline_config *config;
    struct mr_context context;
    struct mr_counters counters;
    atomic_bool stopping;
    struct mr_notes notes; /* where notes of the connectors go: into context */
    struct mr_source_args source;
    struct mr_sink_args sink;
    struct mr_buf text;              /* the checkpoint as the sink holds it; size 0 = none */
    struct mr_checkpoint checkpoint; /* of it, when it could be read */
    struct mr_arena arena;           /* of the topics that sink.topics shows */
    struct mr_map topic_places;      /* by name -> place in topics, from 1 on */
    struct mr_sink_topic *topics;
    size_t topic_capacity;
};

void mr_inspect_init(struct mr_inspect *inspect, const struct mr_pipeline_config *config,
                     const char *state_directory, struct mr_notes notes);
void mr_inspect_done(struct mr_inspect *inspect);
/* Reads the checkpoint into inspect->text and inspect->checkpoint, and lets source.resume point to it. A sink
 * that keeps none (stdout, null) is no failure: text stays empty. */
int mr_inspect_checkpoint(struct mr_inspect *inspect, struct mr_err *err) MR_MUST_CHECK;

/* What became of trying transforms, topics and format on the source's tables. */
struct mr_inspect_tables {
    const struct mr_findings *findings; /* one failure a table at most */
    /* `schema plan`: the format is asked for its schemas, and its registry for what it thinks of them; NULL: not. */
    void (*each)(void *user, const struct mr_subject_plan *subject);
    void *user;
    bool perhaps; /* while `each` runs: of logical messages, which may never come */
    size_t count, fit;
};
/* Opens the source, which changes nothing, and tries what the writer would do with each of its tables before the
 * first row. Does nothing where the source cannot show its tables. The topics of what fits are in inspect->sink.topics
 * then, for its preflight. */
int mr_inspect_tables(struct mr_inspect *inspect, struct mr_inspect_tables *tried,
                      struct mr_err *err) MR_MUST_CHECK;
