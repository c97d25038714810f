"""Convert what notebooks use as parameters of a query to the plain values that the driver takes."""

from collections.abc import Mapping
from typing import Any

from extract.units import Layer, Unit


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Convert units and layers to their text, numpy's numbers and arrays to Python's; the rest stays as it is.

    Tensors, Series and Arrow arrays have `tolist` too.
    """
    return {name: _plain(value) for name, value in parameters.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    match value:
        case Unit() | Layer():
            return str(value)
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
    return value
