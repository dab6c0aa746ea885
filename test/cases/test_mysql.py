"""Small inputs that gave others trouble, each with its right outcome, on every server that it is for.

MILLRACE_CASES names the folder that holds mysql/NN-name (default: ../shared/cases beside the repository). Its README tells
the notation; casebook.py plays and judges.
"""
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import casebook  # noqa: E402
from servers.mariadb import MariaDB  # noqa: E402
from servers.mysql import MySQL  # noqa: E402

ROOT = HERE.parents[1]
FOLDER = pathlib.Path(os.environ.get("MILLRACE_CASES") or ROOT.parent / "shared" / "cases") / "mysql"
KINDS = {"mysql": MySQL, "mariadb": MariaDB, "mariadb-11.4": lambda **options: MariaDB(release="11.4", **options)}
CASES = [pytest.param(path.parent, kind, id=f"{path.parent.name}-{kind}") for path in sorted(FOLDER.glob("*/right.txt"))
         for kind in KINDS if casebook.plays(path.parent, kind)]


@pytest.fixture(scope="session")
def shared():
    """shared(kind): the server of that kind for all cases that want nothing special."""
    running = {}

    def get(kind):
        if kind not in running:
            running[kind] = KINDS[kind]().start()
        return running[kind]

    yield get
    for server in running.values():
        server.close()


@pytest.mark.parametrize("case, kind", CASES or [pytest.param(None, None, id="none", marks=pytest.mark.skip(
    reason=f"no cases at {FOLDER}: name the folder above with MILLRACE_CASES"))])
def test_case(case, kind, shared, tmp_path):
    special = casebook.options(case)
    server = KINDS[kind](environment=casebook.environment(case), **special).start() if special else shared(kind)
    try:
        faults = casebook.Play(case, server, kind, tmp_path).run()
        assert not faults, f"{case.name} on {kind}\n  " + "\n  ".join(faults)
    finally:
        server.close() if special else casebook.clean(server)
