"""Random rows: our Avro is, byte by byte, what fastavro writes of the same values by the registered schema.

The values are made here, written into PostgreSQL, and converted here once more by the rules of Debezium's types, so
nothing but the schema comes from millrace. MR_RANDOM_ROWS sets their number (10,000; the long form is a million).
"""
import base64
import datetime
import io
import json
import os
import random
import struct
import urllib.request
import uuid

import fastavro
import files
import psycopg

ROWS = int(os.environ.get("MR_RANDOM_ROWS", "10000"))
EPOCH = datetime.datetime(1970, 1, 1)
SHOP = """version: 1
pipelines:
  avro:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}, tables: ["public.*"]}}
    format: {{type: avro, envelope: flat, registry: {{urls: ["{url}"]}}}}
    sink: {{type: file, directory: "{directory}", content: record}}
"""


def text(rng):
    return "".join(rng.choice("abcdefg hijk\t\n\\\"'é日😀") for _ in range(rng.randrange(900 if rng.random() < 0.01 else 30)))


def single(rng):
    """A finite float of four bytes."""
    while True:
        value, = struct.unpack("f", rng.randbytes(4))
        if value - value == 0:
            return value


def double(rng):
    while True:
        value, = struct.unpack("d", rng.randbytes(8))
        if value - value == 0:
            return value


def integer(rng, bits):
    return rng.getrandbits(rng.randrange(1, bits)) * rng.choice((1, -1))


def moment(rng):
    return EPOCH + datetime.timedelta(microseconds=rng.randrange(-60_000_000_000_000_000, 200_000_000_000_000_000))


def micros(value):
    return (value - EPOCH) // datetime.timedelta(microseconds=1)


def unscaled(number):
    """Two's complement in as few bytes as hold it, as java.math.BigInteger has it."""
    return number.to_bytes(((number + (number < 0)).bit_length() + 8) // 8, "big", signed=True)


def exact(number, scale):
    """number / 10 ** scale as PostgreSQL reads it."""
    digits = f"{abs(number):0{scale + 1}}"
    return ("-" if number < 0 else "") + digits[:-scale] + "." + digits[-scale:]


def time_of(micro):
    return (datetime.datetime.min + datetime.timedelta(microseconds=micro)).time()


# column -> its type, a value, what PostgreSQL is given, what Avro is given
COLUMNS = {
    "small": ("smallint", lambda rng: integer(rng, 15), int, int),
    "num": ("int", lambda rng: integer(rng, 31), int, int),
    "big": ("bigint", lambda rng: integer(rng, 63), int, int),
    "r": ("real", single, float, float),
    "d": ("float8", double, float, float),
    "n": ("numeric(18,4)", lambda rng: integer(rng, 59), lambda v: exact(v, 4), unscaled),
    "wide": ("numeric(38,9)", lambda rng: integer(rng, 120), lambda v: exact(v, 9), unscaled),
    "b": ("bool", lambda rng: rng.random() < 0.5, bool, bool),
    "t": ("text", text, str, str),
    "raw": ("bytea", lambda rng: rng.randbytes(rng.randrange(40)), bytes, bytes),
    "day": ("date", lambda rng: moment(rng).date(), lambda v: v, lambda v: (v - EPOCH.date()).days),
    "ts": ("timestamp", moment, lambda v: v, micros),
    "ts3": ("timestamp(3)", lambda rng: moment(rng).replace(microsecond=rng.randrange(1000) * 1000), lambda v: v,
            lambda v: micros(v) // 1000),
    "tstz": ("timestamptz", moment, lambda v: v.replace(tzinfo=datetime.timezone.utc),
             lambda v: v.isoformat(timespec="microseconds") + "Z"),
    "tm": ("time", lambda rng: rng.randrange(86_400_000_000), time_of, int),
    "u": ("uuid", lambda rng: uuid.UUID(bytes=rng.randbytes(16)), lambda v: v, str),
    "ints": ("int[]", lambda rng: [rng.choice((None, integer(rng, 31))) for _ in range(rng.randrange(5))], lambda v: v, lambda v: v),
}


def rows(count):
    """(for PostgreSQL, for Avro), the same at each call."""
    rng = random.Random(20261121)
    for number in range(count):
        made = {name: make(rng) if rng.random() > 0.1 else None for name, (_, make, _, _) in COLUMNS.items()}
        yield ((number, *(value if value is None else COLUMNS[name][2](value) for name, value in made.items())),
               {"id": number} | {name: value if value is None else COLUMNS[name][3](value) for name, value in made.items()})


def bare(schema):
    """Without logical types, so that fastavro takes decimals as the bytes they are."""
    if isinstance(schema, list):
        return [bare(item) for item in schema]
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key != "logicalType"}
    return schema


def test_random_rows_are_byte_by_byte_what_fastavro_writes(db, millrace, registry):
    columns = ", ".join(f"{name} {kind}" for name, (kind, *_) in COLUMNS.items())
    db.psql(f"create table o (id int primary key, {columns})")
    with psycopg.connect(db.dsn) as connection, connection.cursor() as cursor:
        with cursor.copy("copy o from stdin") as copy:
            for row, _ in rows(ROWS):
                copy.write_row(row)
    directory = millrace.folder / "out"
    path = millrace.config(SHOP.format(name=db.name, dsn=db.dsn, url=registry.url, directory=directory))
    running = millrace.run("run", path, "--until", "now", seconds=90 + ROWS / 2000)
    assert running.popen.returncode == 0, running.tail()

    sent = {}
    for line in files.lines(directory):
        data = base64.b64decode(json.loads(line)["value"]["base64"])
        number = fastavro.schemaless_reader(io.BytesIO(data[5:16]), "long", None)
        assert number not in sent
        sent[number] = data
    assert len(sent) == ROWS
    frame = sent[0][:5]
    with urllib.request.urlopen(f"{registry.url}/schemas/ids/{int.from_bytes(frame[1:], 'big')}", timeout=20) as answer:
        schema = fastavro.parse_schema(bare(json.loads(json.load(answer)["schema"])))
    for _, expected in rows(ROWS):
        out = io.BytesIO()
        out.write(frame)
        fastavro.schemaless_writer(out, schema, expected)
        data = sent.pop(expected["id"])
        assert data == out.getvalue(), (expected, data.hex(), out.getvalue().hex())
