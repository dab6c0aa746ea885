"""What of a PostgreSQL event is volatile, and where in the log it stands."""
import json

import compare


def source(found: dict) -> dict:
    """Positions and transaction ids differ from run to run; that they are there, and agree, does not."""
    masked = dict(found)
    if found["lsn"] is not None:
        masked["lsn"] = "L"
    for key in ("txId", "xmin"):
        masked[key] = "X" if found[key] is not None else None
    if found["sequence"] is not None:
        last, own = json.loads(found["sequence"])
        masked["sequence"] = ["L" if last else None, "own" if str(found["lsn"]) == own else own]
    return masked


def position(found: dict) -> int:
    return found["lsn"] or 0


def transaction(text: str, found: dict) -> tuple:
    """(the transaction, what the rest of its id says) in an event: <xid>:<lsn>."""
    xid, _, lsn = text.partition(":")
    return xid, "own" if xid == str(found["txId"]) and lsn == str(found["lsn"]) else lsn


compare.MASKS["postgresql"] = compare.Masks(source, position, transaction)
