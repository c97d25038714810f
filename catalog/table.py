"""Records as a table: a sequence that converts to dicts or a DataFrame, and draws itself in a notebook."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from catalog.cards import cells, framed
from catalog.hiding.veil import Veil
from graph.plain_json import as_json
from graph.records import Annotation

if TYPE_CHECKING:
    import pandas as pd

Record = TypeVar("Record", covariant=True)

_PICTURES = ("thumbnail", "picture")  # base64 text, which no cell has room for; the records hold it
_SPREAD = ("unit", "statistics", "findings", "terms")  # fields of a record whose own fields are columns


class Table(Sequence[Record]):
    """A sequence of records of one kind under a title; `truncated` says that there are more.

    `to_dicts` and `to_pandas` contain all fields of the records except pictures, and hide nothing. A notebook shows the
    table with sensitive content hidden: `veil` returns the veil to hide behind, and `draw` makes safe HTML of the
    records behind that veil (None: a plain table of their rows).
    """

    def __init__(
        self,
        title: str,
        records: Iterable[Record],
        veil: Callable[[], Veil] = Veil,
        draw: Callable[[Sequence[Record], Veil], str] | None = None,
        columns: Sequence[str] | None = None,
        truncated: bool = False,
    ) -> None:
        self.title, self.truncated = title, truncated
        self._records, self._veil, self._draw, self._columns = tuple(records), veil, draw, columns

    def __len__(self) -> int:
        """Count the records."""
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> "Table[Record]": ...
    def __getitem__(self, place: int | slice) -> "Record | Table[Record]":
        """Return one record, or a table of a slice of the records."""
        if isinstance(place, slice):
            return Table(self.title, self._records[place], self._veil, self._draw, self._columns, self.truncated)
        return self._records[place]

    def __repr__(self) -> str:
        """Return the title and the number of records, as text."""
        return f"<{self.title or 'Table'}: {len(self)} {'record' if len(self) == 1 else 'records'}{self._more}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the dicts of `to_dicts`, in order."""
        named = self._columns if self._columns is not None else (name for record in self.to_dicts() for name in record)
        return tuple(dict.fromkeys(named))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dict of plain values per record: a unit or layer is its name; statistics are keys of their own."""
        return [row(record) for record in self._records]

    def to_pandas(self) -> "pd.DataFrame":
        """Return `to_dicts` as a DataFrame. pandas is installed with streamlit."""
        import pandas as pd  # takes half a second to import, and few need it

        return pd.DataFrame(self.to_dicts(), columns=list(self.columns))

    def _repr_html_(self) -> str:
        veil = self._veil()
        drawn = self._draw(self._records, veil) if self._draw else cells(self.to_dicts(), veil, self.columns)
        return framed(drawn, f"{self.title}{self._more}")

    @property
    def _more(self) -> str:
        return ", and there are more" if self.truncated else ""


def row(record: object) -> dict[str, Any]:
    """Return a record's fields by name; a nested record's fields are added unless their name is taken."""
    flat: dict[str, Any] = {}
    for name, value in as_json(record, _PICTURES).items():
        if name in _SPREAD and isinstance(value, dict):
            flat |= {inner: cell for inner, cell in value.items() if inner not in flat}
        else:
            flat[name] = value
    return flat


def annotation_rows(entries: Sequence[Annotation], veil: Veil) -> str:
    """Draw the entries of a label history as safe HTML; all texts of a sensitive entry are hidden."""
    rows: list[dict[str, object]] = [
        {"unit": str(a.unit), "action": a.action, "text": veil.annotation_text(a, a.text), "branch": a.branch}
        | {"facet": veil.annotation_text(a, a.facet), "modality": a.modality, "author": a.author, "source": a.source}
        | {"confidence": a.confidence, "evidence": veil.annotation_text(a, a.evidence), "at": f"{a.at:%Y-%m-%d %H:%M}"}
        for a in entries
    ]
    return cells(rows, veil)
