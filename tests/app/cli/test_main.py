import inspect
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner, Result

import graph.search
from app.cli import ablate, attack, export, figure, find, search, trace
from app.cli.main import COMMANDS, cli, command
from catalog.circuits import drawing_files
from catalog.circuits.export import FORMATS, Format, read
from catalog.circuits.trace import USUAL
from catalog.enrichment import VERDICTS
from extract.ablation import part_ablation
from extract.folder.extraction import Extraction
from extract.probes.rasterised_words import ATTACK
from extract.units import Architecture, Layer, Unit
from graph.cypher.named_query import NamedQuery
from graph.loading.load import load
from graph.model_store import ModelStore
from graph.opening import connect
from graph.store import Store
from tests.builders.planted_matrices import planted_matrices
from tests.builders.servers import emptied

MODEL = "planted:by-hand"
Run = Callable[..., Result]


def content(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def commands() -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any]] = [("circuits", get_command(cli))]
    while waiting:
        name, group = waiting.pop()
        yield name, group
        for verb, listed in getattr(group, "commands", {}).items():
            if not listed.hidden:
                command = group.resolve_command(typer.Context(group), [verb])[
                    1
                ]  # the command, not the line that lists it
                waiting.append((f"{name} {verb}", command))


VERBS = {name: command for name, command in commands() if not hasattr(command, "commands")}


def test_the_verbs_are_these() -> None:
    wanted = ["demo", "extract", "load", "find", "unit", "cypher", "export", "app", "doctor", "migrate", "remove"]
    wanted += [
        "word",
        "search",
        "difference",
        "attack",
        "ablate",
        "calibrate",
        "levels",
        "trace",
        "figure",
        "selftest",
        "sensitivity",
        "pairings",
        "reproduce",
        "macroscopic",
    ]
    wanted += [f"saved {verb}" for verb in ("list", "show", "import", "remove", "history", "restore")]
    labelling = ["add", "list", "withdraw", "history", "amend", "reject", "undo", "bulk", "export", "import"]
    wanted += [f"label {verb}" for verb in labelling]
    wanted += [f"flag {kind}" for kind in ("unit", "image", "word", "list")]
    wanted += [f"query {verb}" for verb in ("list", "run", "show", "save", "remove", "history", "restore")]

    assert set(VERBS) == {f"circuits {verb}" for verb in wanted}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_that_parses(verb: str) -> None:
    command = VERBS[verb]

    says, _, example = command.help.partition("Example: ")

    assert says.strip()
    assert example.startswith(verb)
    arguments = shlex.split(example.removeprefix(verb))
    command.make_context(verb, arguments)  # raises for an option that is not there
    assert verb.rpartition(" ")[2] in CliRunner().invoke(cli, [*verb.split()[1:], "--help"]).output


def test_the_help_lists_every_command_with_the_first_line_of_its_own() -> None:
    loaded = {name: command(name) for name in COMMANDS}

    assert {name: command.help.partition("\n")[0] for name, command in loaded.items()} == COMMANDS
    assert {name: command.name for name, command in loaded.items()} == {name: name for name in COMMANDS}


def test_what_an_option_may_be_and_is_if_not_given_is_what_the_library_says() -> None:
    assert choices(export.export, "form") == FORMATS
    assert choices(ablate.ablate, "how") == get_args(part_ablation.Replacement)
    assert choices(find.find, "verdict") == (*VERDICTS, "any")
    assert usual(search.search)["limit"] == graph.search.LIMIT
    assert usual(figure.figure)["scale"] == drawing_files.SCALE
    assert usual(attack.attack)["size"] == ATTACK.size
    assert {name: usual(trace.trace)[name] for name in asdict(USUAL)} == asdict(USUAL)


def choices(function: Callable[..., None], option: str) -> tuple[str, ...]:
    hint = get_type_hints(function)[option]
    return next((get_args(kind) for kind in get_args(hint) if get_origin(kind) is Literal), get_args(hint))


def usual(function: Callable[..., None]) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def test_old_names_are_understood_and_not_listed(circuits: Run) -> None:
    assert "kept" not in circuits("--help").stdout
    assert "drop" not in circuits("saved", "--help").stdout
    assert "--keep" not in circuits("trace", "--help").stdout
    assert circuits("trace", "4/2/6/0", "--steps", 1, "--keep", "old").exit_code == 0
    assert [row["name"] for row in content(circuits("kept", "list", "--json"))] == ["old"]
    assert content(circuits("kept", "show", "old", "--json")) == content(circuits("saved", "show", "old", "--json"))
    assert circuits("kept", "drop", "old", "--yes").exit_code == 0
    assert content(circuits("saved", "list", "--json")) == []


