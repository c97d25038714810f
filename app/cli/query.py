"""`circuits query`: ask queries that have a name, and save others."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.cli.confirmation import Yes, confirm
from app.cli.options import (
    Author,
    DatabaseOption,
    Json,
    ModelName,
    Parameters,
    Reveal,
    RowLimit,
    Timeout,
    Version,
    Wide,
    connect,
    parameters_of,
)
from extract.printable import printable

if TYPE_CHECKING:
    from catalog import NamedQuery, Table, Veil  # slow to import, and help does without

query = typer.Typer(no_args_is_help=True, help="Run named queries, and save your own.")

QueryName = Annotated[str, typer.Argument(metavar="NAME", help="One of `circuits query list`.")]


@query.command("list")
def list_queries(database: DatabaseOption = None, wide: Wide = False, as_json: Json = False) -> None:
    """List the built-in and the saved queries.

    Example: circuits query list
    """
    with connect(database) as catalog:
        queries = catalog.queries.list()
        hidden = catalog.queries.hidden_by_built_in(queries)
    rows = [(query.name, query.description, query.author, _parameters(query)) for query in queries]
    listed = printing.table("Queries", ("name", "answers", "by", "parameters"), rows)
    printing.show_rows(queries, listed, as_json, wide)
    if hidden:
        names = ", ".join(map(printable, hidden))
        typer.echo(
            f"circuits: built-in queries have the same names as the saved queries {names}, which are listed with "
            "(saved) after the name. Save these under other names, and remove the old ones.",
            err=True,
        )


@query.command("run")
def run_query(
    name: QueryName,
    parameters: Parameters = None,
    limit: RowLimit = 1000,
    timeout: Timeout = 30.0,
    database: DatabaseOption = None,
    model: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Run a named query; by default the model is the only one, and the layer is its last sum.

    Example: circuits query run candidates --parameter verdict=open --limit 5
    """
    with connect(database) as catalog:
        queries = catalog.queries
        answer = queries.run(name, parameters_of(parameters), model=model, timeout=timeout, limit=limit)
        show_answer(answer, queries.veil(reveal), as_json, wide)


@query.command("show")
def show_query(name: QueryName, database: DatabaseOption = None, as_json: Json = False) -> None:
    """Print a query's Cypher, which also runs in Neo4j Browser.

    Example: circuits query show candidates
    """
    with connect(database) as catalog:
        query = catalog.queries.get(name)
    if as_json:
        printing.show_json(query)
    else:
        typer.echo("\n".join([*_comments(query), query.text.strip()]))


@query.command("save")
def save_query(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The query's name.")],
    text: Annotated[str, typer.Argument(metavar="QUERY", help="Cypher that reads.")],
    description: Annotated[str, typer.Option(help="What the query answers, in a sentence.")] = "",
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", help="name=default, the default JSON or text; repeatable.")
    ] = None,
    author: Author = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a query of the same name.")] = False,
    database: DatabaseOption = None,
) -> None:
    """Save a query in the database for everybody who uses it; queries that write are refused.

    Example: circuits query save hats "MATCH (u)-->(l:Label) WHERE l.text CONTAINS $t RETURN u.id" --parameter t=hat
    """
    defaults = parameters_of(parameters)
    with connect(database) as catalog:
        saved = catalog.queries.save(name, text, description, defaults, author, replace)
    typer.echo(f"Saved. Ask it with: circuits query run {printable(json.dumps(saved.name, ensure_ascii=False))}")


@query.command("remove")
def remove_query(name: QueryName, author: Author = None, yes: Yes = False, database: DatabaseOption = None) -> None:
    """Remove a saved query; `circuits query restore` brings it back.

    Example: circuits query remove hats
    """
    with connect(database) as catalog:
        saved = catalog.queries.saved(name)  # raises for a name that is not there
        confirm(f"{printable(name)} by {printable(saved.author)} is removed for all who use this database.", yes)
        catalog.queries.remove(saved.name, author)


@query.command("history")
def query_history(database: DatabaseOption = None, wide: Wide = False, as_json: Json = False) -> None:
    """List the saved queries that were replaced or removed, latest first; each can be restored.

    Example: circuits query history
    """
    with connect(database) as catalog:
        earlier = catalog.queries.earlier()
    rows = [
        (q.name, q.description, q.author, q.removed_by, f"{q.removed_at:%Y-%m-%d %H:%M}", q.version) for q in earlier
    ]
    columns = ("name", "answers", "by", "replaced or removed by", "at", "version")
    printing.show_rows(earlier, printing.table("Replaced or removed", columns, rows), as_json, wide)


@query.command("restore")
def restore_query(
    name: QueryName,
    version: Version = None,
    author: Author = None,
    database: DatabaseOption = None,
) -> None:
    """Restore a saved query that was replaced or removed; a current one of its name joins the history.

    Example: circuits query restore hats
    """
    with connect(database) as catalog:
        restored = catalog.queries.restore(name, version, author)
    typer.echo(f"{printable(restored.name)} by {printable(restored.author)} is saved again.")


def show_answer(answer: "Table[Mapping[str, Any]]", veil: "Veil", as_json: bool, wide: bool) -> None:
    """Print an answer as a table with sensitive texts hidden, or as JSON; on stderr print how many rows it has.

    The line on stderr also tells whether there are more rows.
    """
    rows = list(answer)
    cells = [[_on_one_line(veil.value(value)) for value in row.values()] for row in rows]
    printing.show_rows(rows, printing.table("", answer.columns, cells), as_json, wide)
    count = f"the first {len(rows)} rows; there are more (--limit)" if answer.truncated else f"{len(rows)} rows"
    typer.echo(f"circuits: {count}.", err=True)


def _on_one_line(value: Any) -> Any:
    """Join a list of texts into one line, each text once; return any other value as it is."""
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return ", ".join(dict.fromkeys(value)) if texts else value


def _parameters(query: "NamedQuery") -> str:
    """Return a query's parameters with their defaults, in one line; a parameter without a default has to be set."""
    defaults = query.defaults
    return ", ".join(
        f"{name}={printing.cell(defaults[name])}" if name in defaults else name for name in query.parameters
    )


def _comments(query: "NamedQuery") -> list[str]:
    """Return comments that say what a query answers, and how to set its parameters in Neo4j Browser."""
    from catalog import BUILT_IN_AUTHOR  # slow to import, and help does without

    author = [] if query.author == BUILT_IN_AUTHOR else [f"saved by {query.author}"]
    meanings = (f"${name}: {meaning}" for name, meaning in query.meanings.items())
    lines = [query.description, *author, *meanings, _browser_parameters(query)]
    return [f"// {line}" for line in lines if line]


def _browser_parameters(query: "NamedQuery") -> str:
    """Return what to type in Neo4j Browser before a query that has parameters."""
    open_ones = [f"{name}: ..." for name in query.parameters if name not in query.defaults]
    values = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in query.defaults.items()]
    return f"in Neo4j Browser first   :params {{{', '.join([*open_ones, *values])}}}" if query.parameters else ""
