"""Annotations, plans and flags as tables and messages of the pages, behind the veil."""

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from app.web import session
from catalog.labels.bulk import Plan, apply
from catalog.labels.history import fates
from catalog.labels.labels import Labels
from graph.records import Annotation


def annotations(
    entries: Iterable[Annotation], among: Iterable[Annotation] = (), of_units: bool = True
) -> list[dict[str, Any]]:
    """A row an entry; `among` is the history that tells what became of each."""
    became, veil = fates(among), session.veil()
    return [
        ({"unit": a.unit} if of_units else {})
        | {"what": a.action, "text": veil.annotation_text(a, a.text), "now": became.get(a.id, ""), "by": a.author}
        | {
            "at": f"{a.at:%Y-%m-%d %H:%M}",
            "of": a.branch,
            "facet": veil.annotation_text(a, a.facet),
            "modality": a.modality or "",
        }
        | {"source": a.source, "confidence": a.confidence}
        | {"evidence": veil.annotation_text(a, a.evidence), "id": a.id}
        for a in entries
    ]


def lines(entries: Iterable[Annotation]) -> dict[str, str]:
    """Each entry in one line, by id."""
    veil = session.veil()
    return {
        a.id: f"{a.at:%Y-%m-%d %H:%M:%S} {a.author}: {a.action} {veil.annotation_text(a, a.text)} of {a.unit}"
        for a in entries
    }


def offer(labels: Labels, plan: Plan, name: str, written: Callable[[], object]) -> None:
    """Show what a plan would write, and write it when asked to; then `written` is called, and `done` says so."""
    st.markdown(f"**Preview:** {plan.sentence}.")
    _rows("To be written", annotations(plan.new))
    _rows("There already, and left as it is", annotations(plan.existing))
    _rows("In conflict, and left out", _conflicts(plan))
    if plan.unknown:
        st.warning("With unknown units nothing is written, unless they are passed over.", icon=":material/help:")
        _rows("Unknown", [{"unit": name} for name in plan.unknown])
    skip = bool(plan.unknown) and st.checkbox("Pass over unknown units", key=f"skip {name}")
    blocked = not plan.new or (bool(plan.unknown) and not skip)

    def write() -> None:
        apply(labels, plan, skip)
        st.session_state[f"written {name}"] = f"Written: {plan.sentence}."
        written()

    label, place = f"Write {len(plan.new)}", f"write {name}"
    st.button(label, type="primary", key=place, disabled=blocked, on_click=session.act, args=(place, write))
    session.refused(place)


def done(name: str) -> None:
    """Say what the last click on a plan's button wrote."""
    if sentence := st.session_state.pop(f"written {name}", None):
        st.success(sentence)


def _conflicts(plan: Plan) -> list[dict[str, Any]]:
    veil = session.veil()
    return [
        {"unit": c.entry.unit, "to be said": veil.annotation_text(c.entry, c.entry.text), "by": c.entry.author}
        | {"in the catalog": "changed since" if c.changed_since else veil.annotation_text(c.current, c.current.text)}
        | {"said by": c.current.author, "of": c.entry.branch, "facet": veil.annotation_text(c.entry, c.entry.facet)}
        for c in plan.conflicts
    ]


def _rows(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        st.caption(title)
        table(rows, 320)


def table(rows: list[dict[str, Any]], most: int) -> None:
    """A table as high as its rows, at most so many pixels."""
    st.dataframe(rows, hide_index=True, height=min(37 + 35 * len(rows), most))
