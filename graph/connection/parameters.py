"""Convert parameters of a query, such as units and numpy arrays, to the plain values that the driver takes."""

from collections.abc import Mapping
from typing import Any

from extract.printable import is_encodable
from extract.units import Layer, Unit
from graph.errors import QueryError

DEEPEST = 100  # levels of nested lists and maps; servers and the driver take some hundreds
_INTEGERS = range(-(2**63), 2**63)


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Convert units and layers to text, and numpy's numbers and arrays to Python's; other values stay as they are.

    Tensors, Series and Arrow arrays are converted too, because they have `tolist`. Raises QueryError for a value that
    no server takes.
    """
    plain = {}
    for name, value in parameters.items():
        try:
            plain[name] = _plain({name: value}, DEEPEST)[name]
        except ValueError as error:
            raise QueryError(f"The parameter {name!r} {error}. Correct it, and ask again.") from error
    return plain


def _plain(value: Any, depth: int) -> Any:
    if depth < 0:
        raise ValueError(f"holds lists or maps nested more than {DEEPEST} deep")
    if hasattr(value, "tolist"):
        value = value.tolist()
    match value:
        case str() if not is_encodable(value):
            raise ValueError("holds a character that is not valid Unicode")
        case int() if value not in _INTEGERS:
            raise ValueError("holds a whole number that does not fit in 64 bits")
        case Unit() | Layer():
            return str(value)
        case Mapping():
            return {_plain(name, depth): _plain(item, depth - 1) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item, depth - 1) for item in value]
    return value
