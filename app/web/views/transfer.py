"""Label files: the whole set to download, and a file of somebody's to take in, its report first."""

import streamlit as st

from app.web import session
from app.web.panels import annotations as told
from catalog.labels import files as label_files

labels = session.labels()


def out() -> None:
    """The labels that hold, or the whole history, as a file."""
    st.subheader("Download")
    form, whole = st.columns(2, vertical_alignment="bottom")
    chosen = form.segmented_control(
        "Format", label_files.FORMS, default="csv", required=True, key="form", bind="query-params"
    )
    history = whole.toggle("Whole history", key="whole", bind="query-params", help="Else only the labels that hold.")
    found = labels.history() if history else labels.current()
    name = f"{labels.store.id}-{'history' if history else 'labels'}.{chosen}".replace("/", "-").replace(":", "-")
    data = label_files.encode(found, chosen, history)
    st.download_button(f"Download {len(found):,}", data, name, key="download", icon=":material/download:")
    st.caption("Whoever opens the file sees all that is in it: what is sensitive is flagged there, and not hidden.")


def into() -> None:
    """A file, what of it is new, there, in conflict or unknown, and the button that writes it."""
    st.subheader("Import")
    told.done("transfer")
    turn = st.session_state.setdefault("transfers", 0)  # a fresh field after each file that was written
    file = st.file_uploader(
        "A label file", label_files.FORMS, key=f"file {turn}", help="Columns unit and text suffice."
    )
    also = st.checkbox("Add conflicting labels beside those of the catalog", key="also")
    if file is None:
        st.caption("Nothing is ever overwritten: what contradicts a person's label is reported, and left out.")
        return
    with session.errors_shown():
        said = label_files.decode(file.getvalue(), label_files.form_of(file.name), labels.store.id, session.author())
        told.offer(labels, label_files.importing(labels, said, also), "transfer", _another)


def _another() -> None:
    st.session_state["transfers"] += 1


st.title("Import and export")
session.show("<p>Labels travel as CSV or JSON between catalogs, spreadsheets and colleagues.</p>", "about")
left, right = st.columns(2, gap="large")
with left:
    out()
with right:
    into()
