"""`circuits cypher`: a question in one's own Cypher."""

from typing import Annotated

import typer

from app.cli.options import Database, Json, Parameters, Reveal, RowLimit, Timeout, connect, parameters_of
from app.cli.query import show_answer


def cypher(
    text: Annotated[str, typer.Argument(metavar="QUERY", help="Cypher that reads.")],
    parameters: Parameters = None,
    limit: RowLimit = 1000,
    timeout: Timeout = 30.0,
    database: Database = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Ask the database in Cypher; the server refuses whatever writes.

    Example: circuits cypher "MATCH (u:Unit {layer: $layer}) RETURN u.id, u.label LIMIT 5" --parameter layer=4/2/6
    """
    from catalog.queries import Queries
    from graph.store import Store

    with connect(database) as connection:
        queries = Queries(Store(connection))
        show_answer(queries.ask(text, parameters_of(parameters), timeout, limit), queries, reveal, as_json)
