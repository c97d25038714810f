"""Messages about labels, their history, and flags."""

from collections.abc import Callable

from catalog import UnitView
from catalog.labels import bulk
from catalog.model_labels import ModelLabels
from tests.builders.planted_catalog import MODEL
from tests.faults.advice.messages import Ask, Question, Table


def unit(name: str, act: Callable[[UnitView], object]) -> Ask:
    return lambda catalog: act(catalog.model(MODEL).unit(name))


def labels(act: Callable[[ModelLabels], object]) -> Ask:
    return lambda catalog: act(catalog.model(MODEL).labels)


def of_query(text: str) -> Ask:
    return labels(lambda labels: labels.units_of_query(text))


def flagged(image: str) -> Ask:
    return lambda catalog: catalog.model(MODEL).flag("image", image)


def twice_labelled(unit: UnitView) -> tuple[str, str]:
    """The ids of two labels of one text."""
    return unit.label("hat", author="ada").id, unit.label("hat", "conv", author="ada").id


def undone(unit: UnitView) -> tuple[str, str]:
    """The ids of a label that was undone, and of its undo."""
    label = unit.label("hat", author="ada")
    return label.id, unit.undo(label.id).id


def rejected(unit: UnitView) -> tuple[str, str]:
    """The ids of a label that was rejected, and of the rejection."""
    label = unit.label("hat", author="ada")
    return label.id, unit.reject("hat", author="bob").id


def rejection_first(unit: UnitView) -> object:
    label, rejection = rejected(unit)
    unit.undo(rejection)
    return unit.undo(label)


def labelled(unit: UnitView) -> UnitView:
    unit.label("hat", author="ada")
    return unit


TABLE = Table(
    ("catalog.labels.bulk", "catalog.labels.labels", "catalog.hiding.flags"),
    questions=(
        Question(
            "Correct these units, or skip them",
            labels(lambda labels: labels.label_many(["4/2/6/1", "4/2/6/9999"], "hat")),
            labels(lambda labels: labels.label_many(["4/2/6/1", "4/2/6/9999"], "hat", skip=True)),
        ),
        Question(
            "Name the units in one way",
            labels(lambda labels: labels.units_from("4/2/6/1", "MATCH (u:Unit) RETURN u.id")),
            labels(lambda labels: labels.units_from("4/2/6/1", None)),
        ),
        Question(
            "must answer with one column of unit ids",
            of_query("MATCH (u:Unit) RETURN u.id, u.layer"),
            of_query("MATCH (u:Unit) RETURN u.id"),
        ),
        Question(
            "units. Give it a LIMIT",
            of_query(f"UNWIND range(0, {bulk.MOST}) AS i RETURN '4/2/6/1' AS id"),
            of_query(f"UNWIND range(0, {bulk.MOST}) AS i RETURN '4/2/6/1' AS id LIMIT 10"),
        ),
        Question(
            "holds no change to undo",
            unit("4/2/6/9", lambda unit: unit.undo()),
            unit("4/2/6/9", lambda unit: labelled(unit).undo()),
        ),
        Question(
            "`circuits label history {unit}` lists",
            unit("4/2/6/10", lambda unit: unit.undo("x")),
            unit("4/2/6/10", lambda unit: unit.undo(labelled(unit).history[0].id)),
        ),
        Question(
            "undo the entry that undid it",
            unit("4/2/6/11", lambda unit: unit.undo(undone(unit)[0])),
            unit("4/2/6/12", lambda unit: unit.undo(undone(unit)[1])),
        ),
        Question(
            "Undo that change first: {later.id}",
            unit("4/2/6/13", lambda unit: unit.undo(rejected(unit)[0])),
            unit("4/2/6/14", rejection_first),
        ),
        Question(
            "`circuits label list {unit}` lists",
            unit("4/2/6/15", lambda unit: unit.withdraw("hat")),
            unit("4/2/6/15", lambda unit: labelled(unit).withdraw(unit.refresh().labels[0])),
        ),
        Question(
            "Name one of them by its id",
            unit("4/2/6/16", lambda unit: twice_labelled(unit) and unit.withdraw("hat")),
            unit("4/2/6/17", lambda unit: unit.withdraw(twice_labelled(unit)[0])),
        ),
        Question("`circuits unit UNIT --json` names", flagged("w1.png"), flagged("w1")),
    ),
)
