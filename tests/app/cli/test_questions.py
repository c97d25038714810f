import shlex
from collections.abc import Callable

from typer.testing import Result

from app.cli.main import COMMANDS
from extract.folder.extraction import Extraction
from tests.builders.question_counter import recorded_questions, surplus

Run = Callable[..., Result]

RUNS = [  # each in the catalog that those before it leave
    "find",
    "find --by weights",
    "find --json",
    "unit 4/2/6/0",
    "unit 4/2/6/0 --json",
    "unit 4/2/3/2",
    "word hammer",
    "search hammer",
    "search picture --least share_exact=0.2",
    "trace 4/2/6/0",
    "trace 4/2/6/0 --json --save questions",
    "saved list",
    "saved show questions",
    "saved remove questions --yes",
    "saved history",
    "saved restore questions",
    "saved remove questions --yes",
    "saved import article",
    "saved import article --json",
    'saved remove "article: cap (2)" --yes',
    'saved remove "article: hat, one block below (2)" --yes',
    'saved remove "article: babies and football (11)" --yes',
    "figure 4/2/6/0 --output unit.svg",
    "export 4/2/6/0 --output unit.json",
    "figure unit.json --output circuit.svg",
    "label add 4/2/6/12 asked --author ada",
    "label amend 4/2/6/12 asked answered --author ada",
    "label reject 4/2/6/12 answered --author bob",
    "label undo 4/2/6/12 --author bob",
    "label list",
    "label list 4/2/6/12 --json",
    "label history 4/2/6/12",
    "label withdraw 4/2/6/12 answered --author ada",
    "label bulk asked --units 4/2/6/12,4/2/6/13 --author ada",
    "label bulk asked --query \"MATCH (u:Unit {id: '4/2/6/12'}) RETURN u.id\" --author ada",
    "label export labels.csv",
    "label import labels.csv --author bob",
    "label bulk asked --units 4/2/6/12,4/2/6/13 --reject --author ada",
    "flag unit 4/2/6/12 --author ada",
    "flag word asked --author ada",
    "flag list",
    "flag unit 4/2/6/12 --clear --author ada",
    "flag word asked --clear --author ada",
    'cypher "MATCH (u:Labelled) RETURN u.id LIMIT 3"',
    "query list",
    'query save ids "MATCH (u:Unit {layer: $layer}) RETURN u.id" --author ada',
    "query show ids",
    "query run ids",
    "query run ids --json",
    "query remove ids --yes",
    "query history",
    "query restore ids",
    "query remove ids --yes",
    "doctor",
    "migrate",
    "load",
]
OTHERS = {
    *(
        "attack",
        "calibrate",
        "ablate",
        "difference",
        "extract",
        "levels",
        "macroscopic",
        "selftest",
        "sensitivity",
        "pairings",
        "reproduce",
    ),  # ask a network or a folder
    "remove",  # takes away what the others ask for
    *("app", "demo"),  # the pages have their own test; the demo asks what `load` and `find` ask
}


def test_a_command_asks_for_models_once_for_what_is_hidden_twice_and_for_nothing_again(
    circuits: Run, planted: Extraction
) -> None:
    assert {run.split()[0] for run in RUNS} == COMMANDS.keys() - OTHERS
    excess: dict[str, list[str]] = {}
    for run in RUNS:
        with recorded_questions() as questions:
            result = circuits(*shlex.split(run), *([planted.path] if run == "load" else []))
        assert result.exit_code == 0, (run, result.output)
        assert questions or run.startswith("figure unit.json"), run
        if repeated := surplus(questions):
            excess[run] = repeated
    assert excess == {}
