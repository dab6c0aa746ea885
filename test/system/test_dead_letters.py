"""Changes that cannot be encoded, from a real PostgreSQL: set aside in their place, or the end of the run."""
import json

from millrace import ROOT


def page(db, folder, **changes):
    """The configuration of docs/how-to/dead-letters.md, for this database and folder."""
    text = (ROOT / "docs/how-to/dead-letters.md").read_text().split("```yaml file=shop.yaml\n")[1].split("```")[0]
    changes |= {"dsn": ('dsn: ""', f'dsn: "{db.dsn}"'), "directory": ("directory: out", f"directory: {folder}")}
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text


def published(folder):
    records = [json.loads(line) for path in sorted(folder.rglob("*.jsonl*")) if path.is_file()
               for line in path.read_text().splitlines()]
    return sorted(records, key=lambda record: record["number"])


def fill(db):
    db.psql("""create table t (id int primary key, n numeric(5,2));
        insert into t values (1, 1.5), (2, 'NaN'), (3, 2.5);""")


def test_a_nan_is_set_aside_and_the_rest_goes_on(db, millrace):
    fill(db)
    out = millrace.folder / "out"
    path = millrace.config(page(db, out))
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0
    db.sql("insert into t values (4, 'NaN')")
    db.sql("insert into t values (5, 3)")
    db.sql("update t set n = 1 where id = 4")
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0

    records = published(out)
    found = [(r["topic"].removeprefix("shop."), r["value"]["op"], r["value"]["after"]["id"]) for r in records]
    assert found == [("public.t", "r", 1), ("dead_letters", "r", 2), ("public.t", "r", 3), ("dead_letters", "c", 4),
                     ("public.t", "c", 5), ("public.t", "u", 4)]
    letter = records[3]
    assert letter["key"] == {"id": 4}
    assert letter["value"]["error"]["code"] == "encode.value"
    assert letter["value"]["after"] == {"id": 4, "n": "NAN"}
    assert (letter["value"]["schema"], letter["value"]["table"]) == ("public", "t")
    assert letter["headers"]["__connect.errors.topic"] == "shop.public.t"
    assert letter["headers"]["__connect.errors.exception.class.name"] == "encode.value"
    assert json.loads(letter["headers"]["millrace.position"])["number"] == letter["number"]


def test_more_than_allowed_stop_and_leave_the_position(db, millrace):
    fill(db)
    out = millrace.folder / "out"
    path = millrace.config(page(db, out, most=("most: 100", "most: 1")))
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0
    done = len(published(out))
    db.sql("insert into t select i, 'NaN' from generate_series(10, 12) i")
    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 1
    assert any("pipeline.dead_letters" in line for line in running.errors)
    assert len(published(out)) == done

    path = millrace.config(page(db, out))
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0
    assert [r["key"]["id"] for r in published(out)[done:]] == [10, 11, 12]


def test_without_the_policy_it_stops_at_the_first(db, millrace):
    fill(db)
    out = millrace.folder / "out"
    path = millrace.config(page(db, out, policy=("policy: dead_letter", "policy: stop")))
    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 1
    line = next(line for line in running.errors if "encode.value" in line)
    assert "public.t" in line and "column n" in line
