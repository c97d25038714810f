"""`circuits cypher`: ask the database in Cypher of one's own."""

from typing import Annotated

import typer

from app.cli.options import DatabaseOption, Json, Parameters, Reveal, RowLimit, Timeout, Wide, connect, parameters_of
from app.cli.query import show_answer


def cypher(
    text: Annotated[str, typer.Argument(metavar="QUERY", help="Cypher that reads.")],
    parameters: Parameters = None,
    limit: RowLimit = 1000,
    timeout: Timeout = 30.0,
    database: DatabaseOption = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Query the database in Cypher; the server refuses queries that write.

    Example: circuits cypher "MATCH (u:Unit {layer: $layer}) RETURN u.id, u.label LIMIT 5" --parameter layer=4/2/6
    """
    with connect(database) as catalog:
        answer = catalog.query(text, parameters_of(parameters), timeout=timeout, limit=limit)
        show_answer(answer, catalog.queries.veil(reveal), as_json, wide)
