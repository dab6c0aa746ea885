"""The order of one commit, as the kernel saw it (strace), from PostgreSQL to files:

    fdatasync(segments) -> fdatasync(commit file) -> link(commit file) -> fsync(_millrace) -> standby status

PostgreSQL believes any position it is told and forgets what is below it, so a status may name a position only
after the commit that holds it has become durable.
"""
import dataclasses
import json
import struct

import pytest
import traced
from test_kill_at_call import make, route  # noqa: F401  (fixtures)

CALLS = ("fdatasync", "fsync", "link", "linkat", "rename", "renameat", "renameat2", "sendto", "sendmsg", "write")


def lsn(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def flushed(call):
    """The flush position of a standby status (PostgreSQL manual 55.4); None for any other call."""
    if call.name != "sendto" or call.result < 39:
        return None
    data = call.data()
    return struct.unpack(">Q", data[14:22])[0] if data[:1] == b"d" and data[5:6] == b"r" else None


def chain_of(calls, link):
    """Checks what must have come before a published commit, and returns when it is durable."""
    text = json.loads(open(link.target, "rb").read())
    synced = [call for call in calls if call.name == "fdatasync" and call.result == 0 and call.end < link.begin]
    own = [call for call in synced if call.fd_path().endswith(link.source)]
    assert own, f"{link.target} was linked before its bytes were synced"
    for entry in text["files"]:
        segment = [call for call in synced if call.fd_path().endswith(entry["temporary"])]
        assert segment and segment[-1].end < own[-1].begin, f"segment {entry['name']} was not synced before the commit file"
    folder = [call for call in calls if call.name == "fsync" and call.result == 0 and call.begin > link.end
              and call.fd_path().endswith("/_millrace")]
    assert folder, f"the folder was not synced after {link.target}"
    return folder[0].end, text


def check_order(calls, out):
    """Holds every status against the commits that were durable when it was sent. Returns how many of each there were."""
    durable = []
    for call in calls:
        if call.name not in ("link", "linkat") or call.result != 0:
            continue
        call.source, target = (name.rsplit("/", 1)[-1] for name in call.strings()[:2])
        call.target = out / "_millrace" / target
        end, commit = chain_of(calls, call)
        resume = (commit["checkpoint"].get("source") or {}).get("resume")
        if resume:
            durable.append((end, lsn(resume), commit))
    statuses = [(call, flushed(call)) for call in calls if flushed(call)]
    for call, position in statuses:
        held = max((p for end, p, _ in durable if end < call.begin), default=0)
        assert position <= held, f"told {position:X} when only {held:X} was durable: line {call.begin}"
    return sum(1 for commit in durable if commit[2]["files"]), len({position for _, position in statuses})


def planted(calls):
    """The same calls with one thing wrong each."""
    status = [call for call in calls if flushed(call)][-1]
    links = [call for call in calls if call.name in ("link", "linkat") and call.result == 0]
    first = min(call.begin for call in links)
    yield "no folder synced", [call for call in calls if call.name != "fsync"]
    yield "no file synced", [call for call in calls if call.name != "fdatasync"]
    yield "files synced after the link", [
        dataclasses.replace(call, begin=call.begin + 10**6, end=call.end + 10**6) if call.name == "fdatasync" else call
        for call in calls]
    yield "commit file synced before its segments", [
        dataclasses.replace(call, begin=call.begin - 10**6, end=call.end - 10**6)
        if call.name == "fdatasync" and call.fd_path().endswith(".commit") else call for call in calls]
    yield "the last status sent before the first commit", [
        dataclasses.replace(call, begin=first - 1, end=first - 1) if call is status else call for call in calls]


def test_a_status_follows_its_commit(route):  # noqa: F811
    route.finish()
    trace = route.folder / "trace"
    owner = route.start_traced(traced.command(trace, CALLS))
    for _ in range(5):
        route.load()
        route.wait_delivered(owner)
    assert owner.stop() == 0, owner.tail()
    calls = traced.read(trace, owner.pid)
    commits, told = check_order(calls, route.out)
    assert commits >= 5, "each load makes at least one commit with rows"
    assert told >= 3, "the server was told of progress"
    for fault, wrong in planted(calls):
        with pytest.raises(AssertionError):
            check_order(wrong, route.out)
            print(f"not found: {fault}")
