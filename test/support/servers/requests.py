"""A proxy in front of a broker that knows where Kafka's requests begin and end, and lets the N-th of a kind go wrong.

    proxy = Requests(port)             or Kafka(proxied=Requests).brokers[0].proxy
    proxy.attack("EndTxn", 3, "cut")   the third EndTxn from here on

What may befall a request:

    cut      it does not arrive: the connection is reset
    lose     it arrives, its answer does not: the connection is reset
    delay    it and what follows on its connection arrive half a second late
    repeat   it arrives twice; the second answer is kept from the client
    hold     the connection is reset, and it arrives when the client is far on: `late` seconds after the next request of the
             kind `behind`, from whichever connection

.done is set when it has befallen one; .seen counts the requests of each kind since then, whatever became of them.
"""
import collections
import contextlib
import socket
import struct
import threading
import time

from .proxy import Proxy

KINDS = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 10: "FindCoordinator", 18: "ApiVersions",
         19: "CreateTopics", 22: "InitProducerId", 24: "AddPartitionsToTxn", 26: "EndTxn", 32: "DescribeConfigs",
         75: "DescribeTopicPartitions"}
ACTIONS = ("cut", "lose", "delay", "repeat", "hold")
DELAY = 0.5


def kind_of(frame: bytes) -> str:
    number = struct.unpack_from(">h", frame, 4)[0]
    return KINDS.get(number, str(number))


def frames(sock: socket.socket):
    """Each message with its length in front, until the other side has gone."""
    held = bytearray()
    while True:
        while len(held) < 4 or len(held) < 4 + struct.unpack_from(">i", held)[0]:
            data = sock.recv(1 << 16)
            if not data:
                return
            held += data
        size = 4 + struct.unpack_from(">i", held)[0]
        frame, held = bytes(held[:size]), held[size:]
        yield frame


class Requests(Proxy):
    def __init__(self, target: int, rate: float | None = None):
        self.turn = threading.Condition()
        self.seen = collections.Counter()
        self.done = threading.Event()
        self.delivered = threading.Event()  # what was held
        self.wanted = None
        super().__init__(target, rate)

    def attack(self, kind: str, number: int, action: str, behind: str = "AddPartitionsToTxn", late: float = 0.4):
        assert action in ACTIONS
        with self.turn:
            self.seen.clear()
            self.done.clear()
            self.delivered.clear()
            self.wanted = (kind, number, action, behind, late)

    def peace(self):
        with self.turn:
            self.wanted = None

    def _befalls(self, kind: str):
        """What is to happen to this request: an action, or None."""
        with self.turn:
            self.seen[kind] += 1
            self.turn.notify_all()
            if not self.wanted or self.done.is_set() or self.wanted[:2] != (kind, self.seen[kind]):
                return None
            self.done.set()
            return self.wanted

    def _forward(self, pair):
        client, server = pair
        doubled = collections.Counter()  # correlation ids whose second answer is ours
        threading.Thread(target=self._answers, args=(client, server, doubled), daemon=True).start()
        with contextlib.suppress(OSError, ValueError):
            for frame in frames(client):
                self.flowing.wait()
                befalls = self._befalls(kind_of(frame))
                action = befalls[2] if befalls else None
                if action == "cut":
                    break
                if action == "hold":
                    self._reset(client)
                    self._deliver_late(server, frame, *befalls[3:])
                    break
                if action == "lose":
                    self._reset(client)
                    server.sendall(frame)
                    time.sleep(DELAY)
                    break
                if action == "delay":
                    time.sleep(DELAY)
                if action == "repeat":
                    doubled[frame[8:12]] += 2
                    server.sendall(frame)
                server.sendall(frame)
                self.bytes += len(frame)
        self._end(pair)

    def _answers(self, client, server, doubled):
        with contextlib.suppress(OSError, ValueError):
            for frame in frames(server):
                self.flowing.wait()
                number = frame[4:8]
                if number in doubled:
                    doubled[number] -= 1
                    if doubled[number] == 0:
                        del doubled[number]
                        continue
                client.sendall(frame)
                self.bytes += len(frame)
            self._reset(client)

    def _deliver_late(self, server, frame, behind, late):
        with self.turn:
            before = self.seen[behind]
            self.turn.wait_for(lambda: self.seen[behind] > before or self.closed, 60)
        time.sleep(late)
        server.sendall(frame)
        self.delivered.set()
        time.sleep(DELAY)

    @staticmethod
    def _reset(sock):
        # shutdown wakes the thread that reads from it; with a linger of zero the other side sees a reset.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.shutdown(socket.SHUT_RD)
        with contextlib.suppress(OSError):
            sock.close()

    def _end(self, pair):
        with self.lock:
            if pair in self.pairs:
                self.pairs.remove(pair)
        for sock in pair:
            self._reset(sock)
