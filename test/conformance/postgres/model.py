"""What millrace has to send where it sends other records than Debezium: made from the log of the database.

Each restating names its rule, and every record it leaves, takes away or makes is compared with one of ours afterwards.
A record that is made has the key, the rows and the headers that the log tells; what is the same in all records of
a topic (schemas, source) is taken from a recorded one of that topic.
"""
import copy
import json

from compare import body, is_snapshot, key_text, op, payload, position, schema

from .values import UNCHANGED, Unconvertible

BY_INDEX = "REPLICA IDENTITY USING INDEX: the index's columns are the key, and its changes are key changes"
PARTIAL = "a partial unique index is no key"
MOVED = "a key that is made or dropped while streaming counts from the relation message on, and the key is never null before"
SKIPPED = "with mode skip an event with a value that cannot be converted is left out"
ONCE = "a partitioned table, and a table with children, is read once and not once per level"
STOPPED = "a value that Debezium cannot read does not stop everything"


def topics(records):
    return sorted({record["topic"] for record in records})


def events(records):
    """Of a topic's recorded stream: lists of the records of one change, tombstones included, in the log's order."""
    found, last = {}, None
    deletes = {}
    for record in records:
        if payload(record["value"]) is None:
            deletes.setdefault(key_text(record), []).append(record)
    for record in sorted((one for one in records if payload(one["value"]) is not None and not is_snapshot(one)),
                         key=lambda one: (position(one), op(one) != "d")):
        found.setdefault(position(record), []).append(record)
        if op(record) == "d" and deletes.get(key_text(record)):
            found[position(record)].append(deletes[key_text(record)].pop(0))
    return list(found.values())


