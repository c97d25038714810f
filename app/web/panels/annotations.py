"""Tables of annotations (entries of the labels' history) and previews of new ones, with sensitive texts hidden."""

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from app.web import session
from app.web.plain_text import plain
from catalog import ModelLabels, Plan
from graph.records import Annotation


def annotation_rows(
    entries: Iterable[Annotation], history: Iterable[Annotation] = (), with_unit: bool = True
) -> list[dict[str, Any]]:
    """Make a row of each entry; `history` tells whether the entry holds, was changed or was undone."""
    fates, veil = ModelLabels.fates(history), session.veil()
    return [
        ({"unit": str(a.unit)} if with_unit else {})
        | {"what": a.action, "text": veil.annotation_text(a, a.text), "now": fates.get(a.id, ""), "by": a.author}
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
    """Describe each entry in one line; the lines are keyed by the entries' ids."""
    veil = session.veil()
    return {
        a.id: f"{a.at:%Y-%m-%d %H:%M:%S} {a.author}: {a.action} {veil.annotation_text(a, a.text)} of {a.unit}"
        for a in entries
    }


def preview(labels: ModelLabels, plan: Plan, name: str, on_written: Callable[[], object]) -> None:
    """Show what a plan would write, and a button that writes it and then calls `on_written`.

    After the click `show_written` says what was written.
    """
    st.markdown(f"**Preview:** {plain(plan.sentence)}.")
    _titled_table("Will be written", annotation_rows(plan.new))
    _titled_table("Already there, not changed", annotation_rows(plan.existing))
    _titled_table("In conflict, left out", _conflicts(plan))
    if plan.unknown:
        st.warning("Nothing is written while units are unknown. Correct them, or skip them.", icon=":material/help:")
        _titled_table("Unknown", [{"unit": name} for name in plan.unknown])
    skip = bool(plan.unknown) and st.checkbox("Skip unknown units", key=f"skip {name}")
    blocked = not plan.new or (bool(plan.unknown) and not skip)

    def write() -> None:
        labels.write(plan, skip)
        st.session_state[f"written {name}"] = f"Written: {plan.counts}."
        on_written()

    label, place = f"Write {len(plan.new)}", f"write {name}"
    st.button(label, type="primary", key=place, disabled=blocked, on_click=session.run_action, args=(place, write))
    session.show_action_error(place)


def show_written(name: str) -> None:
    """Say what the last click on a plan's button wrote."""
    if sentence := st.session_state.pop(f"written {name}", None):
        st.success(plain(sentence))


def table(rows: list[dict[str, Any]], max_height: int) -> None:
    """Show a table as high as its rows, at most `max_height` pixels."""
    st.dataframe(rows, hide_index=True, height=min(37 + 35 * len(rows), max_height))


def _conflicts(plan: Plan) -> list[dict[str, Any]]:
    veil = session.veil()
    return [
        {"unit": str(c.entry.unit), "new label": veil.annotation_text(c.entry, c.entry.text), "by": c.entry.author}
        | {"in the catalog": "changed since" if c.changed_since else veil.annotation_text(c.current, c.current.text)}
        | {"its author": c.current.author, "of": c.entry.branch, "facet": veil.annotation_text(c.entry, c.entry.facet)}
        for c in plan.conflicts
    ]


def _titled_table(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        st.caption(title)
        table(rows, 320)