def test_the_case_studies_are_imported_with_what_the_network_lacks_by_count_and_name(circuits: Run) -> None:
    imported = circuits("saved", "import", "article", "--author", "ada")
    assert imported.exit_code == 0, imported.output
    assert "article: cap (2): saved, 4 units; left out, since planted:by-hand lacks them: 3" in imported.stdout
    assert "(4/2/3/325, 4/2/3/108, 4/2/3/322)" in imported.stdout
    assert "planted:by-hand is not the article's network" in imported.stdout
    studies = {
        study["circuit"]: study for study in content(circuits("saved", "import", "article", "--json"))["studies"]
    }
    trump = studies["article: Trump, as text and as picture (1052)"]
    assert (trump["outcome"], trump["left_out"]) == ("not saved", ["4/2/6/1052", "4/1/6/1052", "4/2/5/1052"])
    edge = studies["article: cap (2)"]["edges"][3]
    assert (edge["source"], edge["article"], edge["rank_in"]) == ("4/2/3/3", "most negative", 5)
    assert edge["mean"] == pytest.approx(-4.08)
    shown = circuits("saved", "show", "article: cap (2)").stdout
    assert "What the source calls its units" in shown
    assert "computer chip" in shown
    assert circuits("saved", "import", "article", "--labels").exit_code == 2
    for study in studies.values():
        if study["outcome"] == "unchanged":
            assert circuits("saved", "remove", study["circuit"], "--yes").exit_code == 0
    assert content(circuits("saved", "list", "--json")) == []


def test_a_traced_circuit_is_saved_shown_and_removed(circuits: Run) -> None:
    traced = content(circuits("trace", "4/2/6/0", "--steps", 1, "--save", "new", "--json"))

    saved = content(circuits("saved", "show", "new", "--json"))
    assert saved["units"] == traced["units"]
    assert "new" in circuits("saved", "list").stdout
    assert (circuits("saved", "remove", "new").exit_code, len(content(circuits("saved", "list", "--json")))) == (2, 1)
    assert circuits("saved", "remove", "new", "--yes", "--author", "bob").exit_code == 0
    assert circuits("saved", "show", "new").exit_code == 2
    (earlier,) = [row for row in content(circuits("saved", "history", "--json")) if row["name"] == "new"]
    assert earlier["removed_by"] == "bob"
    assert circuits("saved", "restore", "new", "nobody").exit_code == 2
    assert circuits("saved", "restore", "new", earlier["version"]).exit_code == 0
    assert content(circuits("saved", "show", "new", "--json"))["units"] == traced["units"]
    assert circuits("saved", "remove", "new", "--yes").exit_code == 0


def test_a_model_is_removed_when_somebody_agrees(
    circuits: Run, embedded: Path, random_extraction: Callable[..., Extraction], tmp_path: Path
) -> None:
    with emptied(embedded) as database:
        load(random_extraction(tmp_path / "a.extraction", "random:a", width=2), database, progress=False)
    removal = ["remove", "random:a", "--database", str(embedded)]
    assert circuits("label", "add", "2/1/6/3", "stays", *removal[2:]).exit_code == 0
    for answer in ("n\n", ""):
        refused = CliRunner().invoke(cli, removal, input=answer)
        assert (refused.exit_code, "nothing was removed" in refused.stderr) == (2, True)
    agreed = CliRunner().invoke(cli, removal, input="y\n")
    assert (agreed.exit_code, agreed.stderr.strip().splitlines()[-1]) == (0, "Remove it? [y/N]:")
    for said in (agreed.stdout, agreed.stderr):
        assert re.search(r"\d+ units, .* of random:a go\. 1 annotation, 0 flags", said)
    gone = circuits(*removal, "--yes")
    assert gone.exit_code == 2
    assert "with --with-labels" in gone.stderr


def test_the_version_is_that_of_the_package(circuits: Run) -> None:
    assert circuits("--version").stdout == f"clip-circuits {version('clip-circuits')}\n"


def test_a_units_versatility_is_read_from_the_extraction_folder_at_hand(circuits: Run, tmp_path: Path) -> None:
    assert content(circuits("unit", "4/2/3/2", "--json"))["versatility"] == []
    shape, target = Architecture((1, 1, 1, 3), 1, 64), Layer(4, 2, 5)  # of the planted catalog
    folder = planted_matrices(
        tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), np.ones(32), model=MODEL, shape=shape, target=target
    )
    weights = folder.matrix(Layer(4, 2, 3), target, "mean")
    assert weights is not None
    (row,) = content(circuits("unit", "4/2/3/2", "--json"))["versatility"]
    assert (row["direction"], row["other"], row["n"]) == ("forward", "4/2/5", 32)
    assert row["norm_of_means"] == pytest.approx(np.linalg.norm(weights[:, 2]))
    assert "Versatility" in circuits("unit", "4/2/3/2").stdout


def test_a_word_is_looked_up_in_the_catalog_and_stands_with_its_unit(circuits: Run) -> None:
    found = content(circuits("word", "hammer", "--layer", "4/2/6", "--json"))
    shown = content(circuits("unit", "4/2/6/0", "--json"))

    assert [(row["unit"], row["rank"]) for row in found] == [("4/2/6/0", 1), ("4/2/6/1", 2)]
    assert [row["word"] for row in shown["words"]] == ["hammer", "anchor"]
    assert "hammer" in circuits("unit", "4/2/6/0").stdout
    unknown = circuits("word", "hat")
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (2, 1)
    assert "was shown 2 words" in unknown.stderr


