"""Convert the driver's values to plain JSON."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from neo4j.graph import Node, Path, Relationship
from neo4j.spatial import Point
from neo4j.time import Date, DateTime, Duration, Time

_ZEROS = re.compile(r"\.000000000|(\.\d{6})000")  # zeros after a time's seconds


def json_value(value: Any) -> Any:
    """Convert a value of the driver to plain JSON.

    A node becomes {id, labels, properties}, a relationship {id, type, start, end, properties}, a path {nodes,
    relationships}, a date or time its ISO text, and bytes base64 text. The ids are valid only within one answer.
    """
    match value:
        case None | bool() | int() | float() | str():  # first, since most values are
            return value
        case Node():
            return {"id": value.element_id, "labels": sorted(value.labels), "properties": json_value(dict(value))}
        case Relationship():
            start, end = (None if node is None else node.element_id for node in value.nodes)
            words = {"id": value.element_id, "type": value.type, "start": start, "end": end}
            return words | {"properties": json_value(dict(value))}
        case Path():
            return {"nodes": json_value(list(value.nodes)), "relationships": json_value(list(value.relationships))}
        case DateTime() | Date() | Time():
            return _ZEROS.sub(r"\1", value.iso_format())
        case Duration():
            return value.iso_format()
        case Point():
            return list(value)
        case bytes() | bytearray():
            return b64encode(value).decode()
        case Mapping():
            return {name: json_value(item) for name, item in value.items()}
        case list() | tuple() | set():
            return [json_value(item) for item in value]
    return value
