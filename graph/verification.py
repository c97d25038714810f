"""When a model is counted: before its first use, or behind it, once for every start of its server.

An embedded server would serve files that were cut short, so after every start all is counted and summed once more. Two
million edges take ten seconds, which is long to look at nothing; behind the first use, numbers are shown meanwhile, and
refused as soon as the count does not come out.
"""

import math
import threading
from collections.abc import Mapping
from typing import Any

from graph.connection.database import Database
from graph.cypher.models import VERIFIED
from graph.cypher.verification import TALLY, VERIFY
from graph.errors import DatabaseDamaged, GraphError

_Use = tuple[str, str | None]  # a model, and the start of the server


class Counting:
    """Counts models, and knows which were counted: before their first use, or `behind` it."""

    def __init__(self, database: Database, behind: bool) -> None:
        self._database, self._behind = database, behind
        self._lock = threading.Lock()
        self._whole: set[_Use] = set()
        self._under_way: set[_Use] = set()
        self._failed: dict[_Use, GraphError] = {}

    def once(self, model: str, verified: str | None) -> None:
        """See that a model is counted on this start of the server, unless it is verified there.

        DatabaseDamaged, at every use from the moment that this is known; what else the count came upon once, and then
        it begins anew.
        """
        use = model, self._database.start
        with self._lock:
            if error := self._failed.get(use):
                if not isinstance(error, DatabaseDamaged):
                    del self._failed[use]
                raise error.with_traceback(None)
            if use in self._whole | self._under_way:
                return
        if use[1] == verified:  # so on a server that checks its own files, whose start is None
            self._tally(model)
            self._whole.add(use)
        elif self._behind:
            self._begin(use)
        else:
            self._count(use)

    def whole(self, model: str) -> bool:
        """Count and sum all of a model, and whether there is such a model; DatabaseDamaged for one that lost data."""
        return self._tally(model) and self._check(model, VERIFY)

    def under_way(self, model: str) -> bool:
        """Whether a model is in use that is still being counted."""
        return (model, self._database.start) in self._under_way

    def _begin(self, use: _Use) -> None:
        with self._lock:
            first = use not in self._under_way
            self._under_way.add(use)
        if first:
            threading.Thread(target=self._go_on, args=(use,), daemon=True).start()

    def _go_on(self, use: _Use) -> None:
        try:
            self._count(use)
        except GraphError as error:
            self._failed[use] = error
        finally:
            self._under_way.discard(use)

    def _count(self, use: _Use) -> None:
        model, start = use
        self.whole(model)
        self._database.write(VERIFIED, model=model, start=start)
        self._whole.add(use)

    def _tally(self, model: str) -> bool:
        """The count that a moment allows."""
        return self._check(model, TALLY)

    def _check(self, model: str, text: str) -> bool:
        rows = self._database.read(text, model=model)
        for row in rows:
            if row["recorded"] is None or not math.isclose(row["found"], row["recorded"], rel_tol=1e-9):
                raise DatabaseDamaged(_damage(model, row))
        return bool(rows)


def _damage(model: str, row: Mapping[str, Any]) -> str:
    labels = ", then import the labels that you exported" if row["what"] == "annotations" else ""
    return (
        f"The database lost data of {model}: {row['what']} come to {row['found']}, and {row['recorded']} were written. "
        f"Its files were cut short or damaged. Load the extraction again{labels}."
    )
