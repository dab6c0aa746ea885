"""A server that is away is waited for, and the log says so in one line with the reason, not one a try."""
import json
import time

from servers import process

CONFIG = """version: 1
pipelines:
  away:
    source: {{type: postgres, dsn: "host=127.0.0.1 port={port} dbname=shop user=cdc", snapshot: no_data}}
    format: {{type: json}}
    sink: {{type: stdout}}
"""


def test_a_server_that_is_away_is_said_once(millrace):
    path = millrace.config(CONFIG.format(port=process.free_port()))
    running = millrace.start("run", path)
    running.wait_error("will try again")
    time.sleep(3)  # several tries, of which nothing more is to be heard
    assert running.stop() == 0
    lines = [json.loads(line) for line in running.errors if line.startswith("{")]
    tries = [line for line in lines if line["msg"] == "will try again, for as long as it takes"]
    assert len(tries) == 1, running.tail()
    assert tries[0]["code"] == "source.connect" and "refused" in tries[0]["err"]
    assert len([line for line in lines if line["msg"] == "pipeline state"]) <= 4, running.tail()
