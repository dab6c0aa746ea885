/* A heartbeat stands between two transactions, at the end of its batch, so that the batch's position is what is
 * committed with it: a reader of the record has everything up to there. It is made by the reader thread when it is due
 * and the log has been followed, hence none while tables are read, and none while the queue is full.
 *
 * A query of the user's may go with it, which the source runs in its own session first. What that writes comes back
 * through the log like anything else; no record waits for it. When it fails the heartbeat goes out all the same, for it
 * says that we live, and the failure is noted once a minute. */
#include "capture/heartbeat.h"

#include <string.h>

#include "base/clock.h"
#include "schema/names/topic.h"

#define NOTE_NS (60 * MR_SECOND_NS)

int mr_heartbeat_topic(const struct mr_heartbeat_options *options, const char *server,
                       struct mr_arena *arena, struct mr_slice *ret_topic, struct mr_err *err)
{
    const char *topic = options->topic;
    struct mr_table *name;
    int rc;

    *ret_topic = (struct mr_slice){NULL, 0};
    if (options->interval == 0)
        return 0;
    if (strstr(topic, "{table}") || strstr(topic, "{schema}") || strstr(topic, "{database}"))
        return mr_err_set(err, MR_CONFIG, "config.topic_template",
                          "source.heartbeat.topic \"%s\": heartbeats have one topic, it cannot be "
                          "named for a table",
                          topic);
    name = mr_table_new(0);
    name->server = mr_slice_str(server);
    rc = mr_topic_assign(topic, NULL, name, err);
    if (rc == 0)
        *ret_topic = mr_arena_copy(arena, name->topic);
    mr_table_unref(name);
    return rc;
}

int mr_heartbeat_open(struct mr_heartbeats *beats, const struct mr_heartbeat_options *options,
                      const char *server, struct mr_arena *arena, struct mr_err *err)
{
    *beats = (struct mr_heartbeats){.interval_ns = options->interval};
    return mr_heartbeat_topic(options, server, arena, &beats->topic, err);
}

bool mr_heartbeat_due(const struct mr_heartbeats *beats, const struct mr_track *track)
{
    return beats->interval_ns > 0 && !track->open && track->skip == 0 &&
           (beats->last_ns == 0 || mr_clock_mono_ns() - beats->last_ns >= beats->interval_ns);
}

void mr_heartbeat_add(struct mr_heartbeats *beats, const struct mr_track *track,
                      struct mr_batch *batch)
{
    struct mr_milestone *milestone = mr_batch_add_milestone(batch, MR_OP_HEARTBEAT);

    beats->last_ns = mr_clock_mono_ns();
    milestone->number = mr_standing_number(track->standing);
    milestone->heartbeat = MR_ARENA_NEW(&batch->arena, struct mr_heartbeat);
    *milestone->heartbeat = (struct mr_heartbeat){
        .topic = mr_arena_copy(&batch->arena, beats->topic), .time_us = mr_clock_wall_us()};
}

bool mr_heartbeat_failed(struct mr_heartbeats *beats)
{
    int64_t now = mr_clock_mono_ns();

    if (beats->failed_ns != 0 && now - beats->failed_ns < NOTE_NS)
        return false;
    beats->failed_ns = now;
    return true;
}
