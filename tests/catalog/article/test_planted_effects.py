from pathlib import Path

import pytest

from catalog.article.claims import claims
from catalog.article.figures import figures
from catalog.article.reproduction import decide
from extract.network.network import Network
from tests.builders.planted_article import CLAIMS, EFFECTS, planted_article, planted_shape

TABLE = {claim.name: claim for claim in claims()}


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return planted_shape(tmp_path_factory.mktemp("shape"))


@pytest.mark.parametrize("effect", ["lobes by sign", "lobes everywhere", "uneven sources"])
def test_a_planted_effect_confirms_its_claims_and_no_others(shaped: Network, tmp_path: Path, effect: str) -> None:
    evidence = planted_article(tmp_path / "x", shaped, effect, seed=1)
    passed = {name for name in CLAIMS if decide(TABLE[name], evidence).verdict == "pass"}
    assert passed == set(EFFECTS[effect])


def test_the_figures_show_shares_overlaps_and_contributions(shaped: Network, tmp_path: Path) -> None:
    drawn = list(figures(planted_article(tmp_path / "x", shaped, "discarded", seed=1)))
    captions = [figure.caption for figure in drawn]
    assert captions[0].startswith("Shares over the shortcut of 4/1/6 on top probes, the authors' formula")
    assert captions[1:3] == [
        "Contributions of 1/0/1/0 to the 256 units of 4/0/5, raw; their number by size.",
        "Contributions of 1/0/1/0 to the 256 units of 4/1/5, raw; their number by size.",
    ]
    assert captions[3].startswith("Top probes that the last sum's units have in common")
    assert all(figure.chart.count("<svg") == 1 for figure in drawn)