def test_search_finds_units_by_what_they_answer_to_and_by_numbers(circuits: Run) -> None:
    read = content(circuits("search", "HAMMER", "--json"))
    bounds = ("--least", "share_exact=0.2", "--most", "share_exact=0.6")
    between = content(circuits("search", "--layer", "4/2/6", *bounds, "--json"))

    assert [row["unit"]["id"] for row in read] == ["4/2/6/0", "4/2/6/1"]
    assert [match["text"] for match in read[0]["matches"]] == ["hammer"]
    assert [row["unit"]["id"] for row in between] == ["4/2/6/1", "4/2/6/4"]
    assert "driven by “hammer”, z 2" in circuits("search", "hammer").stdout
    assert "word 1" not in circuits("search", "word 1", "--limit", 5).stdout  # it is sensitive
    assert "reads word 1 (conv), z 2" in circuits("search", "word 1", "--limit", 5, "--reveal").stdout
    assert content(circuits("search", "no such thing", "--json")) == []


def test_a_units_distribution_is_told_bin_by_bin(circuits: Run) -> None:
    found = content(circuits("unit", "4/2/6/0", "--json"))["histogram"]

    assert found == {"counts": [30, *[0] * 8, 9, *[0] * 9, 1], "low": 0.0, "high": 2.0, "mean": 0.3, "sd": 0.5} | {
        name: pytest.approx(value) for name, value in (("mean", 0.3), ("sd", 0.5))
    }
    table = circuits("unit", "4/2/6/0").stdout
    assert re.search(r"mean on probes +0.3 *\nstandard deviation +0.5 *\n", table)
    assert re.search(r"Distribution *\nfrom +to +probes *\n0 +0.1 +30 *\n", table)
    assert content(circuits("unit", "4/2/6/9", "--json"))["histogram"] is None


def test_a_units_edges_by_their_mean(circuits: Run, planted_store: ModelStore) -> None:
    found = content(circuits("unit", "4/2/5/6", "--by", "mean", "--limit", 2, "--json"))["inputs"]

    wanted = planted_store.inputs(Unit.parse("4/2/5/6"), 2, by="mean")
    assert [edge["source"] for edge in found] == [str(edge.source) for edge in wanted]


def test_a_units_edges_come_from_the_nearest_layer_or_from_the_one_named(circuits: Run) -> None:
    def layers(*options: str) -> tuple[set[str], set[str]]:
        unit = content(circuits("unit", "4/0/8/1", *options, "--json"))
        conv = content(circuits("unit", "4/2/5/6", *options, "--json"))
        outputs, inputs = [e["target"] for e in unit["outputs"]], [e["source"] for e in conv["inputs"]]
        return {end.rpartition("/")[0] for end in outputs}, {end.rpartition("/")[0] for end in inputs}

    assert layers() == ({"4/1/5"}, {"4/2/3"})
    assert layers("--source", "4/0/8", "--target", "4/2/5") == ({"4/2/5"}, {"4/0/8"})
    assert circuits("unit", "4/2/5/6", "--source", "9/9/9").exit_code == 2


def test_find_by_evidence_and_by_weights(circuits: Run) -> None:
    by_evidence = content(circuits("find", "--json"))
    by_weights = content(circuits("find", "--by", "weights", "--limit", 1, "--json"))

    assert [row["unit"] for row in by_evidence] == ["4/2/6/0", "4/2/6/4", "4/2/6/1"]
    assert by_evidence[0]["terms"]["verdict"] == "enriched"
    assert [row["unit"] for row in content(circuits("find", "--verdict", "not enriched", "--json"))] == ["4/2/6/2"]
    assert len(content(circuits("find", "--verdict", "any", "--limit", 50, "--json"))) == 31
    assert [row["unit"] for row in content(circuits("find", "--q", "0.02", "--json"))] == ["4/2/6/0", "4/2/6/1"]
    assert "of 31 units judged, 3 are enriched, 1 are not" in " ".join(circuits("find").stdout.split())
    assert [row["unit"] for row in by_weights] == ["4/2/6/0"]
    table = circuits("find").stdout
    assert table.index("4/2/6/0") < table.index("4/2/6/4") < table.index("4/2/6/1")
    assert "0.9966" in table


def test_unit_shows_statistics_examples_inputs_and_branches(circuits: Run, planted_store: ModelStore) -> None:
    facts = content(circuits("unit", "4/2/6/0", "--json"))

    assert facts["id"] == "4/2/6/0"
    assert facts["adds"] == {"shortcut": "4/1/6/0", "conv": "4/2/5/0"}
    assert {example["branch"] for example in facts["examples"]} == {"sum", "shortcut", "conv"}
    table = circuits("unit", "layer4.2.bn3:5", "--limit", 2).stdout
    assert "4/2/5/5" in table
    assert "4/2/3/7" in table
    assert "4/2/3/0" not in table  # the weakest


