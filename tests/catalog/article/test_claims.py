import re

from catalog.article.claims import claims
from catalog.article.measurements import LACKS
from catalog.article.reproduction import CHECKS

NAMED_UNIT = re.compile(r"[1-4]/\d/[1-8]/\d")


def test_no_claim_lacks_a_check_and_no_check_a_claim() -> None:
    assert {claim.check for claim in claims()} == set(CHECKS)


def test_every_claim_says_who_made_it_what_is_measured_and_how_far_off_it_may_be() -> None:
    for claim in claims():
        assert all((claim.name, claim.sentence, claim.statistic, claim.published, claim.tolerance)), claim.name
        assert set(claim.needs) <= set(LACKS), claim.name
    names = [claim.name for claim in claims()]
    assert len(set(names)) == len(names)


def test_a_claim_about_single_units_needs_the_network_that_they_are_of() -> None:
    for claim in claims():
        texts = " ".join(map(str, claim.numbers.values()))
        if NAMED_UNIT.search(texts) or "words" in claim.numbers or "shares" in claim.numbers:
            assert "RN50" in claim.needs, claim.name


def test_the_golden_numbers_are_all_there() -> None:
    """Those of the authors' notebooks, G1 to G7, of Distill, G9 and G10, and G11; shares stand for G8."""
    firsts = {claim.name.split(",")[0] for claim in claims()}
    assert {f"G{number}" for number in range(1, 12)} - firsts == {"G8"}
    norms = {c.name: c.numbers["norm"] for c in claims() if "norm" in c.numbers}
    assert norms == {"G4": 23.51958, "G4, first word": 23.73242, "G4, sum over words": 228396.28}
    shares = {c.numbers["part"] for c in claims() if c.check == "near_identity" and "visualisations" in c.needs}
    assert shares == {0.86, 0.822, 0.145}  # 1,761, 1,683 and 296 of 2,048
