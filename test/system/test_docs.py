"""Every command in the documentation does what the page says; and the runner that finds that out can fail."""
import os
import pathlib
import re

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


def test_every_refusal_of_the_source_has_a_way_out():
    """What stops a pipeline for good is explained by a page of docs/how-to that names its code."""
    text = "".join(path.read_text() for path in (ROOT / "docs/how-to").glob("*.md"))
    codes = re.findall(r"^## (source\.\w+)$", (ROOT / "docs/reference/errors.md").read_text(), re.M)
    gaps = [code for code in codes if re.search(rf'MR_GAP,\s*"{re.escape(code)}"', SOURCES)]
    assert len(gaps) > 5
    missing = [code for code in gaps if code not in text]
    assert not missing, missing


SOURCES = "".join(path.read_text() for path in pathlib.Path(ROOT / "connectors").rglob("*.c"))