def test_a_label_is_amended_rejected_and_undone(circuits: Run) -> None:
    unit, ada = "4/1/1/1", ("--author", "ada")
    circuits("label", "add", unit, "hat", *ada, "--facet", "felt", "--confidence", "0.5", "--evidence", "seen")
    amended = circuits("label", "amend", unit, "hat", "cap", "--confidence", "0.9", *ada).stdout.strip()
    (label,) = content(circuits("label", "list", unit, "--json"))
    assert (label["id"], label["text"], label["facet"], label["confidence"]) == (amended, "cap", "felt", 0.9)
    assert label["evidence"] == "seen"

    circuits("label", "reject", unit, "cap", "--reason", "a head", "--author", "bob")
    assert content(circuits("label", "list", unit, "--json")) == []
    assert "a head" in circuits("label", "history", unit).stdout
    undone = circuits("label", "undo", unit, *ada).stdout.strip()
    assert [row["text"] for row in content(circuits("label", "list", unit, "--json"))] == ["cap"]
    circuits("label", "undo", unit, undone, *ada)
    assert content(circuits("label", "list", unit, "--json")) == []
    history = content(circuits("label", "history", unit, "--json"))
    assert [row["action"] for row in history] == ["add", "amend", "reject", "undo", "redo"]


def test_labels_leave_as_a_file_and_come_back_unless_they_contradict(circuits: Run) -> None:
    units = "4/1/1/5, 4/1/1/6"
    preview = circuits("label", "bulk", "grid", "--units", units, "--author", "ada", "--dry-run")
    assert "2 new, 0 already there, 0 in conflict, 0 unknown. Nothing was written." in preview.stdout
    assert content(circuits("label", "list", "--containing", "grid", "--json")) == []
    query = "MATCH (u:Unit {layer: '4/1/1'}) WHERE u.channel IN [5, 6] RETURN u.id"
    assert "Written." in circuits("label", "bulk", "grid", "--query", query, "--author", "ada").stdout
    labels = content(circuits("label", "list", "--containing", "grid", "--json"))
    assert [row["unit"] for row in labels] == ["4/1/1/5", "4/1/1/6"]

    for name in ("labels.csv", "labels.json"):
        assert name in circuits("label", "export", name).stdout
        before = content(circuits("label", "history", "--json"))
        assert "0 new" in circuits("label", "import", name).stdout
        assert content(circuits("label", "history", "--json")) == before
    Path("other.csv").write_text("unit;text\n4/1/1/5;checks\n9/9/6/1;x\n")
    assert circuits("label", "import", "other.csv").exit_code == 2
    told = circuits("label", "import", "other.csv", "--skip").stdout
    assert "0 new, 0 already there, 1 in conflict, 1 unknown (9/9/6/1)" in told
    assert "checks" in told
    assert "1 new" in circuits("label", "import", "other.csv", "--skip", "--also", "--author", "bob").stdout
    assert [row["text"] for row in content(circuits("label", "list", "4/1/1/5", "--json"))] == ["grid", "checks"]

    assert "1 new" in circuits("label", "bulk", "checks", "--units", units, "--reject", "--reason", "no").stdout
    circuits("label", "bulk", "grid", "--units", units, "--reject")
    assert content(circuits("label", "list", "--containing", "grid", "--json")) == []


def test_a_flagged_unit_image_or_word_is_hidden_until_it_is_asked_for_or_cleared(circuits: Run) -> None:
    seen = {"unit": ("4/2/6/13", "picture 1"), "image": ("p3", "picture 3"), "word": ("hammer", "hammer")}
    for kind, (name, text) in seen.items():
        shown = ["unit", "4/2/6/0"] if kind == "word" else ["unit", "4/2/6/13"]
        assert text in circuits(*shown).stdout
        assert "sensitive from now on" in circuits("flag", kind, name, "--author", "ada").stdout
        assert text not in circuits(*shown).stdout
        assert text in circuits(*shown, "--reveal").stdout
        assert "not sensitive" in circuits("flag", kind, name, "--clear", "--author", "ada").stdout
        assert text in circuits(*shown).stdout
    assert {row["author"] for row in content(circuits("flag", "list", "--json"))} >= {"ada"}


def test_a_unit_of_a_branch_or_inside_one_is_shown_with_its_own_probes(circuits: Run) -> None:
    for name, shown in (
        ("4/2/3/2", "unit +picture 0 .picture., picture 2"),
        ("4/2/5/3", "conv +sensitive .word., word 2"),
    ):
        assert re.search(shown, circuits("unit", name).stdout)
    assert "Top probes" in circuits("unit", "4/2/6/3").stdout


def test_flags_hold_in_searches_and_in_answers_too(circuits: Run) -> None:
    circuits("label", "add", "4/2/6/30", "lantern", "--author", "ada")
    searched = ["search", "lantern"]
    asked = ["cypher", "MATCH (u:Unit {id: '4/2/6/30'}) RETURN u.label AS label"]
    for question, kind, name in (
        (searched, "unit", "4/2/6/30"),
        (searched, "word", "lantern"),
        (asked, "word", "lantern"),
    ):
        assert "lantern" in circuits(*question).stdout
        circuits("flag", kind, name, "--author", "ada")
        assert "lantern" not in circuits(*question).stdout
        assert "lantern" in circuits(*question, "--reveal").stdout
        circuits("flag", kind, name, "--clear", "--author", "ada")
    circuits("label", "withdraw", "4/2/6/30", "lantern", "--author", "ada")


