"""Folders as the kernel saw them (strace): what is relied on after a crash of the machine was synced before, in this order.

    mkdir out, fsync its parent         whoever made the folder, and wherever it stands
    fsync _millrace                     before a start gives files of the newest commit their names
    mkdir folders of files, fsync       before the commit that names them is linked
"""
import json
import os
import pathlib
import shutil

import pytest
import traced

CONFIG = """
version: 1
pipelines:
  p:
    source: {{type: postgres, dsn: "{dsn}", name: shop, tables: ["public.t"], slot: {slot}, snapshot: no_data}}
    format: {{type: json}}
    sink: {{type: file, directory: {out}, roll: {{age: 100ms}}}}
"""
CALLS = ("fsync", "fdatasync", "link", "linkat", "mkdir", "mkdirat", "rename", "renameat", "renameat2")


def run(db, millrace, out):
    """A run to now under strace, with its calls that succeeded."""
    config = millrace.config(CONFIG.format(dsn=db.dsn, slot=db.name, out=out))
    trace = millrace.folder / "trace"
    trace.unlink(missing_ok=True)
    running = millrace.start("run", "--until", "now", config, prefix=traced.command(trace, CALLS))
    assert running.wait() == 0, running.tail()
    return [call for call in traced.read(trace, running.pid) if call.result == 0]


def synced(calls, folder, after=-1, before=10**9):
    return [call for call in calls if call.name == "fsync" and call.fd_path() == str(folder)
            and after < call.begin and call.end < before]


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key)")


def named(calls, names, text):
    found = [call for call in calls if call.name in names and any(text in part for part in call.strings())]
    assert found, f"no {names} of {text}"
    return found[0]


@pytest.mark.parametrize("given", [False, True], ids=["made by us", "made by somebody else"])
def test_the_parent_of_the_folder_is_synced_before_the_first_commit(db, millrace, table, given):
    out = millrace.folder / "out"
    if given:
        out.mkdir()
    calls = run(db, millrace, out)
    first = named(calls, ("link", "linkat"), ".json")
    assert synced(calls, millrace.folder, before=first.begin), "the entry of out may be lost with everything in it"
    assert synced(calls, out, before=first.begin), "the entry of _millrace may be lost"
    assert synced(calls, out / "_millrace", before=first.begin), "the entry of tmp may be lost"


def test_a_folder_in_the_root_syncs_the_root_and_not_where_we_stand(db, millrace, table):
    out = pathlib.Path(f"/millrace-test-{os.getpid()}")
    try:
        out.mkdir()
    except OSError:
        pytest.skip("the root cannot be written: this needs root")
    out.rmdir()
    try:
        calls = run(db, millrace, out)
        assert synced(calls, "/", before=named(calls, ("link", "linkat"), ".json").begin)
        assert not synced(calls, millrace.folder)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def test_a_start_syncs_the_commits_before_it_gives_files_their_names(db, millrace, table):
    """Killed between the link and the sync: the newest commit is there, but a crash of the machine could take it away."""
    out = millrace.folder / "out"
    run(db, millrace, out)
    db.sql("insert into t values (1)")
    run(db, millrace, out)
    published, = out.rglob("*.jsonl")
    for path in sorted((out / "_millrace").glob("[0-9]*.json"), key=lambda path: int(path.stem), reverse=True):
        if "jsonl" in path.read_text():
            break
        path.unlink()  # position alone: as if they had never been made
    temporary = json.loads(path.read_text())["files"][0]["temporary"]
    published.rename(out / "_millrace" / "tmp" / temporary)
    calls = run(db, millrace, out)
    moved = named(calls, ("rename", "renameat", "renameat2"), published.name)
    assert synced(calls, out / "_millrace", before=moved.begin), f"{path.name} may be lost when its files have their names"


def test_folders_are_there_and_durable_before_the_commit_that_needs_them(db, millrace, table):
    out = millrace.folder / "out"
    run(db, millrace, out)
    db.sql("insert into t values (1)")
    calls = run(db, millrace, out)
    made = named(calls, ("mkdir", "mkdirat"), "shop.public.t")
    links = [call for call in calls if call.name in ("link", "linkat") and call.begin > made.end]
    assert links and synced(calls, out, after=made.end, before=links[0].begin)
