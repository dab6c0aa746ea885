"""What the database itself says: the rows a snapshot sees, every change as the server's own test_decoding prints it,
and what the catalogue said at each moment.

The judge asks here before it lets millrace differ from a recording. The log is read through a second slot, so that
order, completeness and unchanged values have a witness; an event trigger notes the catalogue after every DDL, with
the place in the log, in an unlogged table, which no publication sends.
"""
import dataclasses
import re

from .values import UNCHANGED

SLOT = "conformance_truth"

SETUP = """
create schema conformance;
create unlogged table conformance.history (at pg_lsn, facts jsonb);
create function conformance.facts() returns jsonb language sql set search_path = public as $$
select coalesce(jsonb_object_agg(n.nspname || '.' || c.relname, jsonb_build_object(
  'oid', c.oid::bigint, 'kind', c.relkind, 'identity', c.relreplident, 'partition', c.relispartition,
  'levels', c.relispartition or c.relkind = 'p' or exists (select from pg_inherits i where c.oid in (i.inhparent, i.inhrelid)),
  'key', (select jsonb_agg(a.attname order by array_position(i.indkey::int2[], a.attnum)) from pg_index i join pg_attribute a
          on a.attrelid = c.oid and a.attnum = any(i.indkey) where i.indrelid = c.oid and i.indisprimary),
  'index', (select jsonb_agg(a.attname order by array_position(i.indkey::int2[], a.attnum)) from pg_index i join pg_attribute a
          on a.attrelid = c.oid and a.attnum = any(i.indkey) where i.indrelid = c.oid and i.indisreplident),
  'unique', (select jsonb_agg((select jsonb_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid
      and a.attnum = any(i.indkey)) order by i.indexrelid) from pg_index i where i.indrelid = c.oid and i.indisunique and
      i.indpred is null and i.indexprs is null and not exists (select from pg_attribute a where a.attrelid = c.oid and
      a.attnum = any(i.indkey) and not a.attnotnull)),
  'partial', exists (select from pg_index i where i.indrelid = c.oid and indisunique and indpred is not null)
      and not exists (select from pg_index i where i.indrelid = c.oid and indisunique and indpred is null and indexprs is null),
  'columns', (select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'notnull', a.attnotnull, 'generated', a.attgenerated, 'identity', a.attidentity,
      'default', (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum))
      order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))), '{}')
  || jsonb_build_object('types', (select coalesce(jsonb_object_agg(format_type(t.oid, null), jsonb_build_object(
      'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
      'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))), '{}')
      from pg_type t where t.typtype in ('d', 'e')))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'conformance') $$;
create function conformance.note() returns event_trigger language plpgsql as $$ begin
  insert into conformance.history values (pg_current_wal_insert_lsn(), conformance.facts()); end $$;
insert into conformance.history values (pg_current_wal_insert_lsn(), conformance.facts());
create event trigger conformance_note on ddl_command_end execute function conformance.note();
"""

NAME = r'(?:"(?:[^"]|"")*"|[^\s".\[]+)'
FIELD = re.compile(rf"({NAME})\[((?:\"(?:[^\"]|\"\")*\"|\[\]|[^\[\]\"])+)\]:"
                   r"(null(?= |$)|unchanged-toast-datum|'(?:[^']|'')*'|B'[01]*'|[^ ]+) ?")
CHANGE = re.compile(rf"table ({NAME})\.({NAME}): (INSERT|UPDATE|DELETE): ?(.*)", re.S)


def unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def number(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


@dataclasses.dataclass
class Change:
    lsn: int
    place: int        # in the order of the log, which is that of the commits
    table: str        # schema.table
    op: str           # r c u d t m
    row: dict         # column -> text, None or UNCHANGED: after an insert or update, before a delete
    old: dict         # of an update: the old key or row, if the log has one
    types: dict


def fields(text: str):
    row, types, at = {}, {}, 0
    if text.startswith("(no-"):
        return row, types
    while at < len(text):
        found = FIELD.match(text, at)
        assert found, f"test_decoding printed something else: {text[at:at + 80]}"
        raw = found[3]
        value = (None if raw == "null" else UNCHANGED if raw == "unchanged-toast-datum" else
                 raw[1:-1].replace("''", "'") if raw[0] == "'" else raw[2:-1] if raw.startswith("B'") else raw)
        row[unquoted(found[1])] = value
        types[unquoted(found[1])] = found[2]
        at = found.end()
    return row, types


def changes(lines):
    """Of (lsn, text), in the log's order."""
    place = 0
    for lsn, text in lines:
        place += 1
        if text.startswith("message: "):
            prefix = re.match(r"message: transactional: \d prefix: (.*), sz: ", text, re.S)[1]
            yield Change(number(lsn), place, prefix, "m", {}, {}, {})
        elif text.startswith("table ") and ": TRUNCATE:" in text:
            for schema, table in re.findall(rf"({NAME})\.({NAME})(?=,|:)", text.removeprefix("table ")):
                yield Change(number(lsn), place, f"{unquoted(schema)}.{unquoted(table)}", "t", {}, {}, {})
        elif text.startswith("table "):
            schema, table, kind, body = CHANGE.match(text).groups()
            old, new = "", body
            if body.startswith("old-key: "):
                old, new = body.removeprefix("old-key: ").split(" new-tuple: ", 1)
            row, types = fields(new)
            yield Change(number(lsn), place, f"{unquoted(schema)}.{unquoted(table)}",
                         {"INSERT": "c", "UPDATE": "u", "DELETE": "d"}[kind], row, fields(old)[0] if old else {}, types)


class Truth:
    """note() when setup.sql has run, collect() before the database goes away."""

    def __init__(self, server):
        self.server, self.version = server, server.version
        self.rows, self.log, self.history = {}, [], []

    def note(self):
        """After setup.sql: the rows that a snapshot will find, and the catalogue from now on."""
        with self.server.connect("rec") as connection:
            connection.execute(SETUP)
        self.server.sql("select pg_create_logical_replication_slot(%s, 'test_decoding')", [SLOT], database="rec")
        facts = self.server.sql("select facts from conformance.history", database="rec")[0][0]
        with self.server.connect("rec") as connection:
            connection.execute("set search_path = ''")
            for table, fact in facts.items():
                if table == "types" or not fact["columns"]:
                    continue
                schema, _, name = table.partition(".")
                quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
                columns = [column["name"] for column in fact["columns"]]
                listed = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
                with connection.cursor().copy(f"copy (select {listed} from only {quoted}) to stdout") as copy:
                    self.rows[table] = [dict(zip(columns, row)) for row in copy.rows()]

    def now(self) -> dict:
        return self.server.sql("select conformance.facts()", database="rec")[0][0]

    def collect(self):
        with self.server.connect("rec") as connection:
            connection.execute("set search_path = ''")
            lines = connection.execute("select lsn::text, data from pg_logical_slot_peek_changes(%s, null, null, 'include-xids', "
                                       "'0', 'skip-empty-xacts', '1')", [SLOT]).fetchall()
            self.history = [(number(at), facts) for at, facts in connection.execute(
                "select at::text, facts from conformance.history union all select pg_current_wal_insert_lsn()::text, "
                "conformance.facts() order by 1").fetchall()]
        self.history.sort(key=lambda entry: entry[0])
        self.log = list(changes(lines))
        self.by_place = {}
        for change in self.log:
            self.by_place.setdefault((change.table, change.lsn), change)
        self.place_of = {(change.lsn, change.op == "m"): change.place for change in self.log}

    @property
    def types(self) -> dict:
        merged = {}
        for _, facts in self.history:
            merged |= facts["types"]
        return merged

    def ends(self, at) -> int:
        """Until when an entry of the history, by its place, was true."""
        return next((later for later, _ in self.history if later > at), 2**64)

    def facts(self, table, lsn=None):
        """What the catalogue said of a table at a place in the log; None: at the snapshot."""
        found = self.history[0][1].get(table)
        for at, facts in self.history:
            if lsn is not None and at <= lsn:
                found = facts.get(table)
        return found

    def ever(self, table, since=None, until=None):
        """All that it said of it, in order, from the moment `since` on."""
        found = []
        for index, (at, facts) in enumerate(self.history):
            ends = self.history[index + 1][0] if index + 1 < len(self.history) else None
            if (since is None or ends is None or ends > since) and (until is None or at <= until) and table in facts:
                found.append(facts[table])
        return found

    def column(self, table, name, lsn=None):
        for facts in [self.facts(table, lsn)] + self.ever(table)[::-1]:
            for column in facts["columns"] if facts else ():
                if column["name"] == name:
                    return column
        return None
