"""Networks whose last sums take from the shortcut what is planted, shown probes and decided from what is recorded."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog.article.claims import claims
from catalog.article.measurements import Measurements
from catalog.article.reproduction import decide
from extract.article.network_measures import NetworkMeasures
from extract.enrichment.pipeline import measure
from extract.network.network import Network
from tests.builders.extractions import without_edges
from tests.builders.planted_article import SUMS
from tests.builders.tiny_network import tinted_probes

TOP_100 = {claim.name: claim for claim in claims() if claim.needs == ("top 100 probes",)}


@pytest.mark.parametrize(("aside", "verdict"), [(0, "pass"), (0.3, "deviation")])
def test_shares_over_the_top_100_are_those_planted_in_the_network(
    tiny: Network, tmp_path: Path, aside: float, verdict: str
) -> None:
    network = replace(tiny, clip=deepcopy(tiny.clip))
    for block, (_, part) in SUMS.items():
        _plant(
            network.visual.get_submodule(f"layer{block.replace('/', '.')}"),
            part - aside if part > 0.5 else part + aside,
        )
    extraction = without_edges(network, tmp_path / "x")
    measure(network, extraction, tinted_probes(), [layer for layer, _ in SUMS.values()], progress=False, chunk=128)
    examples = extraction.table("top_100_shares")["examples"].to_numpy()
    assert np.median(examples) > 90
    decided = {
        name: decide(claim, Measurements(NetworkMeasures(network), extraction)) for name, claim in TOP_100.items()
    }
    assert len(decided) == 9
    assert {outcome.verdict for outcome in decided.values()} == {verdict}


@torch.no_grad()
def _plant(block: Any, part: float) -> None:
    """Let this part of a block's units hand on the shortcut, and the others' conv branch drown it; all units rise."""
    units, norm = len(block.bn3.weight), block.bn3
    high = torch.from_numpy(np.random.default_rng(0).permutation(units) < round(part * units))  # (units,)
    block.conv3.weight.copy_(block.conv3.weight.abs() * torch.where(high, 1e-6, 30)[:, None, None, None])
    norm.weight.abs_()
    for constant in (norm.bias, norm.running_mean):
        constant.fill_(0)
    if block.downsample is not None:
        block.downsample[-1].bias.fill_(10)
