"""The reader of published files that other tests trust, proven on planted faults. It needs no server."""
import gzip
import hashlib
import json

import files
import pytest


@pytest.fixture
def folder(tmp_path):
    """Three commits: a claim, two lines, one line."""
    (tmp_path / "_millrace" / "tmp").mkdir(parents=True)
    previous = "0" * 64
    for n, rows in enumerate(([], [1, 2], [3]), 1):
        entries = []
        if rows:
            name, content = f"all+{n}.jsonl", b"".join(b'{"id":%d}\n' % row for row in rows)
            (tmp_path / name).write_bytes(content)
            entries = [{"name": name, "bytes": len(content), "records": len(rows),
                        "sha256": hashlib.sha256(content).hexdigest()}]
        text = json.dumps({"n": n, "previous": previous, "files": entries}).encode() + b"\n"
        (tmp_path / "_millrace" / f"{n:020}.json").write_bytes(text)
        previous = hashlib.sha256(text).hexdigest()
    return tmp_path


def ids(folder):
    return [event["id"] for event in files.events(folder)]


def test_lines_come_in_the_order_of_their_commits(folder):
    (folder / "_millrace" / "tmp" / "half").write_text("not published")
    assert ids(folder) == [1, 2, 3]


def test_archived_commits_are_read_too(folder):
    one = folder / "_millrace" / f"{1:020}.json"
    (folder / "_millrace" / f"{1:020}-{1:020}.jsonl.gz").write_bytes(gzip.compress(one.read_bytes()))
    one.unlink()
    assert ids(folder) == [1, 2, 3]


@pytest.mark.parametrize("plant", [
    lambda f: (f / "all+2.jsonl").write_bytes(b'{"id":1}\n'),
    lambda f: (f / "all+2.jsonl").write_bytes(b'{"id":2}\n{"id":1}\n'),
    lambda f: (f / "all+3.jsonl").write_bytes(b'{"id":3}\n{"id":3}\n'),
    lambda f: (f / "all+3.jsonl").unlink(),
    lambda f: (f / "all+4.jsonl").write_bytes(b'{"id":4}\n'),
    lambda f: (f / "_millrace" / f"{2:020}.json").unlink(),
    lambda f: (f / "_millrace" / f"{1:020}.json").unlink(),
    lambda f: (f / "_millrace" / f"{1:020}.json").write_bytes(b'{"n":1,"files":[]}\n'),
    lambda f: (f / "_millrace" / f"{3:020}.json").rename(f / "_millrace" / f"{4:020}.json"),
], ids=["a line removed", "lines swapped", "a line doubled", "a file gone", "a file nobody named", "a commit gone",
        "the first commit gone", "a commit changed", "a commit renumbered"])
def test_a_planted_fault_is_found(folder, plant):
    plant(folder)
    with pytest.raises((AssertionError, FileNotFoundError, KeyError)):
        files.lines(folder)


def test_the_digest_sees_what_a_reader_sees(folder):
    before = files.digest(folder)
    (folder / "_millrace" / "tmp" / "half").write_text("not published")
    assert files.digest(folder) == before
    (folder / "all+3.jsonl").write_bytes(b"x")
    assert files.digest(folder) != before
