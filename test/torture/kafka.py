"""Torture: PostgreSQL to Kafka, exactly once, under everything that goes wrong, brokers included.

    test/torture/kafka.py --short              60 s, at least 15 kills, one broker
    test/torture/kafka.py --brokers 3          with brokers killed and frozen one at a time
    test/torture/kafka.py --kills 1000         the long form

As torture.py, with a topic of one partition instead of files: its order is the order of the log, so that a
read_committed consumer's view is compared change by change with PostgreSQL's own test_decoding, and replayed with the
tables.
"""
import argparse
import json
import random
import signal
import sys
import time

import torture
from servers.kafka import Kafka

TOPIC = "torture"


class KafkaTorture(torture.Torture):
    def __init__(self, options):
        self.kafka = Kafka(brokers=options.brokers).start()
        super().__init__(options)

    def sink(self):
        return f"""      type: kafka
      brokers: ["{self.kafka.bootstrap}"]
      topic: {TOPIC}
      transaction_timeout: 10s
      commit: {{interval: 5ms, bytes: 64KiB}}
      create_topics: {{partitions: 1}}"""

    def close(self):
        super().close()
        self.kafka.close()

    def broker_killed(self, running):
        broker = self.random.choice(self.kafka.brokers)
        self.kafka.kill9(broker.number)
        if len(self.kafka.brokers) > 1:
            time.sleep(3 * self.random.random())
        self.kafka.start(broker.number)
        self.counts["broker killed"] += 1
        return running

    def broker_frozen(self, running):
        broker = self.random.choice(self.kafka.brokers)
        broker.process.send(signal.SIGSTOP)
        time.sleep(self.random.choice((0.3, 2, 7)))
        broker.process.send(signal.SIGCONT)
        self.counts["broker frozen"] += 1
        return running

    def more_actions(self):
        return [(self.broker_killed, 3), (self.broker_frozen, 6)]

    def delivered(self):
        return self.kafka.consume(TOPIC, seconds=300)

    def parse(self, lines):
        """Numbers as millrace counts them: one a change; a changed key is one change of two events."""
        records, number, last = [], 0, (None, None)
        for message in lines:
            value = json.loads(message.value()) if message.value() is not None else None
            key = json.loads(message.key()) if message.key() is not None else None
            if value is not None:
                this = (value["op"], value["source"]["lsn"])
                number += not (this[0] == "c" and last == ("d", this[1]))
                last = this
            records.append({"topic": TOPIC, "number": number, "key": key, "value": value})
        return records


def main():
    parser = argparse.ArgumentParser(prog="test/torture/kafka.py")
    parser.add_argument("--short", action="store_true", help="60 s and at least 15 kills")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=0, help="go on for at least so long")
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.02, help="mean pause between a writer's transactions")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    parser.add_argument("--only", help="one kind of torment, by the name of its function, until --seconds are over")
    options = parser.parse_args()
    if options.short:
        options.kills, options.seconds = 15, 60
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print(f"torture: seed {options.seed}", flush=True)
    run = KafkaTorture(options)
    try:
        wrong = run.run()
        print(f"torture: {run.seconds:.0f} s, {run.transactions} transactions, {len(run.expected)} changes, "
              f"{dict(run.counts)}")
        for sentence in wrong:
            print(f"torture: WRONG: {sentence}")
        if wrong:
            return 1
        found = torture.prove(run)
        print(f"torture: nothing lost, doubled or reordered; {len(found)} of {len(found)} planted faults found")
    finally:
        run.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
