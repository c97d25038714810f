"""Named queries: the built-in ones, and saved ones, which anybody may save, run with other parameters, and remove.

Queries only read: the server refuses to write while a query runs, and a query that writes cannot be saved.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from catalog.errors import NamedQueryError
from catalog.hiding.veil import Veil
from catalog.table import Table
from catalog.text_rules import Name, broken, checked_author, in_one_line, login_name
from extract.unique_names import doubles_refused, json_object
from graph.cypher.built_in import BUILT_IN
from graph.cypher.named_query import EarlierQuery, NamedQuery
from graph.errors import QueryTimeout
from graph.store import Store

LONGEST = 10_000  # characters of a text, and of the defaults as JSON
LONGEST_DESCRIPTION = 500
_BUILT_IN_NAMES = {query.name for query in BUILT_IN}


def _short(defaults: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(defaults)) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    return defaults


class _Saved(BaseModel):
    """The rules of a saved query: name and author are one line each; text and description have a bounded length."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    author: Name
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST)]
    description: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=LONGEST_DESCRIPTION), AfterValidator(in_one_line)
    ]
    defaults: Annotated[dict[Annotated[str, Field(pattern=r"^\w+$")], JsonValue], AfterValidator(_short)]


class Queries:
    """The named queries of a catalog."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def list(self) -> Sequence[NamedQuery]:
        """List the built-in queries by subject, then the saved ones by name.

        A saved query whose name a built-in query has by now is listed, and found by `get`, as `NAME (saved)`.
        """
        return [*BUILT_IN, *(replace(query, name=_listed_name(query.name)) for query in self.store.saved_queries())]

    @staticmethod
    def hidden_by_built_in(listed: Sequence[NamedQuery]) -> Sequence[str]:
        """Return, of the queries that `list` returned, the names that a saved and a built-in query share."""
        return [name for name in sorted(_BUILT_IN_NAMES) if any(query.name == _listed_name(name) for query in listed)]

    def get(self, name: str) -> NamedQuery:
        """Return the query of this name. Raises NamedQueryError if there is none."""
        queries = {query.name: query for query in self.list()}
        if name not in queries:
            raise _no_query(name)
        return queries[name]

    def save(
        self,
        name: str,
        text: str,
        description: str = "",
        defaults: Mapping[str, Any] | None = None,
        author: str | None = None,
        replace: bool = False,
        patience: float = 10.0,
    ) -> NamedQuery:
        """Save a query with defaults for its parameters; `replace` replaces a query of the same name.

        The server has `patience` seconds to decide whether the text only reads. `author` None takes the login name.
        Raises NamedQueryError for a value that breaks a rule, or a name that is built in or taken; WriteRefused for a
        text that writes; QueryError for a text that the server does not understand. An error changes nothing.
        """
        saved = _checked(
            {"name": name, "text": text, "description": description, "defaults": dict(defaults or {})}
            | {"author": author or login_name()}
        )
        query = NamedQuery(**dict(saved), at=datetime.now(UTC))
        _refuse_built_in(name.strip())
        _check_names(query, query.defaults)
        with suppress(QueryTimeout):  # the query is slow, but it only reads
            self.store.query(query.text, {**dict.fromkeys(query.parameters), **query.defaults}, patience, limit=1)
        if not self.store.save_query(query, replace):
            raise NamedQueryError(
                f"There is already a query {query.name!r}. Choose another name, or replace that query (replace=True)."
            )
        return query

    def remove(self, name: str, author: str | None = None) -> None:
        """Remove a saved query, even one whose name a built-in query has; `restore` restores it.

        Raises NamedQueryError for a built-in query, or if there is no query of this name.
        """
        who = checked_author(author)
        if not self.store.remove_query(name, who):
            self.store.remove_query(self.saved(name).name, who)

    def saved(self, name: str) -> NamedQuery:
        """Return the query saved or listed under this name. Raises NamedQueryError if there is none."""
        saved = {query.name: query for query in self.store.saved_queries()}
        if query := saved.get(name) or {_listed_name(query.name): query for query in saved.values()}.get(name):
            return query
        _refuse_built_in(name)
        raise _no_query(name)

    def earlier(self) -> Sequence[EarlierQuery]:
        """List the saved queries that were replaced or removed, latest first."""
        return self.store.earlier_queries()

    def restore(self, name: str, version: str | None = None, author: str | None = None) -> NamedQuery:
        """Restore the query that was last replaced or removed under a name, or the version with this id.

        The query that has the name now becomes an earlier version. Raises NamedQueryError if there is no such version.
        """
        who = checked_author(author)
        versions = [e for e in self.earlier() if e.name == name and version in (None, e.version)]
        if not versions:
            raise NamedQueryError(
                f"There is no replaced or removed query {version or repr(name)}. `circuits query history` lists all."
            )
        self.store.save_query(versions[0], replace=True, author=who)
        return versions[0]

    def parameters(self, query: NamedQuery, values: Mapping[str, Any], model: str | None = None) -> dict[str, Any]:
        """Return the values of a query's parameters, with its defaults for those that are missing.

        The defaults of `model` and `layer` are the model (None: the only one in the database) and its last sum. Raises
        NamedQueryError for a value that is still missing, or for a parameter that the query does not have;
        ModelMissing.
        """
        _check_names(query, values)
        values = {**query.defaults, **values}
        if unset := {"model", "layer"} & (set(query.parameters) - set(values)):
            store = self.store.model(values.get("model", model))
            defaults = {"model": store.id, "layer": str(store.architecture.final)}
            values |= {name: defaults[name] for name in unset}
        if missing := [name for name in query.parameters if name not in values]:
            names = [f"{name} ({query.meanings[name]})" if name in query.meanings else name for name in missing]
            raise NamedQueryError(f"The query needs a value of {', '.join(names)}.")
        return values

    def run(
        self,
        query: NamedQuery | str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        model: str | None = None,
        timeout: float = 30.0,
        limit: int = 1000,
        **named: Any,
    ) -> Table[Mapping[str, Any]]:
        """Run a query, or the one of this name: at most `limit` rows in at most `timeout` seconds.

        Parameters are keywords or a mapping. Raises the errors of `parameters` and `ask`.
        """
        query = self.get(query) if isinstance(query, str) else query
        values = self.parameters(query, {**(parameters or {}), **named}, model)
        return self.ask(query.text, values, timeout, limit, query.name)

    def ask(
        self, text: str, parameters: Mapping[str, Any], timeout: float = 30.0, limit: int = 1000, title: str = "Answer"
    ) -> Table[Mapping[str, Any]]:
        """Run a user's own Cypher; each record of the answer maps its columns to values.

        Raises WriteRefused, QueryTimeout, QueryError.
        """
        answer = self.store.query(text, parameters, timeout, limit)
        records = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        return Table(title, records, self.veil, columns=answer.columns, truncated=answer.truncated)

    def veil(self, revealed: bool = False, model: str | None = None) -> Veil:
        """Return the veil for an answer: it hides sensitive labels, texts of flagged things and flagged words.

        These are the texts of all models. With a `model`, the veil also hides that model's flagged units and images.
        """
        hidden = self.store.hidden_texts()
        flags = {} if model is None else hidden.flags_of(model)
        return Veil(revealed, hidden.texts, {**flags, "word": hidden.words})


def _no_query(name: str) -> NamedQueryError:
    return NamedQueryError(f"There is no query {name!r}. `circuits query list` lists all.")


def _listed_name(name: str) -> str:
    """Return the name that a saved query is listed by."""
    return f"{name} (saved)" if name in _BUILT_IN_NAMES else name


def _refuse_built_in(name: str) -> None:
    if name in _BUILT_IN_NAMES:
        raise NamedQueryError(f"{name!r} is a built-in query and cannot be changed. Choose another name.")


def _check_names(query: NamedQuery, values: Mapping[str, Any]) -> None:
    if unknown := ", ".join(name for name in values if name not in query.parameters):
        names = ", ".join(query.parameters) or "none"
        raise NamedQueryError(f"The query has no parameter {unknown}. It has: {names}.")


def _checked(fields: dict[str, Any]) -> _Saved:
    try:
        return _Saved.model_validate(fields)
    except ValidationError as error:
        raise NamedQueryError(
            f"The query cannot be saved ({broken(error)}). Nothing was changed. Correct this and try again."
        ) from error


def parse_value(text: str) -> Any:
    """Read a parameter's value as JSON, or else as text.

    Raises NamedQueryError for a text that begins like a JSON list, map or string but is not valid JSON, and for JSON
    that is nested too deeply, holds a number that is too long, or has a key twice.
    """
    try:
        with doubles_refused(NamedQueryError, f"In the value {text[:20]}"):
            return json.loads(text, object_pairs_hook=json_object)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith(("[", "{", '"')):
            raise NamedQueryError(
                f"The value {text[:20]} begins like JSON but is not JSON: {error}. Correct it, or write it as text in "
                "double quotes, with a backslash before each quote in it."
            ) from error
        return text
    except RecursionError as error:
        raise NamedQueryError(
            f"The value {text[:20]}... nests lists or maps too deeply. Correct it, and ask again."
        ) from error
    except ValueError as error:
        raise NamedQueryError(
            f"The value {text[:20]}... holds a number with too many digits. Correct it, and ask again."
        ) from error
