/* How many partitions each topic had when the position was committed, and which topic it was.
 *
 * A record's partition follows from its key and that number, so whoever goes on after us needs both to know whether
 * the order of a key still holds. A topic's id tells whether it is the one that holds what was delivered. The engine's
 * text stays what it is: we add a field to its object when it is stored and take it out when it is read, and whoever
 * reads the record in Kafka, or `checkpoint show`, sees one object.
 *
 * Added by hand, because it happens with each commit; taken out by a parser, because it happens once a start. */
#include "connectors/sink_kafka/counts.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/json.h"

/* A field with one member a topic: the number of partitions, or the id. */
static void add_field(const struct mr_kafka_topics *topics, const char *field, bool ids,
                      struct mr_buf *text)
{
    const struct mr_kafka_topic *topic;
    bool first = true;
    struct mr_slice name;
    size_t at = 0;

    while ((topic = mr_map_next(&topics->by_name, &at, &name, NULL))) {
        int partitions = topic->partitions ? topic->partitions : topic->recorded;
        if (ids ? !topic->id[0] : partitions == 0)
            continue;
        if (first)
            mr_buf_printf(text, "%s\"%s\":{", text->data[text->size - 1] == '{' ? "" : ",", field);
        else
            mr_buf_add_char(text, ',');
        first = false;
        mr_json_add_str(text, name);
        mr_buf_add_char(text, ':');
        if (ids)
            mr_json_add_str(text, mr_slice_str(topic->id));
        else
            mr_json_add_i64(text, partitions);
    }
    if (!first)
        mr_buf_add_char(text, '}');
}

void mr_kafka_counts_add(const struct mr_kafka_topics *topics, struct mr_buf *text)
{
    if (text->size < 2 || text->data[text->size - 1] != '}')
        return;
    text->size--;
    add_field(topics, "partitions", false, text);
    add_field(topics, "topic_ids", true, text);
    mr_buf_add_char(text, '}');
}

static void recall(struct mr_kafka_topics *topics, json_t *counts, json_t *ids)
{
    const char *name;
    json_t *value;

    json_object_foreach(counts, name, value)
    {
        if (json_integer_value(value) > 0 && json_integer_value(value) < 1 << 20)
            mr_kafka_topics_recall(topics, mr_slice_str(name), (int)json_integer_value(value));
    }
    json_object_foreach(ids, name, value)
    {
        if (json_is_string(value))
            mr_kafka_topics_recall_id(topics, mr_slice_str(name), json_string_value(value));
    }
}

void mr_kafka_counts_take(struct mr_kafka_topics *topics, struct mr_buf *text)
{
    json_t *object = text->size ? json_loadb(text->data, text->size, 0, NULL) : NULL;
    json_t *counts = json_object_get(object, "partitions"),
           *ids = json_object_get(object, "topic_ids");

    if (json_is_object(counts) || json_is_object(ids)) {
        if (topics)
            recall(topics, counts, ids);
        json_object_del(object, "partitions");
        json_object_del(object, "topic_ids");
        char *rest = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
        mr_buf_clear(text);
        mr_buf_add_str(text, rest);
        free(rest);
    }
    json_decref(object);
}
