"""A read_committed consumer that reads on, at each call, to the end as it is then; and what it can tell of transactions."""
import uuid

from confluent_kafka import Consumer, KafkaError, TopicPartition

from servers import process

PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError.UNKNOWN_TOPIC_OR_PART)


class Follower:
    """Shares no code with millrace: confluent-kafka, assigned by hand, no group."""

    def __init__(self, bootstrap: str, isolation: str = "read_committed"):
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
                                  "enable.auto.commit": False, "isolation.level": isolation,
                                  "enable.partition.eof": True, "auto.offset.reset": "error",
                                  "fetch.wait.max.ms": 20, "reconnect.backoff.ms": 20, "enable.metrics.push": False})
        self.at = {}        # (topic, partition) -> offset below which everything was read
        self.messages = {}  # topic -> list

    def _partitions(self, names, seconds):
        topics = self.consumer.list_topics(timeout=seconds).topics
        for name in names:
            found = sorted(topics[name].partitions) if name in topics and topics[name].error is None else []
            for number in found:
                if (name, number) not in self.at:
                    self.at[name, number] = 0
                    self.consumer.incremental_assign([TopicPartition(name, number, 0)])
                yield name, number

    def read(self, *names: str, seconds: float = 60) -> list:
        """All messages of these topics up to now, in the order of their offsets; a topic that does not exist has none."""
        goals = {}
        for place in self._partitions(names, seconds):
            end = self.consumer.get_watermark_offsets(TopicPartition(*place), timeout=seconds)[1]
            if end > self.at[place]:
                goals[place] = end

        def done():
            for message in self.consumer.consume(1000, 0.05) if goals else ():
                self._take(message)
            for place, end in list(goals.items()):
                if self.at[place] >= end:
                    del goals[place]
            return not goals

        process.wait_until(done, seconds, f"the ends of {', '.join(names)}", pause=0)
        return [message for name in names for message in self.messages.get(name, [])]

    def keep(self, message):
        """What is kept of a message."""
        return message

    def _take(self, message):
        place, error = (message.topic(), message.partition()), message.error()
        if error is None:
            self.messages.setdefault(place[0], []).append(self.keep(message))
            self.at[place] = message.offset() + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self.at[place] = max(self.at[place], message.offset())
        else:
            assert error.code() in PASSING, error

    def close(self):
        self.consumer.close()
