"""What the judge knows of MySQL and MariaDB: the form of their events. The rest of a database's folder (options, Servers,
truth, rules, refusals, as in postgres/) has to come with the source; see the list in run.py."""
from . import masks, rules  # noqa: F401
