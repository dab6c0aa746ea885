"""What millrace refuses at the start where Debezium goes on and harms data: is it right, and what comes of its advice?

A refusal that names the wrong table, or comes without a cause, is a difference. What is refused with good cause is
mended in the way that millrace's own hint proposes, and the case is played again, so that every recorded record
is compared; the rules know which columns were mended (plan.mended).
"""
import re

import play

NAMES = {
    "transform.columns.key_not_sent": "refused: a key column that deleted rows do not have (Debezium sends a null key); "
                                      "with REPLICA IDENTITY FULL as advised",
    "transform.columns.key_excluded": "refused: a key column that is left out (Debezium sends key 0); sent as advised",
    "transform.columns.cannot_mask": "refused: a mask on a column it cannot mask (Debezium leaves it in clear); in clear where "
                                     "the mask is taken back",
}
MERGED = "refused: two tables whose topics would be one (Debezium merges them); each was read without the other"
TEXT = re.compile(r"text|character|citext|name|json|xml|hstore|ltree|tsvector|uuid|inet|bpchar|\"char\"")


def merged(error):
    """The two tables and the topic of a collision."""
    found = re.search(r"tables (.+?) and (.+?) would both go to the topic ([^ ,]+),", str(error))
    return found.groups() if found and error.code == "config.topic_collision" else None


def place(error, truth):
    """(table, column) that a refusal names, which have to exist."""
    for table, fact in truth.now().items():
        for column in fact["columns"] if table != "types" else ():
            if re.search(rf"(?<![\w.]){re.escape(table)}\.{re.escape(column['name'])}(?![\w.])", str(error)):
                return table, column, fact
    raise error


def mend(error, plan, database) -> str:
    """Checks a refusal against the catalogue, and changes the plan as its hint says. Returns the rule's name."""
    if error.code not in NAMES:
        raise error
    table, column, fact = place(error, database.truth)
    name = f"{table}.{column['name']}"
    right = {
        "transform.columns.key_not_sent": lambda: fact["identity"] != "f" and column["name"] not in (fact["key"] or ()),
        "transform.columns.key_excluded": lambda: column["name"] in (fact["key"] or ()),
        "transform.columns.cannot_mask": lambda: not TEXT.match(column["type"]) or column["type"].endswith("[]"),
    }[error.code]
    if not right() or (table, column["name"]) in plan.mended:
        raise play.Failure(f"refused without a cause: {error}")
    plan.mended[table, column["name"]] = error.code
    if error.code == "transform.columns.key_not_sent":
        plan.setup += f"alter table {table} replica identity full;\n"
        plan.keys[table] = [word.strip() for one in plan.columns for pattern, words in one.get("message_key_columns", {}).items()
                            if re.fullmatch(pattern[1:-1], table) for word in words.split(",")]
    else:
        plan.columns = [without(one, name) for one in plan.columns]
    return NAMES[error.code]


def without(rule, name):
    """A rule of the columns transform that passes over one column."""
    if isinstance(rule, dict):
        return {(narrowed(key, name) if key.startswith("/") else key): without(value, name) for key, value in rule.items()
                if key != "message_key_columns"} | {key: value for key, value in rule.items() if key == "message_key_columns"}
    return [narrowed(one, name) for one in rule] if isinstance(rule, list) else rule


def narrowed(pattern, name):
    return f"/(?!{re.escape(name)}$)(?:{pattern[1:-1]})/" if pattern.startswith("/") else pattern
