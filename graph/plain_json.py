"""Convert records to plain values that JSON can hold."""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from extract.units import Layer, Unit


def as_json(value: object, omit: Collection[str] = ()) -> Any:
    """Convert a record, or a collection that holds records, to plain JSON values, without the fields in `omit`.

    A record becomes a dict of its fields. Units, layers, times and all else that JSON lacks become text; infinite and
    undefined numbers become None.
    """
    match value:
        case float():
            return value if isfinite(value) else None
        case None | str() | int():
            return value
        case Unit() | Layer():
            return str(value)
        case Mapping():
            return {str(name): as_json(item, omit) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_json(item, omit) for item in value]
        case _ if is_dataclass(value):
            named = (field.name for field in fields(value) if field.name not in omit)
            return {name: as_json(getattr(value, name), omit) for name in named}
    return str(value)