def test_a_search_does_not_name_what_a_flagged_image_shows(circuits: Run) -> None:
    searched, one = ["search", "picture 3", "--limit", 5], ["unit", "4/2/6/13", "--json"]
    assert "sees picture 3" in circuits(*searched).stdout
    (image,) = {e["image"] for e in content(circuits(*one))["examples"] if e["concept"] == "picture 3"}
    circuits("flag", "image", image, "--author", "ada")
    assert "picture 3" not in circuits(*searched).stdout
    assert "sees picture 3" in circuits(*searched, "--reveal").stdout
    circuits("flag", "image", image, "--clear", "--author", "ada")
    assert "sees picture 3" in circuits(*searched).stdout


def test_what_is_sensitive_is_hidden_until_it_is_asked_for(circuits: Run) -> None:
    circuits("label", "add", "4/2/6/1", "gore", "--author", "ada", "--sensitive")

    for verb in (["unit", "4/2/6/1"], ["find"], ["label", "list", "4/2/6/1"], ["label", "history", "4/2/6/1"]):
        assert "gore" not in circuits(*verb).stdout
        assert "sensitive" in circuits(*verb).stdout
        assert "gore" in circuits(*verb, "--reveal").stdout
    assert "word 1" not in circuits("unit", "4/2/6/1").stdout  # a sensitive probe
    assert "word 1" in circuits("unit", "4/2/6/1", "--reveal").stdout


def test_labels_are_added_listed_withdrawn_and_remembered(circuits: Run) -> None:
    added = circuits(
        "label", "add", "4/0/8/1", "straw [b]hat[/b]", "--author", "ada", "--branch", "conv"
    ).stdout.strip()

    assert [row["id"] for row in content(circuits("label", "list", "--containing", "HAT[/", "--json"))] == [added]
    assert "straw [b]hat[/b]" in circuits("label", "list", "4/0/8/1").stdout
    assert circuits("label", "withdraw", "4/0/8/1", added, "--author", "grace").exit_code == 0
    assert content(circuits("label", "list", "4/0/8/1", "--json")) == []
    history = content(circuits("label", "history", "4/0/8/1", "--json"))
    assert [(row["action"], row["author"], row["branch"]) for row in history] == [
        ("add", "ada", "conv"),
        ("withdraw", "grace", "conv"),
    ]


def test_cypher_takes_parameters_and_a_limit(circuits: Run) -> None:
    text = "MATCH (u:Unit {layer: $layer}) WHERE u.channel < $below RETURN u.channel AS c ORDER BY c"

    found = circuits("cypher", text, "--parameter", "layer=4/2/6", "--parameter", "below=5", "--limit", 3, "--json")

    assert content(found) == [{"c": 0}, {"c": 1}, {"c": 2}]
    assert "the first 3 rows" in found.stderr
    assert "4/2/6/0" in circuits("cypher", "MATCH (u:Unit {id: '4/2/6/0'}) RETURN u").stdout


def test_cypher_prints_text_to_the_letter_but_no_terminal_command(circuits: Run) -> None:
    shown = circuits("cypher", "RETURN $text AS text", "--parameter", 'text="[red]x[/red] \\u001b[2J"').stdout

    assert "[red]x[/red]" in shown
    assert "\x1b[2J" not in shown


def test_a_named_query_is_listed_shown_and_run(circuits: Run) -> None:
    listed = content(circuits("query", "list", "--json"))
    found = circuits("query", "run", "candidates", "--parameter", "verdict=open", "--json")
    shown = circuits("query", "show", "candidates").stdout

    assert {"candidates", "chains", "facet-inputs"} <= {row["name"] for row in listed}
    assert [row["unit"] for row in content(found)] == [f"4/2/6/{channel}" for channel in range(5, 31)]
    assert found.stderr == "circuits: 26 rows.\n"
    assert "the first 1 rows; there are more" in circuits("query", "run", "candidates", "--limit", 1).stderr
    assert "4/2/6/4" in circuits("query", "run", "candidates").stdout
    assert "verdict=enriched" in circuits("query", "list", "--wide").stdout
    assert ':params {model: ..., layer: ..., verdict: "enriched"}' in shown
    assert content(circuits("cypher", shown, "--json", *given(model=MODEL, layer="4/2/6", verdict="open"))) == content(
        found
    )


def given(**values: object) -> list[str]:
    return [word for name, value in values.items() for word in ("--parameter", f"{name}={value}")]


