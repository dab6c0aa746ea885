"""Kill -9 before each call with an outside effect, on the route from PostgreSQL to files (support/sweeps.py).

Every build tries every call of a first start and of a load, and a sample of the rest, whose seed is printed. MILLRACE_FULL
tries every call in all tests (nine minutes), MILLRACE_QUICK a sample in all (one minute).
"""
import errno
import functools
import json

import files
import killat
import pytest
import sweeps

# One file for all, in which the order of everything can be seen; and several to be moved after each commit.
ONE = 'path: "all+{sequence}.jsonl"'
ROWS = 'content: csv\n      path: "{topic}+{sequence}.csv"'
MANY = 'path: "{topic}/{date}/{topic}+{sequence}.jsonl"\n      compression: gzip'


class FileRoute(sweeps.Route):
    def __init__(self, *arguments, layout=ONE, **more):
        self.layout = layout
        super().__init__(*arguments, **more)
        self.out.mkdir()

    @property
    def out(self):
        return self.folder / "out"

    def sink(self):
        return f"""      type: file
      directory: {self.out}
      roll: {{bytes: 4KiB, age: 100ms}}
      {self.layout}"""

    def events(self):
        return files.events(self.out)

    def delivered(self):
        try:
            return super().delivered()
        except FileNotFoundError:  # committed, but not yet moved to its place
            return False

    def digest(self):
        return files.digest(self.out)

    def order(self, change):
        # Across topics the order is that of the commits; within one it is exact.
        return change[0] if self.layout != ONE else None

    def claimed(self, calls):
        return "link" in [call.name for call in calls]

    def check_state(self, why):
        super().check_state(why)
        self.check_reads(why)

    def check_reads(self, why):
        """A table's rows were read once: all in the commit whose position first calls it finished, none in another."""
        finished, read = {}, {}
        for commit in files.commits(self.out):
            source = commit["checkpoint"]["source"] or {}
            for table, view in source.get("snapshot", {}).get("done", {}).items():
                assert finished.setdefault(table, (commit["n"], view))[1] == view, f"{why}: {table} has two views"
            if "resume" in source and not source.get("snapshot", {}).get("active"):
                # All are; those of the slot's own view need not be remembered any more.
                for table in ("public.items", "public.other"):
                    finished.setdefault(table, (commit["n"], source["resume"]))
        for n, _, lines in files.published(self.out):
            for event in map(files.event_of, lines):
                if event["op"] == "r":
                    read.setdefault("public." + event["source"]["table"], set()).add(n)
        for table, commits in read.items():
            assert commits == {finished[table][0]}, f"{why}: {table} was read in {commits}, finished in {finished[table][0]}"

    def verify(self):
        """millrace's own judgement of the folder."""
        verify = self.millrace.run("files", "verify", self.out)
        assert verify.popen.returncode == 0, verify.tail()


@pytest.fixture
def make(db, millrace):
    return functools.partial(FileRoute, db, millrace)


@pytest.fixture
def route(make):
    made = make()
    yield made
    made.close()


def test_killed_before_each_call_of_a_first_start(make):
    """The claim, the publication, the slot: whatever was made, the next start goes on from it."""
    sweeps.kill_in_a_first_start(make)


def test_killed_before_each_call_of_a_snapshot(make, db):
    sweeps.kill_in_a_snapshot(make, db)


def test_killed_before_each_call_of_a_load(route):
    sweeps.kill_in_a_load(route)


def test_killed_before_each_call_with_several_files_a_commit(make):
    route = make(layout=MANY)
    sweeps.kill_in_a_load(route, sample=True)
    route.close()


def test_killed_before_each_call_with_rows(make):
    """A sink that takes changes: no encoder, and files that begin with a header."""
    route = make(layout=ROWS, form="")
    sweeps.kill_in_a_load(route, sample=True)
    route.close()


def test_killed_before_each_call_of_a_snapshot_with_rows(make, db):
    sweeps.kill_in_a_snapshot(functools.partial(make, layout=ROWS, form=""), db)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
def test_failed_calls_lose_and_double_nothing(route, error):
    """Each call on the files fails once: tried again, or the run ends and the next one repairs it."""
    route.finish()
    for number in killat.numbers(sample=True):
        route.load()
        env = route.attack.fail(number, error) | {"MILLRACE_KILLAT_CALLS": "open,write,fdatasync,fsync,link,rename,unlink,mkdir"}
        running = route.run(env)
        count = len(route.attack.calls())
        route.finish()
        route.check(f"failed: {sweeps.last_call(route)}; exit {running.popen.returncode}")
        if count < number:
            break
    route.verify()


def test_a_zombie_changes_nothing(route):
    sweeps.stop_in_a_load(route, sample=True)


@pytest.mark.parametrize("snapshot", ["no_data", "initial"])
def test_two_first_starts(make, db, snapshot):
    sweeps.two_first_starts(make, db, snapshot)
