"""What the judge knows of PostgreSQL: its server, its options, its truth, and where millrace differs on purpose."""

from . import masks, options, refusals, rules  # noqa: F401
from .database import Servers  # noqa: F401