class Restating:
    def restate(self, expected, result):
        for one in (self.once, self.really_skipped, self.mended_keys, self.rekeyed, self.went_on):
            expected = one(expected, result)
        return expected

    # ---- partitions
    def once(self, expected, result):
        via_root = (self.plan.source.get("publication") or {}).get("publish_via_partition_root") == "true"
        kept, dropped = [], 0
        for record in expected:
            facts = is_snapshot(record) and self.truth.facts(self.table(record))
            if not facts or not facts["levels"] or self.owns(record, facts, via_root):
                kept.append(record)
            else:
                dropped += 1
        if dropped:
            result.applied[ONCE] += dropped
            kept = self.marked(kept)
        return kept

    def owns(self, record, facts, via_root) -> bool:
        """Whether the row is sent under this table's name."""
        if via_root and (facts["partition"] or facts["kind"] == "p"):
            return not facts["partition"]
        after, table = body(record)["after"], self.table(record)
        return any(self.encoded(table, row, after) == after for row in self.truth.rows.get(table, ()) if set(after) <= set(row))

    def marked(self, records):
        """The markers of snapshots, put anew: tables in the order of ours."""
        order = list(dict.fromkeys(record["topic"] for record in self.got if is_snapshot(record)))
        reads = [record for record in records if is_snapshot(record)]
        place = {id(record): (order.index(record["topic"]) if record["topic"] in order else -1, index)
                 for index, record in enumerate(reads)}
        marks = {}
        reads = sorted(reads, key=lambda record: place[id(record)])
        for index, record in enumerate(reads):
            first = index == 0 or reads[index - 1]["topic"] != record["topic"]
            last = index == len(reads) - 1 or reads[index + 1]["topic"] != record["topic"]
            marks[id(record)] = ("last" if index == len(reads) - 1 else "first" if index == 0 else
                                 "last_in_data_collection" if last else "first_in_data_collection" if first else "true")
        marked = []
        for record in records:
            if id(record) in marks:
                record = copy.deepcopy(dict(record, mark=marks[id(record)]))
                body(record)["source"]["snapshot"] = record.pop("mark")
            marked.append(record)
        return marked

    # ---- skip
    def really_skipped(self, expected, result):
        if self.failure != "skip":
            return expected
        kept = [record for record in expected if not self.unconvertible(record)]
        if len(kept) < len(expected):
            result.applied[SKIPPED] += len(expected) - len(kept)
        return kept

    def unconvertible(self, record) -> bool:
        after, key, table = body(record).get("after"), payload(record["key"]), self.table(record)
        if not after or not key:
            return False
        rows = self.truth.rows.get(table, ()) if is_snapshot(record) else [
            change.row for change in self.truth.log if change.table == table and change.op == op(record)]
        row = next((row for row in rows if self.encoded(table, row, key) == key), None)
        for name in after if row else ():
            try:
                self.codec.value(self.truth.column(table, name)["type"], row[name])
            except Unconvertible:
                return True
        return False

    # ---- what a refusal mended
    def mended_keys(self, expected, result):
        """A key column that was left out has its value back; a table that got REPLICA IDENTITY FULL is made from the log."""
        tables = {table for (table, _), code in self.plan.mended.items() if code == "transform.columns.key_not_sent"}
        columns = {place for place, code in self.plan.mended.items() if code == "transform.columns.key_excluded"}
        found, full = [], {}
        for record in expected:
            table = self.table(record)
            if table in tables:
                full.setdefault(table, []).append(record)
            elif any(table == one for one, _ in columns) and is_snapshot(record):
                found.append(self.with_key(record, table, [column for one, column in columns if one == table]))
            else:
                found.append(record)
        return found + [record for table, records in full.items() for record in self.made(table, records)]

    def with_key(self, record, table, names):
        """The only row that has the other columns of the record."""
        after = body(record)["after"]
        rows = [row for row in self.truth.rows[table] if self.encoded(table, row, after) == after]
        if len(rows) != 1:
            return record
        record = copy.deepcopy(record)
        payload(record["key"]).update(self.encoded(table, rows[0], names))
        return record

    # ---- keys
    def rekeyed(self, expected, result):
        """Topics whose recorded keys are not those that the identity had at that place in the log."""
        if any("message_key_columns" in one for one in self.plan.columns):
            return expected
        restated = {}
        for topic in topics(expected):
            records = [record for record in expected if record["topic"] == topic]
            table = next((self.table(record) for record in records if "schema" in (body(record).get("source") or {})), None)
            rule = table and self.truth.ever(table) and self.fits(table, records) and self.other_key(table, records)
            if rule:
                restated[topic] = self.made(table, records)
                result.applied[rule] += len(restated[topic])
        rest = [record for record in expected if record["topic"] not in restated]
        return rest + [record for records in restated.values() for record in records]

    def fits(self, table, records) -> bool:
        """Whether fields have the names of the columns: adjusted ones cannot be made here."""
        columns = {column["name"] for facts in self.truth.ever(table) for column in facts["columns"]}
        return all(set(body(record).get("after") or body(record).get("before") or ()) <= columns for record in records)

    def other_key(self, table, records):
        facts = self.truth.ever(table)
        if any(fact["identity"] == "i" and fact["index"] != fact["key"] for fact in facts):
            return BY_INDEX
        if any(fact["partial"] and not fact["key"] and not fact["unique"] for fact in facts):
            return PARTIAL
        log, found = self.log_of(table), events(records)
        if len(log) != len(found):
            return None
        for change, event in zip(log, found):
            if op(event[0]) not in ("t", "m") and set(self.key_at(table, change.lsn) or ()) != set(payload(event[0]["key"]) or ()):
                return MOVED
        reads = [record for record in records if is_snapshot(record)]
        return MOVED if any(set(self.key_at(table, None) or ()) != set(payload(record["key"]) or ()) for record in reads) else None

    def key_at(self, table, lsn):
        """The columns of the key as the catalogue had them; None if there is none, or not all of it is sent."""
        facts = self.truth.facts(table, lsn) or self.truth.ever(table)[0]
        if table in self.plan.keys:
            return self.plan.keys[table]
        key = facts["index"] if facts["identity"] == "i" else facts["key"] or next(iter(facts["unique"] or ()), None)
        columns = {column["name"]: column for column in facts["columns"]}
        missing = [name for name in key or () if columns[name]["generated"] and self.generated_missing]
        return None if missing else key

    def log_of(self, table):
        skipped = {"truncate" if one == "t" else one for one in self.plan.source.get("skipped_operations", ())}
        return [change for change in self.truth.log if change.table == table and change.op != "m" and
                not (change.op == "t" and "truncate" in skipped)]

    def made(self, table, records):
        """All records of a table, from the log. Schemas and the rest are of the recorded event of the same change."""
        made = []
        reads = [record for record in records if is_snapshot(record)]
        for row, template in zip(self.truth.rows.get(table, ()), reads):
            made.append(self.record(template, table, None, "r", row, None, row))
        log, found = self.log_of(table), events(records)
        for index, change in enumerate(log):
            same = found[index] if len(found) == len(log) else found[min(index, len(found) - 1)]
            template = next(record for record in same if payload(record["value"]) is not None)
            made += self.of_change(template, table, change)
        return made

    def of_change(self, template, table, change):
        key, facts = self.key_at(table, change.lsn), self.truth.facts(table, change.lsn)
        if change.op == "t":
            return [template]
        before = change.old if change.op == "u" else change.row
        row = {name: change.old.get(name) if text is UNCHANGED else text for name, text in change.row.items()}
        if change.op == "c":
            return [self.record(template, table, change.lsn, "c", row, None, row)]
        full = facts["identity"] == "f"
        if change.op == "d":
            return self.deleted(template, table, change.lsn, before, full, None)
        moved = key and change.old and any(change.old.get(name) != row[name] for name in key)
        if not moved:
            return [self.record(template, table, change.lsn, "u", row, before if full else None, row)]
        keys = [json.dumps(self.encoded(table, one, self.in_order(template, key)), ensure_ascii=False, separators=(",", ":"))
                for one in (before, row)]
        created = self.record(template, table, change.lsn, "c", row, None, row)
        created["headers"] = created["headers"] + [["__debezium.oldkey", keys[0]]]
        return self.deleted(template, table, change.lsn, before, full, keys[1]) + [created]

    def deleted(self, template, table, lsn, before, full, new_key):
        """A delete and its tombstone."""
        delete = self.record(template, table, lsn, "d", before, before if full else self.filled(template, table, lsn, before), None)
        delete["headers"] = delete["headers"] + ([["__debezium.newkey", new_key]] if new_key else [])
        return [delete, dict(copy.deepcopy(delete), value=None)]

    def filled(self, template, table, lsn, before):
        """The old row of which only the key is known: NOT NULL columns have their default or a filler."""
        filled = dict(before)
        for column in self.truth.facts(table, lsn)["columns"]:
            if column["name"] not in filled:
                filled[column["name"]] = None if not column["notnull"] else \
                    "0" if column["type"] in ("integer", "bigint", "smallint") else ""
        return filled

    def in_order(self, template, key):
        """Of the key's columns, in its order, those that are sent."""
        names = list(body(template).get("after") or body(template).get("before"))
        return [name for name in key if name in names]

    def record(self, template, table, lsn, kind, keyed, before, after):
        made = copy.deepcopy(template)
        value = body(made)
        names = list(value.get("after") or value.get("before"))
        names = [name for name in names if not ((self.truth.column(table, name, lsn) or {}).get("generated") and self.generated_missing)]
        value["op"] = kind
        for image, row in (("before", before), ("after", after)):
            value[image] = None if row is None else self.encoded(table, row, names)
        made["headers"] = [header for header in made["headers"] if header[0] not in ("__debezium.newkey", "__debezium.oldkey")]
        key = self.key_at(table, lsn)
        columns = self.in_order(template, key or ())
        content = self.encoded(table, keyed, columns) if key else None
        shape = schema(template["value"])
        if not key:
            made["key"] = None
        elif shape is None:
            made["key"] = content
        else:
            row = next(field for field in shape["fields"] if field["field"] == "after")
            fields = {field["field"]: field for field in row["fields"]}
            made["key"] = {"schema": {"type": "struct", "fields": [fields[name] for name in columns], "optional": False,
                                      "name": template["topic"] + ".Key"}, "payload": content}
        made["partition"] = 0
        made["ids"] = [None, (template.get("ids") or [None, None])[1]]      # of Avro: the key's schema is another one
        return made

    # ---- where Debezium stopped
    def went_on(self, expected, result):
        """Nothing, or only the beginning, was recorded: the rest is what the log says, with our own schemas."""
        if not self.plan.stopped and expected:
            return expected
        added = []
        for topic in topics(self.got):
            ours = [record for record in self.got if record["topic"] == topic]
            theirs = [record for record in expected if record["topic"] == topic]
            table = next((self.table(record) for record in ours if "schema" in (body(record).get("source") or {})), None)
            if table and self.truth.ever(table):
                added += self.made(table, ours)[len(theirs):]
        if added:
            result.applied[STOPPED] += len(added)
        return expected + added
