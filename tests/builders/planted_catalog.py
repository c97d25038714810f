"""Write an extraction by hand: 32 units in 4/2/6, some of which have the evidence and the weights that stand below."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS

MODEL = "planted:by-hand"


def planted_catalog(folder: Path, model: str = MODEL, image: bytes = b"image") -> Extraction:
    """Write the extraction into a new folder; `image` is every probe's thumbnail."""
    manifest = Manifest(
        model=model,
        weights_sha256="0" * 64,
        blocks=(1, 1, 1, 3),
        width=1,
        image_size=64,
        settings=ExtractionSettings(targets=("4/1/5", "4/1/6", "4/2/5"), strongest=10, matrices=False),
        tools={},
    )
    extraction = Extraction.create(folder, manifest)
    units: list[dict[str, Any]] = [
        {"layer": str(layer), "channel": c} for layer, n in extraction.layers.items() for c in range(n)
    ]
    extraction.add({"units.parquet": pa.Table.from_pylist(units, SCHEMAS["units"])})
    for target in manifest.settings.targets:
        edges = _edges(target)
        pairs = {(edge["source"], edge["direct"]) for edge in edges}
        sweeps = [
            {"source": source, "target": target, "n": 1024, "kept": len(edges), "cutoff_magnitude": 0, "cutoff_mean": 0}
            | {"span": 1, "direct": direct, "cut": False}
            for source, direct in sorted(pairs)
        ]
        rows = {"edges": edges, "sweeps": sweeps}
        extraction.add({part(name, target): pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in rows})
    rows = _evidence(image)
    rows |= _words()
    extraction.add({f"{name}.parquet": pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in rows})
    return extraction


def _words() -> dict[str, list[dict[str, Any]]]:
    """Return rows of words: unit 4/2/6/0 reads both words, unit 4/2/6/1 only the first."""
    texts = ("hammer", "anchor")
    vocabulary = [{"text": text, "kind": "word", "length": len(text), "lettering": "hand"} for text in texts]
    readings = [
        {"word": word, "layer": "4/2/6", "channel": channel, "value": 2.0 - channel, "z": 3.0 - rank}
        | {"word_rank": rank, "unit_rank": channel + 1}
        for channel, words in enumerate([texts, texts[:1]])
        for rank, word in enumerate(words, start=1)
    ]
    return {"vocabulary": vocabulary, "words": readings}


def _edges(target: str) -> list[dict[str, Any]]:
    """Return the edges into a target: units 0 to 9 of 4/0/8 feed every unit, with exceptions among the conv units.

    Units 10 to 19 feed conv unit 0, with strong weights, and conv unit 3, with weak ones. Conv unit 1 takes back what
    its shortcut brings. Conv unit 5 shares with its shortcut only unit 0, which outweighs all its other inputs. Conv
    unit 6 has the inputs of its shortcut with alternating signs. Direct edges come from the block's bn2 units; odd ones
    are negative.
    """
    sum_, block = "4/0/8", target[:4]
    edges = []
    for channel in range(32):
        conv = target == "4/2/5"
        strength = {("4/2/5", 3): 0.1, ("4/2/5", 0): 5.0, ("4/1/6", 0): 5.0}.get((target, channel), 1.0)
        for rank in range(1, 11):
            apart = conv and (channel in (0, 3) or (channel == 5 and rank > 1))
            negative = conv and (channel == 1 or (channel == 6 and rank % 2))
            weight = 20.0 if channel == 5 and rank == 1 else strength * (1 - rank / 100)
            mean = -weight if negative else weight
            edges.append(_edge(sum_, rank - 1 + 10 * apart, target, channel, weight, mean, False, rank))
        if not target.endswith("6"):
            for source in range(8):
                weight = (source + 1) * (1 + channel / 100)
                edges.append(
                    _edge(f"{block}3", source, target, channel, weight, (-1) ** source * weight, True, 8 - source)
                )
    return edges


def _edge(
    source: str, s: int, target: str, t: int, magnitude: float, mean: float, direct: bool, rank: int
) -> dict[str, Any]:
    ends = {"source": source, "source_channel": s, "target": target, "target_channel": t}
    weights = {"magnitude": magnitude, "mean": mean, "sum": mean, "span": 1, "direct": direct}
    return ends | weights | {"rank_in": rank, "rank_out": None}


PLANTED = {  # unit: differences in concept and modality, rises on the facets of shortcut and conv, exact share
    0: (0.9, 0.9, 1.9, 1.5, 0.9966),  # two facets in both ways
    1: (0.8, 0.1, 2.0, 1.1, 0.5),  # two facets that differ in concept only
    2: (0.9, 0.9, 2.0, 0.1, 0.9849),  # one facet is discarded
    3: (0.1, 0.1, 2.0, 2.0, 0.15),  # one facet
    4: (0.2, 0.7, 1.0, 1.8, 0.3),  # two facets that differ in modality only
}


