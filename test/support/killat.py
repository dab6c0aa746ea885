"""Drives killat.so (test/support/killat/killat.c): runs the binary so that it dies, stops or fails at its N-th call.

    attack = killat.Attack(tmp_path)
    for n in killat.numbers():                  # 1, 2, 3 ... or a sample of them
        running = millrace.run("run", config, "--until", "now", env=attack.kill(n))
        if not killat.killed(running): break    # it ended by itself: there is no call n

The log of the calls made (attack.calls()) says before which call it happened.
"""
import dataclasses
import functools
import hashlib
import os
import pathlib
import random
import signal
import subprocess

import pytest

from millrace import binary
from servers import process

STRIDE = 9
REQUESTS = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 10: "FindCoordinator", 18: "ApiVersions",
            19: "CreateTopics", 22: "InitProducerId", 24: "AddPartitionsToTxn", 26: "EndTxn", 32: "DescribeConfigs"}


# The first bytes of what ends one step and begins another.
STEPS = {name: f"........{key:04x}" for key, name in REQUESTS.items()} | {
    "START_REPLICATION": "51........" + b"START_REPLICATION".hex(), "status": "64........72"}


def request(head: bytes) -> str:
    """What a message into a socket asks for, by its first bytes: a request of Kafka, or a message to PostgreSQL."""
    if len(head) >= 8 and head[:1] == b"\0":
        key, version = int.from_bytes(head[4:6], "big"), int.from_bytes(head[6:8], "big")
        if key == 3 and version == 0:
            return "PostgreSQL login"
        return REQUESTS.get(key, "") if version < 30 else ""
    if head[:1] == b"d" and head[5:6] == b"r":
        return "status"
    if head[:1] in (b"Q", b"P"):
        text = head[5:].lstrip(b"\0").split(b"\0")[0].decode(errors="replace")
        return " ".join(text.split()[:3])
    return {b"X": "PostgreSQL goodbye", b"p": "password"}.get(head[:1], "")


@dataclasses.dataclass(frozen=True)
class Call:
    number: int
    name: str
    what: str
    head: bytes = b""  # the first bytes of what goes into a socket

    @property
    def request(self) -> str:
        return request(self.head)

    def __str__(self):
        return f"call {self.number}: {self.name} {self.request or self.what}"


def library() -> pathlib.Path:
    path = binary().parent / "test" / "killat.so"
    if not path.exists():
        path = built()
    if any(runtime in binary().read_bytes() for runtime in (b"__asan_init", b"__tsan_init")):
        pytest.skip("killat.so cannot be preloaded into a build with sanitizers")
    return path


@functools.cache
def built() -> pathlib.Path:
    """A release is built without the test programs: the one file is compiled here, once for each of its versions."""
    source = pathlib.Path(__file__).parent / "killat" / "killat.c"
    path = process.cache() / f"killat-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}.so"
    with process.locked("killat"):
        if not path.exists():
            part = path.with_suffix(".part")
            subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-O1", "-shared", "-fPIC",
                            "-fvisibility=hidden", "-o", part, source], check=True, timeout=60)
            part.rename(path)
    return path


def numbers(first=1, most=3000, sample=False):
    """The call numbers to try: all, or with sample or MILLRACE_QUICK a few, picked by a seed that is printed.

    MILLRACE_FULL tries all everywhere; with MILLRACE_SHARD=2/3 every third, from the second on.
    """
    if os.environ.get("MILLRACE_FULL") or not (sample or os.environ.get("MILLRACE_QUICK")):
        shard, shards = map(int, os.environ.get("MILLRACE_SHARD", "1/1").split("/"))
        for number in range(first + shard - 1, most, shards):
            print(f"killat: call {number}")
            yield number
    else:
        seed = int(os.environ.get("MILLRACE_SEED", random.randrange(1 << 30)))
        print(f"killat: MILLRACE_SEED={seed}")
        dice = random.Random(seed)
        number = first + dice.randrange(STRIDE)
        while number < most:
            print(f"killat: call {number}")
            yield number
            number += 1 + dice.randrange(2 * STRIDE)
    raise AssertionError(f"still killed at call {most}: the program makes no end, or the test's load is too large")


def killed(running) -> bool:
    return running.popen.returncode == -signal.SIGKILL


class Attack:
    def __init__(self, folder):
        self.log = pathlib.Path(folder) / "killat.log"
        self.head = None  # only messages that begin so are numbered: see STEPS

    def _env(self, **more) -> dict[str, str]:
        self.log.unlink(missing_ok=True)
        return {"LD_PRELOAD": str(library()), "MILLRACE_KILLAT_NAME": "millrace", "MILLRACE_KILLAT_LOG": str(self.log),
                **({"MILLRACE_KILLAT_HEAD": self.head} if self.head else {}),
                **{key: str(value) for key, value in more.items()}}

    def none(self):
        """Only counts."""
        return self._env()

    def kill(self, number):
        return self._env(MILLRACE_KILLAT=number)

    def stop(self, number):
        return self._env(MILLRACE_STOPAT=number)

    def fail(self, number, error):
        return self._env(MILLRACE_FAILAT=number, MILLRACE_FAILAT_ERRNO=error)

    def fail_while(self, file, calls, error, path=None):
        """Every one of these calls (on paths that contain path) fails for as long as file exists."""
        more = {"MILLRACE_KILLAT_PATH": path} if path else {}
        return self._env(MILLRACE_FAIL_WHILE=file, MILLRACE_KILLAT_CALLS=calls, MILLRACE_FAILAT_ERRNO=error, **more)

    def calls(self) -> list[Call]:
        """What was counted, in order; the last one of a killed run was not made."""
        if not self.log.exists():
            return []
        found = []
        for line in self.log.read_text().splitlines():
            number, name, what = line.split(" ", 2)
            head = b""
            if what.startswith("socket:") and " " in what:
                what, _, text = what.partition(" ")
                head = bytes.fromhex(text)
            found.append(Call(int(number), name, what, head))
        return sorted(found, key=lambda call: call.number)
