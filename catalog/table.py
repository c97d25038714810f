"""Records as a table: a sequence that becomes dicts, a DataFrame, and in a notebook what the pages draw of it."""

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
    """Records of one kind under a title; `truncated` says that there are more.

    It is a sequence of the records themselves. `to_dicts` and `to_pandas` hold all that the records say but their
    pictures, and hide nothing. What a notebook shows of it hides what is sensitive.
    `veil` is called for what hides it, and `draw` makes safe HTML of records behind it; None draws their rows.
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
        """How many records there are."""
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> "Table[Record]": ...
    def __getitem__(self, place: int | slice) -> "Record | Table[Record]":
        """A record, or a table of some of them."""
        if isinstance(place, slice):
            return Table(self.title, self._records[place], self._veil, self._draw, self._columns, self.truncated)
        return self._records[place]

    def __repr__(self) -> str:
        """The title, and how many records there are."""
        return f"<{self.title or 'Table'}: {len(self)} {'record' if len(self) == 1 else 'records'}{self._more}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what `to_dicts` holds."""
        named = self._columns if self._columns is not None else (name for record in self.to_dicts() for name in record)
        return tuple(dict.fromkeys(named))

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict a record: numbers, texts and lists; a unit or a layer is its name, a unit's statistics are columns."""
        return [row(record) for record in self._records]

    def to_pandas(self) -> "pd.DataFrame":
        """The same as a DataFrame. pandas comes with streamlit."""
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
    """A record's fields under their names; those of a record within it where the name is free."""
    flat: dict[str, Any] = {}
    for name, value in as_json(record, _PICTURES).items():
        if name in _SPREAD and isinstance(value, dict):
            flat |= {inner: cell for inner, cell in value.items() if inner not in flat}
        else:
            flat[name] = value
    return flat


def annotation_rows(entries: Sequence[Annotation], veil: Veil) -> str:
    """Draw entries of a history behind the veil: all that a sensitive one says is hidden."""
    rows: list[dict[str, object]] = [
        {"unit": str(a.unit), "action": a.action, "text": veil.annotation_text(a, a.text), "branch": a.branch}
        | {"facet": veil.annotation_text(a, a.facet), "modality": a.modality, "author": a.author, "source": a.source}
        | {"confidence": a.confidence, "evidence": veil.annotation_text(a, a.evidence), "at": f"{a.at:%Y-%m-%d %H:%M}"}
        for a in entries
    ]
    return cells(rows, veil)