CENSUS = {  # unit: verdict, its q, the lesser lower bound of specificity; every other is open, the last not measured
    0: ("enriched", 0.001, 0.9),
    1: ("enriched", 0.01, 0.3),
    2: ("not enriched", 0.6, -0.4),
    3: ("facets alike", 0.7, 0.2),
    4: ("enriched", 0.04, 0.4),
}
ABLATION = {0: ("supported", 0.9), 1: ("inconclusive", 0.05), 2: ("contradicted", -0.4), 4: ("supported", 0.3)}
REMAINING = {  # of unit 0's rise, by the facet and by the branch that is taken away
    ("shortcut", "shortcut"): -0.25,
    ("shortcut", "conv"): 1.75,
    ("conv", "shortcut"): 1.25,
    ("conv", "conv"): 0.0,
}
_OTHER = (0.1, 0.1, 0.5, 0.5, 0.9)
LINK = "the sum rises on the conv facet"


def _evidence(image: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return rows of evidence on all units of 4/2/6 but the last: conv answers to words, the shortcut to pictures.

    Probe w1 is sensitive. Of the units inside the branches only 4/2/3/2 was shown probes.
    """
    unit: dict[str, Any] = {"layer": "4/2/6"}
    evidence, census, proof = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for c in range(31):
        concept, modality, _, _, share = PLANTED.get(c, _OTHER)
        differences = {"concept_difference": concept, "modality_difference": modality, "share_exact": share}
        evidence.append(unit | {"channel": c} | differences)
        census.append(unit | {"channel": c} | _judged(c))
        ablation, least = ABLATION.get(c, ("inconclusive", 0.0))
        effects = {"effect_conv": least, "effect_shortcut": least + 0.1, "q": 0.01, "state": ablation}
        effects |= {f"nearby_rise_conv{end}": least + away for end, away in (("", 0.0), ("_low", -0.1), ("_high", 0.1))}
        for (facet, without), remains in REMAINING.items() if c == 0 else ():
            name = f"rise_{facet}_without_{without}"
            effects |= {name: remains, f"{name}_low": remains - 0.2, f"{name}_high": remains + 0.2}
        proof.append(unit | {"channel": c, "facet_conv": "a; b", "facet_shortcut": "c; d"} | effects)
    census.append(unit | {"channel": 31, "unjudged": "4 concepts have probes in both splits. Give at least 12."})
    probes = [
        {"id": f"{kind[0]}{n}", "modality": kind, "concept": f"{kind} {n}", "source": "hand", "split": split}
        | {"sensitive": (kind, n) == ("word", 1), "image": image}
        for kind in ("picture", "word")
        for n, split in enumerate(("discovery", "discovery", "held-out", "discovery"))
    ]
    examples = [
        unit | {"channel": c, "branch": branch, "rank": rank, "probe": f"{letter}{rank}", "value": 1.0, "z": 2.0}
        for c in range(31)
        for branch, letter in (("shortcut", "p"), ("conv", "w"), ("sum", "p"))
        for rank in (1, 2, 3)
    ]
    inner = {"layer": "4/2/3", "channel": 2, "branch": "unit", "value": 1.0, "z": 2.0}
    examples += [inner | {"rank": rank, "probe": probe} for rank, probe in ((1, "p0"), (2, "p2"))]
    shares = [unit | {"channel": 0, "examples": 3, "overlap_shortcut": 0.625, "overlap_conv": 0.125}]
    histograms = [
        {"layer": layer, "channel": 0, "low": 0.0, "high": 2.0, "counts": [30, *[0] * 8, 9, *[0] * 9, 1], "n": 40}
        | {"mean": 0.3, "sd": 0.5}
        for layer in ("4/2/6", "4/2/5")
    ]
    rows = {"probes": probes, "evidence": evidence, "examples": examples, "census": census, "ablation": proof}
    return rows | {"shares": shares, "histograms": histograms}


def _judged(channel: int) -> dict[str, Any]:
    """Return what the census says of a unit of 4/2/6."""
    _, _, rise_shortcut, rise_conv, _ = PLANTED.get(channel, _OTHER)
    verdict, q, least = CENSUS.get(channel, ("open", 0.8, 0.0))
    own = {
        f"specificity_{branch}{end}": least + away + (0.1 if branch == "shortcut" else 0)
        for branch in ("shortcut", "conv")
        for end, away in (("", 0.1), ("_low", 0.0), ("_high", 0.2))
    }
    judged = {"verdict": verdict, "weakest_link": LINK, "q": q, "p": q, "recurrence": 0.75}
    judged |= {"q_not_enriched": 0.02 if verdict == "not enriched" else 0.9}
    facets = {"concepts_shortcut": "picture 0; picture 2", "concepts_conv": "\u201cword 0\u201d; \u201cword 2\u201d"}
    rises = {
        f"rise_{branch}{end}": rise + away
        for branch, rise in (("shortcut", rise_shortcut), ("conv", rise_conv))
        for end, away in (("", 0.0), ("_low", -0.5), ("_high", 0.5))
    }
    return judged | own | facets | rises
