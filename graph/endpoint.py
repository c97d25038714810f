"""Where a running embedded server is."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoint:
    """Where a running embedded server is, and how to log in."""

    uri: str
    user: str
    password: str = field(repr=False)
    reader_user: str
    reader_password: str = field(repr=False)
    database: str
    pid: int
    version: str
    shortened: Sequence[str] = ()  # for every file that was shorter than it had been left, what is missing