def test_a_query_is_saved_run_with_its_defaults_and_removed(circuits: Run) -> None:
    name = "my [b]first[/b]"
    text = "MATCH (u:Unit {layer: $layer}) WHERE u.channel < $below RETURN u.id AS unit ORDER BY unit"

    assert circuits("query", "save", name, text, "--author", "ada", *given(below=2)).exit_code == 0
    assert [row["unit"] for row in content(circuits("query", "run", name, "--json"))] == ["4/2/6/0", "4/2/6/1"]
    found = content(circuits("query", "run", name, *given(below=1, layer="4/1/6"), "--json"))
    assert found == [{"unit": "4/1/6/0"}]
    assert name in circuits("query", "list").stdout
    shown = circuits("query", "show", name).stdout
    assert "// saved by ada" in shown
    assert shown.endswith(f"{text}\n")
    again = circuits("query", "save", name, "RETURN 1 AS x", "--author", "bob")
    assert (again.exit_code, "--replace" in again.stderr) == (2, True)
    assert circuits("query", "save", name, "RETURN 1 AS x", "--author", "bob", "--replace").exit_code == 0
    assert content(circuits("query", "run", name, "--json")) == [{"x": 1}]
    assert circuits("query", "remove", name, "--yes").exit_code == 0
    assert circuits("query", "run", name).exit_code == 2


def test_a_saved_query_whose_name_is_built_in_since_is_named_run_and_removed(
    circuits: Run, planted_folder: Path
) -> None:
    with connect(planted_folder) as database:
        Store(database).save_query(NamedQuery("chains", "RETURN 7 AS seven", author="ada"))

    listed = circuits("query", "list", "--wide")
    assert "chains (saved)" in listed.stdout
    assert "built-in queries have the same names as the saved queries chains" in listed.stderr
    assert content(circuits("query", "run", "chains (saved)", "--json")) == [{"seven": 7}]
    with connect(planted_folder) as database:
        Store(database).save_query(NamedQuery("chains (saved)", "RETURN 8 AS eight", author="ada"))
    assert content(circuits("query", "run", "chains (saved)", "--json")) == [{"eight": 8}]
    assert circuits("query", "remove", "chains (saved)", "--yes").exit_code == 0
    assert content(circuits("query", "run", "chains (saved)", "--json")) == [{"seven": 7}]
    assert "seven" not in circuits("query", "show", "chains").stdout
    assert "chains by ada is removed" in circuits("query", "remove", "chains").output
    assert circuits("query", "remove", "chains", "--yes").exit_code == 0
    assert circuits("query", "list").stderr == ""
    refused = circuits("query", "remove", "chains", "--yes")
    assert (refused.exit_code, "is a built-in query" in refused.stderr) == (2, True)


def test_sensitive_texts_in_an_answer_are_hidden_until_they_are_asked_for(circuits: Run) -> None:
    for text, *sensitive in (("ghastly", "--sensitive"), ("lamp",)):
        circuits("label", "add", "4/2/6/21", text, "--author", "ada", *sensitive)

    asked = ["cypher", "MATCH (u:Unit {id: '4/2/6/21'}) RETURN u.label AS label"]
    for question in (asked, ["query", "run", "candidates", "--parameter", "verdict=null"]):
        assert "ghastly" not in circuits(*question).stdout
        assert "ghastly" in circuits(*question, "--reveal").stdout


@pytest.mark.parametrize("form", FORMATS)
def test_export_writes_what_reads_back(circuits: Run, form: Format) -> None:
    made = circuits("export", "4/2/6/0", "--circuit", "--format", form, "--output", "made", "--limit", 2)

    circuit = read(Path("made"), form)
    assert (circuit.kind, circuit.model) == ("enrichment", MODEL)
    assert f"{len(circuit.units)} units and {len(circuit.edges)} edges" in made.stdout
    assert circuits("export", "4/2/5/0", "--output", "near.graphml").exit_code == 0
    assert read(Path("near.graphml")).kind == "neighbourhood"


@pytest.mark.parametrize(
    "command",
    [
        ["export", "4/2/6/0", "--output", "it.json"],
        ["figure", "4/2/6/0", "--no-pictures", "--output", "it.svg"],
        ["label", "export", "it.csv"],
        ["trace", "4/2/6/0", "--steps", 1, "--output", "it.graphml"],
    ],
)
def test_a_file_that_is_replaced_is_told(circuits: Run, command: list[object]) -> None:
    assert "replaced an earlier file" not in circuits(*command).stderr
    again = circuits(*command)
    assert again.exit_code == 0
    assert f"circuits: {command[-1]} replaced an earlier file." in again.stderr


def test_doctor_says_what_is_installed_and_what_the_database_holds(circuits: Run, planted_folder: Path) -> None:
    said = circuits("doctor").stdout

    for word in ("python", "torch", "neo4j", str(planted_folder), "ArcadeDB", MODEL, "all is there"):
        assert word in said
    assert "Not read:" in said
    whole = circuits("doctor", "--whole").stdout
    assert "all is there" in whole
    assert "Not read:" not in whole


def test_doctor_says_so_where_nothing_was_loaded(circuits: Run, tmp_path: Path) -> None:
    said = circuits("doctor", "--database", tmp_path / "new")

    assert said.exit_code == 2
    assert "no model yet" in said.stderr


