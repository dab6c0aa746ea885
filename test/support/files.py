"""Reads what the file sink published, independently of millrace: the commit files, and the lines in commit order."""
import gzip
import hashlib
import json
import pathlib
import time


def commits(directory) -> list[dict]:
    """The commit files by number; each must carry the hash of the one before."""
    meta, texts = pathlib.Path(directory) / "_millrace", {}
    for path in sorted(meta.glob("*.jsonl.gz")):
        for number, line in enumerate(gzip.decompress(path.read_bytes()).splitlines(keepends=True), int(path.name[:20])):
            texts[number] = line
    for path in sorted(meta.glob("[0-9]*.json")):
        texts[int(path.stem)] = path.read_bytes()
    previous = "0" * 64
    for number, (n, text) in enumerate(sorted(texts.items()), 1):
        assert n == number == json.loads(text)["n"], f"commit {number} is missing"
        assert json.loads(text)["previous"] == previous, f"commit {n} does not continue the one before"
        previous = hashlib.sha256(text).hexdigest()
    return [json.loads(text) for _, text in sorted(texts.items())]


def content_of(path, patience=5) -> bytes:
    """A file is committed before it is moved to its place: a reader beside a running pipeline waits for it."""
    end = time.monotonic() + patience
    while True:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.02)


def csv_rows(text: str) -> list[list]:
    """The records of a CSV text; None where a field is empty and not quoted. Strict: what RFC 4180 does not allow fails."""
    rows, row, at = [], [], 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while text[end] != '"' or text[end + 1] == '"':
                end += 2 if text[end] == '"' else 1
            field, at = text[at + 1:end].replace('""', '"'), end + 1
        else:
            end = min(place for place in (text.find(",", at), text.find("\n", at)) if place >= 0)
            field, at = text[at:end] or None, end
            assert '"' not in (field or ""), field
        row.append(field)
        assert text[at] in ",\n", f"{text[at:at + 20]!r} behind a field"
        if text[at] == "\n":
            rows.append(row)
            row = []
        at += 1
    assert not row, "the last record does not end"
    return rows


def records_of(commit, entry, content) -> list:
    """The records of one published file: its lines, or CSV rows as dicts of the header's names."""
    if commit.get("content") != "csv":
        assert content.endswith(b"\n"), entry
        return content.splitlines()
    header, *rows = csv_rows(content.decode())
    names = [column["name"] for column in entry.get("columns", [])]
    assert header[3:] == names or header == ["__op", "__number", "prefix", "content"], (header, names)
    assert all(len(row) == len(header) for row in rows), entry
    about = {"__table": entry.get("table"), "__stream": entry["stream"],
             "__numbers": [column["name"] for column in entry.get("columns", []) if column["type"] in ("int4", "int8")]}
    return [dict(zip(header, row)) | about for row in rows]


def published(directory):
    """(number of the commit, name of the file, its lines), in the order of the commits. Checks each file's bytes, records
    and checksum."""
    directory, named = pathlib.Path(directory), set()
    # Before the commits are read: what stands there now must be named by one of them.
    standing = {str(p.relative_to(directory)) for p in directory.rglob("*")
                if p.is_file() and p.relative_to(directory).parts[0] != "_millrace"}
    for commit in commits(directory):
        for entry in commit["files"]:
            content = content_of(directory / entry["name"])
            assert len(content) == entry["bytes"], entry
            assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry
            if entry["name"].endswith(".gz"):
                content = gzip.decompress(content)
            records = records_of(commit, entry, content)
            assert len(records) == entry["records"], entry
            assert entry["name"] not in named, f"{entry['name']} is published twice"
            named.add(entry["name"])
            yield commit["n"], entry["name"], records
    assert standing <= named, f"files that no commit names: {standing - named}"


def lines(directory) -> list[bytes]:
    """All published lines in the order of their commits."""
    return [line for _, _, found in published(directory) for line in found]


def events(directory) -> list[dict]:
    return [event_of(line) for line in lines(directory)]


def event_of(record) -> dict:
    """A line as JSON; a CSV row in the shape of an event, with id as a number."""
    if not isinstance(record, dict):
        return json.loads(record)
    row = {name: value for name, value in record.items() if not name.startswith("__")}
    if "id" in row:
        row["id"] = int(row["id"])
    table, op = record["__table"], record["__op"]
    return {"op": op, "source": {"table": table and table.split(".", 1)[1]}, "number": int(record["__number"]),
            "before": row if op == "d" else None, "after": None if op == "d" else row}


def digest(directory) -> dict[str, str]:
    """Everything a reader may see: each file outside tmp with the hash of its content."""
    directory, found = pathlib.Path(directory), {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_file() and name.parts[:2] != ("_millrace", "tmp"):
            found[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
