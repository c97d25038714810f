"""Messages about circuits, and about candidates of enrichment."""

from typing import Any

from catalog import CircuitView, read_circuit
from tests.builders.planted_catalog import MODEL
from tests.faults.advice.messages import Ask, Question, Table

UNIT, SUM, CONV = "4/2/6/0", "4/2/6", "4/2/5/0"


def enrichment(unit: str) -> Ask:
    return lambda catalog: catalog.model(MODEL).unit(unit).enrichment_circuit()


def candidates(**settings: Any) -> Ask:
    return lambda catalog: catalog.model(MODEL).candidates(**settings)


def by_weights(layer: str, source: str | None = None) -> Ask:
    return lambda catalog: catalog.model(MODEL).candidates_by_weights(layer, source)


def traced(unit: str = UNIT, **settings: Any) -> Ask:
    return lambda catalog: catalog.model(MODEL).unit(unit).trace(**settings)


def saved(name: str, times: int = 1, replace: bool = False) -> Ask:
    """Save a circuit so many times."""

    def ask(catalog: Any) -> object:
        circuit = catalog.model(MODEL).unit(UNIT).neighbourhood()
        return [circuit.save(name, author="ada", replace=replace) for _ in range(times)]

    return ask


def opened(name: str) -> Ask:
    def ask(catalog: Any) -> object:
        saved("mine", replace=True)(catalog)
        return catalog.model(MODEL).open_circuit(name)

    return ask


def restored(name: str) -> Ask:
    def ask(catalog: Any) -> object:
        saved("earlier", times=2, replace=True)(catalog)
        return catalog.model(MODEL).restore_circuit(name)

    return ask


def from_file(in_catalog: bool) -> Ask:
    """Expand a circuit that was read from a file."""

    def ask(catalog: Any) -> CircuitView:
        model = catalog.model(MODEL)
        model.unit(UNIT).enrichment_circuit().export("circuit.json")
        circuit = read_circuit("circuit.json")
        return (model.circuit(circuit) if in_catalog else circuit).expand(CONV)

    return ask


TABLE = Table(
    (
        *("catalog.circuit_view", "catalog.enrichment"),
        *(f"catalog.circuits.{name}" for name in ("local", "saved", "trace")),
    ),
    questions=(
        Question("Open it in one: model.circuit(this)", from_file(in_catalog=False), from_file(in_catalog=True)),
        Question("the sum of its block", enrichment(CONV), enrichment(UNIT)),
        Question("has no saved circuit {name!r}. It has: {names}", opened("ours"), opened("mine")),
        Question("Choose another name, or replace it", saved("one", times=2), saved("two", times=2, replace=True)),
        Question("`circuits saved history` lists", restored("never"), restored("earlier")),
        Question("The circuit cannot be saved", saved("two\nlines"), saved("two lines")),
        Question("or trace without scaling by activity", traced(scaled=True), traced(scaled=False)),
        Question("Trace it backward", traced(direction="forward"), traced(direction="backward")),
        Question(
            ". Lower the least weight, or extract more targets",
            traced("4/2/3/0", direction="forward", least=1e9),
            traced("4/2/3/0", direction="forward", least=0),
        ),
        Question("or extract {unit.layer} as a target", traced(CONV, least=1e9), traced(CONV, least=0)),
        Question("is not a verdict. Choose one of", candidates(verdict="yes"), candidates(verdict="open")),
        Question("have no verdict. Show {store.id} probes", candidates(layer="4/1/6"), candidates(layer=SUM)),
        Question("There is no sum two blocks before", by_weights("2/0/8"), by_weights(SUM, "4/0/8")),
    ),
    elsewhere={"Trace it forward": "tests/catalog/circuits/test_trace.py"},
)
