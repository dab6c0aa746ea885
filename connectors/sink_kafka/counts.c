/* How many partitions each topic had when the position was committed.
 *
 * A record's partition follows from its key and that number, so whoever goes on after us needs both to know whether the
 * order of a key still holds. The engine's text stays what it is: we add a field to its object when it is stored and
 * take it out when it is read, and whoever reads the record in Kafka, or `checkpoint show`, sees one object.
 *
 * Added by hand, because it happens with each commit; taken out by a parser, because it happens once a start. */
#include "connectors/sink_kafka/counts.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/json.h"

void mr_kafka_counts_add(const struct mr_kafka_topics *topics, struct mr_buf *text)
{
    const struct mr_kafka_topic *topic;
    bool empty = text->size == 2, first = true;
    struct mr_slice name;
    size_t at = 0;

    if (text->size < 2 || text->data[text->size - 1] != '}')
        return;
    text->size--;
    while ((topic = mr_map_next(&topics->by_name, &at, &name, NULL))) {
        int partitions = topic->partitions ? topic->partitions : topic->recorded;
        if (partitions == 0)
            continue;
        mr_buf_add_str(text, !first ? "," : empty ? "\"partitions\":{" : ",\"partitions\":{");
        mr_json_add_str(text, name);
        mr_buf_add_char(text, ':');
        mr_json_add_i64(text, partitions);
        first = false;
    }
    mr_buf_add_str(text, first ? "}" : "}}");
}

void mr_kafka_counts_take(struct mr_kafka_topics *topics, struct mr_buf *text)
{
    json_t *object = text->size ? json_loadb(text->data, text->size, 0, NULL) : NULL;
    json_t *counts = json_object_get(object, "partitions"), *count;
    const char *name;

    if (json_is_object(counts)) {
        if (topics) {
            json_object_foreach(counts, name, count)
            {
                if (json_integer_value(count) > 0 && json_integer_value(count) < 1 << 20)
                    mr_kafka_topics_recall(topics, mr_slice_str(name),
                                           (int)json_integer_value(count));
            }
        }
        json_object_del(object, "partitions");
        char *rest = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
        mr_buf_clear(text);
        mr_buf_add_str(text, rest);
        free(rest);
    }
    json_decref(object);
}
