/* Rendering and reading the checkpoint object.
 *
 * The sink treats the text as opaque bytes and stores it beside the data by one atomic act; this file is the
 * only place that knows its fields. The source's part is kept verbatim as compact JSON: the engine never looks
 * into it, it only carries it from the source to the sink and, after a restart, back. Unknown fields are
 * ignored, so that an older millrace reads what a newer one of the same format wrote; another format number is
 * refused, because guessing at a position would be stepping over a hole. */
#include "engine/progress/checkpoint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define FORMAT       1
#define SOURCE_LIMIT (16u << 20)

void mr_checkpoint_init(struct mr_checkpoint *checkpoint)
{
    memset(checkpoint, 0, sizeof *checkpoint);
    mr_buf_init(&checkpoint->source, SOURCE_LIMIT);
    mr_buf_init(&checkpoint->encoder, SOURCE_LIMIT);
    mr_buf_init(&checkpoint->kept, SOURCE_LIMIT);
}

void mr_checkpoint_done(struct mr_checkpoint *checkpoint)
{
    mr_buf_done(&checkpoint->source);
    mr_buf_done(&checkpoint->encoder);
    mr_buf_done(&checkpoint->kept);
}

/* A buffer that was full has refused what came after: half a position must not be stored. */
static int check_whole(const struct mr_checkpoint *checkpoint, const struct mr_buf *text,
                       struct mr_err *err)
{
    const struct mr_buf *full = checkpoint->source.failed    ? &checkpoint->source
                                : checkpoint->encoder.failed ? &checkpoint->encoder
                                : checkpoint->kept.failed    ? &checkpoint->kept
                                : text->failed               ? text
                                                             : NULL;

    if (!full)
        return 0;
    mr_err_set(err, MR_CONFIG, "checkpoint.too_large",
               "the checkpoint of pipeline %s passes %zu bytes: position %zu%s, schema ids %zu%s",
               checkpoint->pipeline, full->limit, checkpoint->source.size,
               checkpoint->source.failed ? " and more" : "", checkpoint->encoder.size,
               checkpoint->encoder.failed ? " and more" : "");
    mr_err_hint(err, "Nothing of it was stored. It grows with the tables that a snapshot has read: "
                     "divide the tables among several pipelines.");
    return MR_CONFIG;
}

int mr_checkpoint_render(const struct mr_checkpoint *checkpoint, struct mr_buf *ret_text,
                         struct mr_err *err)
{
    char now[40];

    mr_clock_format(mr_clock_wall_us(), now);
    mr_buf_printf(ret_text, "{\"format\":%d,\"pipeline\":", FORMAT);
    mr_json_add_str(ret_text, mr_slice_str(checkpoint->pipeline));
    mr_buf_add_str(ret_text, ",\"owner\":");
    mr_json_add_str(ret_text, mr_slice_str(checkpoint->owner));
    mr_buf_printf(ret_text, ",\"start\":%llu,\"number\":%llu,\"time\":\"%s\",\"source\":",
                  (unsigned long long)checkpoint->start, (unsigned long long)checkpoint->number,
                  now);
    if (checkpoint->source.size > 0)
        mr_buf_add_slice(ret_text, mr_buf_slice(&checkpoint->source));
    else
        mr_buf_add_str(ret_text, "null");
    if (checkpoint->encoder.size > 0) {
        mr_buf_add_str(ret_text, ",\"encoder\":");
        mr_buf_add_slice(ret_text, mr_buf_slice(&checkpoint->encoder));
    }
    if (checkpoint->kept.size > 0) {
        mr_buf_add_str(ret_text, ",\"kept\":");
        mr_buf_add_slice(ret_text, mr_buf_slice(&checkpoint->kept));
    }
    mr_buf_add_char(ret_text, '}');
    return check_whole(checkpoint, ret_text, err);
}

static int unreadable(struct mr_err *err, const char *why)
{
    mr_err_set(err, MR_CONFIG, "checkpoint.unreadable", "the sink's checkpoint cannot be read: %s",
               why);
    mr_err_trait(err, MR_TRAIT_UNREADABLE);
    mr_err_hint(
        err,
        "If it was written by a newer millrace, run that version. To start from a position you "
        "know: millrace checkpoint set.");
    return MR_CONFIG;
}

static int copy_text(const json_t *object, const char *key, char *ret_text, size_t room)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text || strlen(text) >= room)
        return -1;
    snprintf(ret_text, room, "%s", text);
    return 0;
}

/* An object below `key` as compact text; absent and null are no object and no failure. */
static int take_object(const json_t *object, const char *key, struct mr_buf *ret_text)
{
    json_t *part = json_object_get(object, key);
    char *text;

    mr_buf_clear(ret_text);
    if (!part || json_is_null(part))
        return 0;
    if (!json_is_object(part))
        return -1;
    text = json_dumps(part, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (!text)
        return -1;
    mr_buf_add_str(ret_text, text);
    free(text);
    return ret_text->failed ? -1 : 0;
}

static int take_fields(const json_t *object, struct mr_checkpoint *ret_checkpoint,
                       struct mr_err *err)
{
    if (json_integer_value(json_object_get(object, "format")) != FORMAT)
        return unreadable(err, "its format is not 1");
    if (copy_text(object, "pipeline", ret_checkpoint->pipeline, sizeof ret_checkpoint->pipeline) <
            0 ||
        copy_text(object, "owner", ret_checkpoint->owner, sizeof ret_checkpoint->owner) < 0)
        return unreadable(err, "pipeline or owner is missing");
    ret_checkpoint->start = (uint64_t)json_integer_value(json_object_get(object, "start"));
    ret_checkpoint->number = (uint64_t)json_integer_value(json_object_get(object, "number"));
    if (take_object(object, "source", &ret_checkpoint->source) < 0)
        return unreadable(err, "its source is not an object, or too large");
    if (take_object(object, "encoder", &ret_checkpoint->encoder) < 0)
        return unreadable(err, "its encoder is not an object, or too large");
    if (take_object(object, "kept", &ret_checkpoint->kept) < 0)
        return unreadable(err, "what it keeps is not an object, or too large");
    return 0;
}

int mr_checkpoint_parse(struct mr_slice text, struct mr_checkpoint *ret_checkpoint,
                        struct mr_err *err)
{
    json_error_t problem;
    json_t *object = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &problem);
    int rc;

    if (!object)
        return unreadable(err, problem.text);
    rc = json_is_object(object) ? take_fields(object, ret_checkpoint, err)
                                : unreadable(err, "it is not a JSON object");
    json_decref(object);
    return rc;
}
