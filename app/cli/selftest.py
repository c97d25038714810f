"""`circuits selftest`: check for a network, on this machine, what the catalog rests on."""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.network_options import NetworkName, Pretrained
from app.cli.options import Json

MEANINGS = {
    "hooks": "what hooks read of every layer is what the weights give",
    "sums": "conv and shortcut add up to every sum",
    "kernels": "expanded weights are autograd's",
    "embedding": "the parts of the embedding add up to it",
}


def selftest(
    name: NetworkName,
    pretrained: Pretrained = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the images and pairs of units that are drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Check hooks, sums, expanded weights and the embedding's parts on a network and this machine.

    Prints the largest error of each check, relative to the largest value, and its limit. The exit code is 1 beyond one.

    Example: circuits selftest demo
    """
    from catalog import open_network  # slow to import, and help does without

    live = open_network(name, pretrained)
    checks = live.selftest(seed)
    rows = [
        (MEANINGS[c.name], "passed" if c.passed else "FAILED", f"{c.error:.1e}", f"{c.limit:.0e}", c.place)
        for c in checks
    ]
    columns = ("check", "result", "largest error", "limit", "where")
    if not as_json:
        typer.echo(live.description)
    printing.show_rows(checks, printing.table("", columns, rows), as_json)
    if not all(check.passed for check in checks):
        raise typer.Exit(1)
