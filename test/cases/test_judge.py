"""What judges the cases, on small texts: it reads what is meant, and sees what is wrong."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import events  # noqa: E402
import logged  # noqa: E402
import notation  # noqa: E402
from logged import Event  # noqa: E402

LOG = """# 11.4
## setup
## binlog of setup
12 QUERY [h99] 'CREATE SEQUENCE s'
## changes
## binlog of changes
90 MAP* id 1 h99.t flags 1 pk [0] | id:3 notnull; e:247(1) {'x','y'}; b:254(3) binary; DB_ROW_HASH_1:8 unsigned
91 WRITE h99.t STMT_END 1 rows
    c {id=1, e=2:'it\\'s, y', b=x'61'/CHAR3, DB_ROW_HASH_1=99}
92 UPDATE h99.t STMT_END 1 rows
    u {id=1, e=1:'x', b=NULL, DB_ROW_HASH_1=1}
      -> {id=2, e=1:'x', b=NULL, DB_ROW_HASH_1=1}
93 MAP* id 2 h99.s flags 1 pk None | next_not_cached_value:8 notnull
94 WRITE h99.s STMT_END 1 rows
    c {next_not_cached_value=3}
95 QUERY [h99] tmpflag 'TRUNCATE TABLE t'
96 QUERY [h99] '/* why */ TRUNCATE t'
## state
"""


def read_log(tmp_path):
    path = tmp_path / "seen.txt"
    path.write_text(LOG)
    return logged.read(path)["changes"]


def test_log_becomes_events(tmp_path):
    assert [str(event) for event in read_log(tmp_path)] == [
        "c h99.t {'id': 1, 'e': \"it's, y\", 'b': b'a\\x00\\x00'}",
        "d h99.t {'id': 1, 'e': 'x', 'b': None}",
        "c h99.t {'id': 2, 'e': 'x', 'b': None}",
        "t h99.t "]


def test_notation_takes_rows_of_its_vendor_and_says_what_it_cannot_read():
    text = """r t {1,'a, {b}'} {2,NULL}
u t {id=1,v='x'} -> {id=1,v=x'00ff'}
MySQL: c {3,'only here'}
MariaDB: c {4,'only there'}
both: d b key x'41' (before {x'4100',2})
c {11,..c1 NULL}; u {2,'x'} -> {9,..} = d key 2 + c {9,'x'}"""
    patterns, unread = notation.read(text, "mysql")
    assert [pattern.text for pattern in patterns] == [
        "r t {1,'a, {b}'}", "r t {2,NULL}", "u t {id=1,v='x'} -> {id=1,v=x'00ff'}", "c  {3,'only here'}",
        "d b {x'4100',2}", "u  {2,'x'} -> {9,..}"]
    assert len(unread) == 1 and "c1 NULL" in unread[0]


def test_missing_row_and_wrong_value_are_seen():
    patterns, _ = notation.read("c t {1,'a'}; u t {1,'a'} -> {2,'a'}", "mysql")
    row = {"id": 1, "v": "a"}
    moved = [Event("d", "h.t", row, None), Event("c", "h.t", None, row | {"id": 2})]
    assert notation.missing(patterns, [Event("c", "h.t", None, row), *moved]) == []
    assert len(notation.missing(patterns, moved)) == 1
    assert len(notation.missing(patterns, [Event("c", "h.t", None, row | {"v": "b"}), *moved])) == 1
    assert len(notation.missing(patterns, [Event("c", "h.u", None, row), *moved])) == 1


def test_numbers_in_json_are_compared_by_their_text():
    assert events.equal('{"a": 1.0, "b": [2]}', '{"a":1.0,"b":[2]}')
    assert not events.equal('{"a": 1.0}', '{"a":1}')
    assert not events.equal("[9007199254740993]", "[9007199254740992]")
    assert not events.equal("1.0", "1")
