"""The endpoint of a running embedded server."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoint:
    """Where a running embedded server listens, and how to log in to it."""

    uri: str
    user: str
    password: str = field(repr=False)
    reader_user: str
    reader_password: str = field(repr=False)
    database: str
    pid: int
    version: str
    shortened: Sequence[str] = ()  # a text for every file that was shorter than at the last stop
