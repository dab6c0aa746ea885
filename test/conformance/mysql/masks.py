"""What of an event of MySQL and MariaDB is volatile, and where in the log it stands."""
import re

import compare

VOLATILE = {"file": "F", "pos": "P", "server_id": "S", "thread": "T", "gtid": "G"}


def source(found: dict) -> dict:
    """Where it stands, who wrote it: that these are there does not differ from run to run. `row` is part of the event."""
    return {key: VOLATILE[key] if key in VOLATILE and value not in (None, 0) else value for key, value in found.items()}


def position(found: dict) -> int:
    """File, place and row as one number that grows with the log."""
    number = re.search(r"(\d+)$", found["file"] or "0")
    return (int(number[1]) << 80) + (found["pos"] << 24) + found["row"]


def transaction(text: str, found: dict) -> tuple:
    """An id is the GTID of the transaction, or where it begins: nothing in it is of the event."""
    return text, "own" if text == found["gtid"] or found["gtid"] is None else "other"


for name in ("mysql", "mariadb"):
    compare.MASKS[name] = compare.Masks(source, position, transaction)
