"""Refuse names that occur twice, because nobody knows which of the two is meant."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from extract.errors import CircuitsError


class Doubled(ValueError):
    """A name that occurs twice."""


def refuse_doubled(names: Iterable[str], kind: str) -> None:
    """Raise Doubled with the first name that occurs twice; `kind` says what is named, such as "column"."""
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise Doubled(f"the {kind} {doubled[0]!r} occurs twice")


def json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object of its pairs, as `object_pairs_hook` of json.loads. Raises Doubled for a repeated key."""
    refuse_doubled((key for key, _ in pairs), "key")
    return dict(pairs)


@contextmanager
def doubles_refused(error: type[CircuitsError], place: str) -> Iterator[None]:
    """Turn Doubled into an error that the user can resolve; `place` says where the name is, such as "In this file"."""
    try:
        yield
    except Doubled as doubled:
        raise error(f"{place} {doubled}. Rename or remove one of the two, and try again.") from doubled
