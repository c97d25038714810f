"""Verify a model: count and sum what the database holds, once for every start of its server.

An embedded server would serve files that were cut short, so after every start all is counted and summed again. Two
million edges take ten seconds. In the background, numbers are shown meanwhile, and refused as soon as a count is wrong.
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


class Verification:
    """Verifies models and remembers which ones: before their first use, or in the background."""

    def __init__(self, database: Database, in_background: bool) -> None:
        self._database, self._in_background = database, in_background
        self._lock = threading.Lock()
        self._verified: set[_Use] = set()
        self._running: set[_Use] = set()
        self._failed: dict[_Use, GraphError] = {}

    def ensure(self, model: str, verified: str | None) -> None:
        """Verify a model on this start of the server, unless that is done; `verified` is the start the database names.

        DatabaseDamaged, at every use once it is known. Any other error of a verification in the background is raised
        once, and the next use verifies again.
        """
        use = model, self._database.start
        with self._lock:
            if error := self._failed.get(use):
                if not isinstance(error, DatabaseDamaged):
                    del self._failed[use]
                raise error.with_traceback(None)
            if use in self._verified | self._running:
                return
        if use[1] == verified:  # always on a server that checks its own files, whose start is None
            self._check(model, TALLY)  # the counts that take a moment
            self._verified.add(use)
        elif self._in_background:
            self._begin(use)
        else:
            self._complete(use)

    def verify(self, model: str) -> bool:
        """Count and sum all of a model; False if there is no such model. DatabaseDamaged for lost data."""
        return self._check(model, TALLY) and self._check(model, VERIFY)

    def is_running(self, model: str) -> bool:
        """Whether the model is being verified in the background."""
        return (model, self._database.start) in self._running

    def _begin(self, use: _Use) -> None:
        with self._lock:
            first = use not in self._running
            self._running.add(use)
        if first:
            threading.Thread(target=self._run, args=(use,), daemon=True).start()

    def _run(self, use: _Use) -> None:
        try:
            self._complete(use)
        except GraphError as error:
            self._failed[use] = error
        finally:
            self._running.discard(use)

    def _complete(self, use: _Use) -> None:
        model, start = use
        self.verify(model)
        self._database.write(VERIFIED, model=model, start=start)
        self._verified.add(use)

    def _check(self, model: str, text: str) -> bool:
        """Compare counts and sums with those recorded at the load; False if there is no such model."""
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
