"""Real changes of a real PostgreSQL arrive as JSON lines."""


def config(db, **source):
    more = "".join(f"      {key}: {value}\n" for key, value in source.items())
    return f"""version: 1
pipelines:
  light:
    source:
      type: postgres
      dsn: "{db.dsn}"
      slot: light
      publication: {{name: light}}
      tables: ["public.*"]
{more}    format: {{type: json, envelope: debezium, schemas: false}}
    sink: {{type: stdout}}
"""


def run_until_now(millrace, path):
    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 0, running.tail()
    return running


def test_rows_arrive_once_and_in_order(db, millrace):
    db.sql("create table orders (id int primary key, state text)")
    path = millrace.config(config(db))
    assert run_until_now(millrace, path).lines == [], "the first run makes the slot; nothing has happened since"

    with db.connect(autocommit=False) as connection:
        for number in range(1, 101):
            connection.execute("insert into orders values (%s, 'placed')", [number])
    db.sql("update orders set state = 'paid' where id = 7")
    db.sql("delete from orders where id = 8")

    events = run_until_now(millrace, path).events()
    assert len(events) == 102
    assert [event["after"]["id"] for event in events[:100]] == list(range(1, 101))
    assert [event["op"] for event in events] == ["c"] * 100 + ["u", "d"]
    assert events[100]["after"] == {"id": 7, "state": "paid"}
    assert events[101]["before"]["id"] == 8 and events[101]["after"] is None
    assert run_until_now(millrace, path).lines == [], "what was written is confirmed and does not come again"
