"""`circuits query` and `circuits cypher`: questions to the database, by name or in one's own Cypher."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from app.cli import printing as tables
from app.cli.options import Author, Database, Json, Model, Reveal, connected, parameter
from catalog.queries import Queries
from catalog.table import Table
from graph.cypher.named_query import BUILT_IN_AUTHOR, NamedQuery
from graph.store import Store

query = typer.Typer(no_args_is_help=True, help="Ask by name; save queries of your own.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="One of `circuits query list`.")]
_Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", help="name=value, the value JSON or text; repeatable.")
]
_Rows = Annotated[int, typer.Option("--limit", min=1, help="Rows at most.")]
_Seconds = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds at most.")]


@query.command("list")
def list_queries(database: Database = None, as_json: Json = False) -> None:
    """List the queries that have a name, ours and those that were saved.

    Example: circuits query list
    """
    with connected(database) as connection:
        found = Queries(Store(connection)).list()
    tables.show_rows(found, tables.queries(found), as_json)


@query.command("run")
def run_query(
    name: _Name,
    parameters: _Parameters = None,
    limit: _Rows = 1000,
    timeout: _Seconds = 30.0,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Ask a named query; a parameter not given has its default, a model or layer the only model and its last sum.

    Example: circuits query run candidates --parameter q=0.01 --limit 5
    """
    with connected(database) as connection:
        queries = Queries(Store(connection))
        answer = queries.run(name, _given(parameters), model=model, timeout=timeout, limit=limit)
        _show(answer, queries, reveal, as_json)


@query.command("show")
def show_query(name: _Name, database: Database = None, as_json: Json = False) -> None:
    """Print a query's Cypher, which runs in Neo4j Browser too.

    Example: circuits query show candidates
    """
    with connected(database) as connection:
        found = Queries(Store(connection)).get(name)
    if as_json:
        tables.show_json(found)
    else:
        typer.echo("\n".join([*_head(found), found.text.strip()]))


@query.command("save")
def save_query(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    text: Annotated[str, typer.Argument(metavar="QUERY", help="Cypher that reads.")],
    description: Annotated[str, typer.Option(help="What it answers, in a sentence.")] = "",
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", help="name=default, the default JSON or text; repeatable.")
    ] = None,
    author: Author = None,
    replace: Annotated[bool, typer.Option("--replace", help="In place of one of that name.")] = False,
    database: Database = None,
) -> None:
    """Keep a query in the database for all who use it; a text that writes is refused.

    Example: circuits query save hats "MATCH (u:Labelled) WHERE u.label CONTAINS $word RETURN u.id" --parameter word=hat
    """
    with connected(database) as connection:
        saved = Queries(Store(connection)).save(name, text, description, _given(parameters), author, replace)
    typer.echo(f"Saved. Ask it with: circuits query run {json.dumps(saved.name, ensure_ascii=False)}")


@query.command("remove")
def remove_query(name: _Name, database: Database = None) -> None:
    """Take a saved query away for good.

    Example: circuits query remove hats
    """
    with connected(database) as connection:
        Queries(Store(connection)).remove(name)


def cypher(
    text: Annotated[str, typer.Argument(metavar="QUERY", help="Cypher that reads.")],
    parameters: _Parameters = None,
    limit: _Rows = 1000,
    timeout: _Seconds = 30.0,
    database: Database = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Ask the database in Cypher; the server refuses whatever writes.

    Example: circuits cypher "MATCH (u:Unit {layer: $layer}) RETURN u.id, u.label LIMIT 5" --parameter layer=4/2/6
    """
    with connected(database) as connection:
        queries = Queries(Store(connection))
        _show(queries.ask(text, _given(parameters), timeout, limit), queries, reveal, as_json)


def _given(parameters: Iterable[str] | None) -> dict[str, Any]:
    return dict(map(parameter, parameters or []))


def _show(answer: Table[Mapping[str, Any]], queries: Queries, reveal: bool, as_json: bool) -> None:
    """An answer as a table behind the veil, or as JSON; on stderr how many rows, and whether there are more."""
    veil = queries.veil(reveal)
    rows = list(answer)
    cells = [[_line(veil.value(value)) for value in row.values()] for row in answer]
    tables.show_rows(rows, tables.table("", answer.columns, cells), as_json)
    told = f"the first {len(rows)} rows; there are more (--limit)" if answer.truncated else f"{len(rows)} rows"
    typer.echo(f"circuits: {told}.", err=True)


def _line(value: Any) -> Any:
    """A list of texts in one line, each once; anything else as it is."""
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return ", ".join(dict.fromkeys(value)) if texts else value


def _head(query: NamedQuery) -> list[str]:
    """Comments that say what a query answers, and in Neo4j Browser how to set its parameters."""
    asked = [name for name in query.parameters if name not in query.defaults]
    values = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in query.defaults.items()]
    told = [] if query.author == BUILT_IN_AUTHOR else [f"saved by {query.author}"]
    lines = [query.description, *told, *(f"${name}: {meaning}" for name, meaning in query.meanings.items())]
    if query.parameters:
        lines.append(f"in Neo4j Browser first   :params {{{', '.join([*(f'{n}: ...' for n in asked), *values])}}}")
    return [f"// {line}" for line in lines if line]
