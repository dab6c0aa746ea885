"""Every command in the documentation does what the page says; and the runner that finds that out can fail."""
import os
import pathlib
import re
import subprocess

import pages
import pytest
from millrace import ROOT, binary

PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md")
               if any(what == "run" for what, *_ in pages.blocks(path.read_text())))


@pytest.fixture
def shell(db, millrace, tmp_path):
    """The environment a page's commands run in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "millrace").symlink_to(binary())
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MILLRACE_", "MR_"))}
    return env | {"PATH": f"{folder}:{db.server.bin}:{env['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(db.server.port),
                  "PGUSER": "postgres", "PGDATABASE": db.name, "PGOPTIONS": "-c client_min_messages=warning"}


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT / "docs")) for path in PAGES])
def test_a_page_does_what_it_says(path, shell, tmp_path, request):
    if "kafka" in pages.needs(path.read_text()):
        shell["BROKERS"] = request.getfixturevalue("kafka").bootstrap
    if "registry" in pages.needs(path.read_text()):
        shell["REGISTRY"] = request.getfixturevalue("registry").url
    for kind in {"mysql", "mariadb"} & pages.needs(path.read_text()):
        server = request.getfixturevalue("my_servers")(kind)
        server.client_script(tmp_path / "bin" / kind)
        shell["MYSQL_TCP_PORT"] = str(server.port)
    folder = tmp_path / "work"
    folder.mkdir()
    problems = pages.run(path, folder, shell)
    assert not problems, "\n".join(problems)


def test_there_are_pages_with_commands():
    assert len(PAGES) >= 8


def test_a_page_that_lies_is_found(tmp_path):
    page = tmp_path / "page.md"
    env = {"PATH": os.environ["PATH"]}
    page.write_text("```sh run\necho one; echo two\n```\n```text output\no...\ntwo\n```\n")
    assert pages.run(page, tmp_path, env) == []
    page.write_text("```sh run\necho one; echo two\n```\n```text output\ntwo\none\n```\n")
    assert "'one' is not in" in pages.run(page, tmp_path, env)[0]
    page.write_text("```yaml file=a/b.yaml\nx: 1\n```\n```sh run\ncat a/b.yaml; false\n```\n")
    assert "page.md:4: the commands end with 1:\n" in pages.run(page, tmp_path, env)[0]


def test_links_lead_somewhere():
    broken = []
    for path in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert not broken, "\n".join(broken)


COMMAND = re.compile(r"^(\w+=\S* )*(millrace|psql|curl|export|sudo) ", re.M)


def test_every_command_is_run_or_says_why_not():
    """`by-hand` (it does not end, or wants what a test has not) is rare; `repository` names a program that is there."""
    by_hand, wrong = [], []
    for path in (ROOT / "docs").rglob("*.md"):
        for language, words, body in re.findall(r"^```(\w*)[ \t]*([^\n]*)\n(.*?)^```[ \t]*$", path.read_text(), re.M | re.S):
            where = f"{path.relative_to(ROOT)}: {body.splitlines()[0]}"
            if language == "sh" and words == "by-hand":
                by_hand.append(where)
            elif language == "sh" and words == "repository":
                program = next(word for word in body.split() if "=" not in word)
                wrong += [] if (ROOT / program).exists() else [where]
            elif language == "sh" and words != "run":
                wrong.append(where)
            elif not language and "reference" not in path.parts and COMMAND.search(body):
                wrong.append(where)
    assert not wrong, "\n".join(wrong)
    assert len(by_hand) <= 3, by_hand


def test_every_refusal_has_a_page_that_says_the_way_out():
    """What a human has to decide or mend before a pipeline goes on: holes, owners, what the source refuses."""
    text = "".join(path.read_text() for path in (ROOT / "docs/how-to").glob("*.md"))
    codes = re.findall(r"^## (\S+)$", (ROOT / "docs/reference/errors.md").read_text(), re.M)
    refusals = [code for code in codes if re.search(rf'MR_(GAP|FENCED),\s*"{re.escape(code)}"', SOURCES)]
    assert len(refusals) > 12
    refusals += [code for code in codes if code.startswith(("source.", "transform.columns.key"))
                 and re.search(rf'MR_CONFIG,\s*"{re.escape(code)}"', SOURCES)]
    assert len(refusals) > 35
    missing = [code for code in refusals if f"`{code}`" not in text]
    assert not missing, missing


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "config/examples").glob("*.yaml")))
def test_each_example_runs(name, db, shell, tmp_path, request):
    text = (ROOT / "config/examples" / name).read_text()
    if "BROKERS" in text:
        shell["BROKERS"] = request.getfixturevalue("kafka").bootstrap
    if "REGISTRY" in text:
        shell["REGISTRY"] = request.getfixturevalue("registry").url
    dsn = db.dsn
    if "type: mysql" in text:
        server = request.getfixturevalue("my_servers")("mariadb")
        server.script("create database shop; create table shop.orders (id int primary key); insert into shop.orders values (1)")
        dsn = server.dsn()
    else:
        db.sql("create table orders (id int primary key)")
        db.sql("insert into orders values (1)")
    copy = tmp_path / name  # by another name: what it leaves on the brokers is not the next one's
    copy.write_text(text.replace("\n  shop:\n", f"\n  {db.name}:\n"))
    command = ["millrace", "run", copy, "--until", "now"]
    done = subprocess.run(command, env=shell | {"DSN": dsn, "OUT": str(tmp_path / "out")}, cwd=tmp_path, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


SOURCES = "".join(path.read_text() for path in [*(ROOT / "src").rglob("*.c"), *(ROOT / "connectors").rglob("*.c")])