def test_a_network_is_extracted_probed_loaded_and_searched(circuits: Run, tmp_path: Path) -> None:
    from PIL import Image

    config = {"embed_dim": 16, "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 2], "width": 4}}
    config["text_cfg"] = {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1}
    Path("small.json").write_text(json.dumps(config))
    for number in range(48):
        picture = Path(f"pictures/concept {number % 4}/{number}.png")
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((64, 64), number + 1).convert("RGB").save(picture)
    Path("pictures/concept 0/broken.png").write_bytes(b"no picture")
    where = {"CIRCUITS_DATABASE": str(tmp_path / "database")}

    extracted = circuits("extract", "small.json", "--targets", "4/*", "--strongest", 3, "--probes", "pictures", **where)
    assert extracted.exit_code == 0, extracted.output
    assert "broken.png" in extracted.stderr
    folder = Path("small-random-0.extraction")
    assert set(Extraction.open(folder).manifest.settings.targets) >= {"4/0/8", "4/1/6"}
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert (
        circuits("extract", "small.json", "--targets", "4/*", "--strongest", 3, "--probes", "pictures").exit_code == 0
    )
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before

    assert circuits("load", folder, **where).exit_code == 0
    assert content(circuits("unit", "4/1/6/3", "--json", **where))["model"] == "small:random-0"
    found = circuits("find", **where)
    assert found.exit_code == 0
    assert "no unit is judged. Only 4 concepts (each in one modality)" in " ".join(found.stdout.split())
    assert circuits("find", "--by", "weights", **where).exit_code == 0


BAD = {
    "unknown unit": (["unit", "4/2/6/32"], "4/2/6/32"),
    "no unit at all": (["unit", "hat"], "hat"),
    "unknown layer": (["find", "--layer", "4/9/6"], "4/9/6"),
    "layer that is no sum": (["find", "--layer", "4/2/5"], "is not a sum"),
    "label on an unknown unit": (["label", "add", "9/9/6/1", "x"], "9/9/6"),
    "empty label": (["label", "add", "4/2/6/1", "  "], "text"),
    "withdrawal of nothing": (["label", "withdraw", "4/2/6/2", "x"], "4/2/6/2"),
    "amendment of nothing": (["label", "amend", "4/2/6/2", "x", "y"], "4/2/6/2"),
    "rejection of nothing": (["label", "reject", "4/2/6/2", "x"], "4/2/6/2"),
    "undo of nothing": (["label", "undo", "4/2/6/2", "x"], "4/2/6/2"),
    "a label for unknown units": (["label", "bulk", "x", "--units", "4/2/6/2, 9/9/6/1"], "9/9/6/1"),
    "a label for no units": (["label", "bulk", "x"], "Name the units in one way"),
    "a label by a query that writes": (
        ["label", "bulk", "x", "--query", "MATCH (n:Unit) SET n.id = 'x' RETURN n.id"],
        "",
    ),
    "a label file that is not there": (["label", "import", "nowhere.csv"], "nowhere.csv"),
    "a label file of no form": (["label", "export", "labels.xlsx"], "labels.xlsx"),
    "a flag on an unknown image": (["flag", "image", "nowhere"], "nowhere"),
    "a flag on an unknown unit": (["flag", "unit", "9/9/6/1"], "9/9/6"),
    "a device that is not there": (["extract", "demo", "--device", "cuda:99"], "torch has no device 'cuda:99'"),
    "unknown model": (["find", "--model", "RN50:nobody"], "RN50:nobody"),
    "a query that writes": (["cypher", "MATCH (n:Unit) SET n.channel = 0"], ""),
    "a query that is none": (["cypher", "MATCHES"], ""),
    "an unknown query": (["query", "run", "nobody"], "nobody"),
    "a query without its parameter": (["query", "run", "driven-by-label"], "label"),
    "a parameter that is not there": (["query", "run", "candidates", "--parameter", "quality=1"], "quality"),
    "a query of an unknown model": (["query", "run", "candidates", "--model", "RN50:nobody"], "RN50:nobody"),
    "a query saved that writes": (["query", "save", "x", "MATCH (n:Nothing) SET n.x = 1"], "only reading"),
    "a query saved that is none": (["query", "save", "x", "MATCHES"], ""),
    "a query saved as one of ours": (["query", "save", "chains", "RETURN 1 AS x", "--replace"], "chains"),
    "one of our queries removed": (["query", "remove", "chains", "--yes"], "chains"),
    "a query removed that is not there": (["query", "remove", "nobody", "--yes"], "nobody"),
    "a query restored that is not there": (["query", "restore", "nobody"], "nobody"),
    "a circuit removed that is not there": (["saved", "remove", "nobody", "--yes"], "nobody"),
    "a circuit restored that is not there": (["saved", "restore", "nobody"], "nobody"),
    "a model removed that is not there": (["remove", "RN50:nobody", "--yes"], "planted:by-hand"),
    "folder that is no extraction": (["load", "."], "manifest.json"),
    "folder that is not there": (["load", "nowhere"], "nowhere"),
    "network that is no ResNet": (["extract", "ViT-B-32"], "ViT-B-32"),
    "network that is not known": (["extract", "RN5000"], "RN5000"),
    "unknown tag": (["extract", "RN50", "--pretrained", "nobody"], "nobody"),
    "unknown target": (["extract", "demo", "--targets", "7/*", "--output", "x"], "7/*"),
    "output under a file": (["extract", "demo", "--targets", "4/2/5", "--output", "/dev/null/x"], "/dev/null/x"),
    "probes that are not there": (["extract", "demo", "--probes", "nowhere", "--output", "x"], "nowhere"),
    "export of an unknown unit": (["export", "4/2/6/32", "--output", "x.json"], "4/2/6/32"),
    "export of no circuit": (["export", "4/2/5/1", "--circuit", "--output", "x.json"], "4/2/6/1"),
    "export of no format": (["export", "4/2/6/1", "--output", "x.doc"], "x.doc"),
    "export to nowhere": (["export", "4/2/6/1", "--output", "nowhere/x.json"], "nowhere/x.json"),
    "search by a number that no unit has": (["search", "--least", "luck=1"], "luck"),
    "search in a layer that is not there": (["search", "x", "--layer", "9/9/9"], "9/9/9"),
    "attack on what is no picture": (["attack", "nowhere.png", "dog"], "nowhere.png"),
    "server that is not there": (["find", "--database", "bolt://127.0.0.1:1"], "127.0.0.1:1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_code_2_and_changes_nothing(
    circuits: Run, planted_store: ModelStore, case: str
) -> None:
    arguments, word = BAD[case]
    before = planted_store.annotations(), Store(planted_store.database).models()

    result = circuits(*arguments)

    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]  # progress bars may stand above
    assert last.startswith("circuits: ")
    assert word in last
    assert "Traceback" not in result.stderr
    assert (planted_store.annotations(), Store(planted_store.database).models()) == before
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-verb"],
        ["find", "--by", "luck"],
        ["unit"],
        ["unit", "4/2/6/1", "--limit", "0"],
        ["label", "add", "4/2/6/1", "x", "--branch", "sideways"],
        ["extract", "demo", "--memory", "lots"],
        ["cypher", "RETURN 1", "--parameter", "nothing"],
        ["search", "--most", "share_exact=much"],
    ],
)
def test_wrong_usage_has_code_2_too(circuits: Run, arguments: list[str]) -> None:
    result = circuits(*arguments)

    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_what_nobody_expected_has_code_1(circuits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr("catalog.circuits.local.neighbourhood", broken)

    assert circuits("export", "4/2/6/1", "--output", "x.json").exit_code == 1


WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "open_clip", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from app.cli.main import COMMANDS, cli, command

for line in ("find", "find --by weights", "unit 4/2/6/0", "label add 4/0/8/2 hat", "label list", "label history",
             "label withdraw 4/0/8/2 hat", "export 4/2/6/0 --output x.graphml", "doctor"):
    cli(line.split(), standalone_mode=False)
assert "torch" not in sys.modules
cli(["extract", "demo"])
"""


def test_all_but_reading_a_network_works_without_torch(planted_folder: Path, tmp_path: Path) -> None:
    environment = os.environ | {"CIRCUITS_DATABASE": str(planted_folder)}

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert done.stderr.splitlines() == [
        "circuits: Reading a network needs torch and open_clip (No module named 'torch'). "
        "Install them: pip install 'clip-circuits[extract]'"
    ]
    assert done.returncode == 2
    assert read(tmp_path / "x.graphml").kind == "neighbourhood"


def test_the_console_script_speaks_in_codes_and_one_line(planted_folder: Path, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("circuits")
    environment = os.environ | {"CIRCUITS_DATABASE": str(planted_folder)}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([script, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    good, bad = call("find", "--json"), call("unit", "4/2/6/99")

    assert (good.returncode, json.loads(good.stdout)[0]["unit"], good.stderr) == (0, "4/2/6/0", "")
    assert (bad.returncode, bad.stdout, len(bad.stderr.splitlines())) == (2, "", 1)


def test_app_serves_the_pages_with_telemetry_off(planted_folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("circuits")), "app", "--headless", "--port", str(port)]
    environment = os.environ | {"CIRCUITS_DATABASE": str(planted_folder)}

    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as app:
        try:
            assert answer(f"http://127.0.0.1:{port}/_stcore/health") == b"ok"
        finally:
            app.terminate()
            said = app.communicate(timeout=20)[0]

    assert "Collecting usage statistics" not in said


def test_an_address_of_another_machine_is_the_users_mistake(planted_folder: Path) -> None:
    script = str(Path(sys.executable).with_name("circuits"))
    elsewhere = ["--address", "203.0.113.7", "--headless", "--database", str(planted_folder)]  # of no machine: RFC 5737

    said = subprocess.run([script, "app", *elsewhere], capture_output=True, text=True)

    assert said.returncode == 2
    assert said.stderr.startswith("circuits: The app cannot listen at 203.0.113.7, port 8501 (")


def answer(url: str) -> bytes:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310, our own app
                data: bytes = response.read()
                return data
        except OSError:
            assert time.monotonic() < deadline, "the app did not start"
            time.sleep(0.2)
