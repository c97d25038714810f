"""Show HTML and SVG whose links to units open in the same session; a plain link in Streamlit would start a new session.

The links are real links, so that a user can also open a unit in another tab or copy its URL.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from catalog import STYLE
from extract.units import Unit

_SCRIPT = """
export default function({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".linked");
  if (root.shown !== data) replace(root, data);
  root.onclick = (event) => {
    const link = event.target.closest("a[data-unit]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    setTriggerValue("opened", link.dataset.unit);
  };
  for (const kind of ["pointerover", "pointerout", "focusin", "focusout"]) root.addEventListener(kind, light);
}

function replace(root, data) {  // the keyboard stays at its unit, and a wide figure where it was scrolled to
  const unit = root.getRootNode().activeElement?.closest("a[data-unit]")?.dataset.unit;
  const left = root.querySelector(".figure")?.scrollLeft;
  root.innerHTML = root.shown = data;
  if (left) root.querySelector(".figure")?.scrollTo({ left });
  if (unit) root.querySelector(`a[data-unit="${CSS.escape(unit)}"]`)?.focus({ preventScroll: true });
}

function light({ currentTarget, target, type }) {  // the edges of the unit under the pointer or the keyboard
  const unit = ["pointerover", "focusin"].includes(type) && target.closest("svg [data-unit]")?.dataset.unit;
  for (const svg of currentTarget.querySelectorAll("svg")) svg.classList.toggle("lit", Boolean(unit));
  for (const edge of currentTarget.querySelectorAll("svg .edge")) {
    edge.classList.toggle("of", [edge.dataset.source, edge.dataset.target].includes(unit));
  }
}
"""


def show(markup: str, key: str, open_unit: Callable[[str], object]) -> None:
    """Show trusted markup, all text in it escaped; `open_unit` is called with the unit of a clicked link.

    `open_unit` runs before the page does. If it ran with the page, the page would have to run again, and a click during
    that second run would lose what it writes into the URL.
    """
    _component()(data=markup, key=key, on_opened_change=lambda: open_unit(st.session_state[key].opened))


def address(model: str, unit: Unit) -> str:
    """Return the URL of a unit's page, relative to any page of the app."""
    return f"unit?{urlencode({'unit': str(unit), 'model': model}, safe='/:')}"


@cache
def _component() -> Callable[..., Any]:
    css = STYLE + Path(__file__).with_name("linked.css").read_text()
    return st.components.v2.component("circuits_linked", html='<div class="linked"></div>', css=css, js=_SCRIPT)
