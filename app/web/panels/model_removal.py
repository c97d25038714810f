"""Remove the model from the database: a first click shows what would be removed, a second click removes it."""

import streamlit as st

from app.web import session
from app.web.plain_text import plain

_PLACE = "remove model"
_LABELS = "Also remove labels, flags and saved circuits, for good"


def show() -> None:
    """Offer to remove the model that is selected in the side bar."""
    model = session.model().id
    with st.popover("Remove this model", icon=":material/delete:"):
        with_labels = st.checkbox(_LABELS, key="with labels")
        st.write(plain(session.catalog().plan_removal(model, with_labels).sentence))

        def remove() -> None:
            """Remove the model, and its labels if the checkbox is on when the click comes."""
            session.catalog().remove(model, st.session_state["with labels"], progress=False)

        st.button(plain(f"Remove {model}"), key=_PLACE, on_click=session.run_action, args=(_PLACE, remove))
    session.show_action_error(_PLACE)
