"""Import and export: download the labels as a file, or import a label file after a report on its entries."""

import streamlit as st

from app.web import session
from app.web.panels import annotations
from catalog import LABEL_FORMS, label_form

model = session.model()
labels = model.labels


def download() -> None:
    """Offer the current labels, or the whole history, as a file."""
    st.subheader("Download")
    form, whole = st.columns(2, vertical_alignment="bottom")
    suffix = form.segmented_control(
        "Format", LABEL_FORMS, default="csv", required=True, key="form", bind="query-params"
    )
    history = whole.toggle(
        "Whole history", key="whole", bind="query-params", help="Otherwise only current labels are included."
    )
    entries = labels.history() if history else labels.current()
    name = f"{model.id}-{'history' if history else 'labels'}.{suffix}".replace("/", "-").replace(":", "-")
    data = labels.encoded(entries, suffix, history)
    st.download_button(f"Download {len(entries):,}", data, name, key="download", icon=":material/download:")
    st.caption("The file hides nothing: it flags sensitive labels, and whoever opens it can read them.")


def upload() -> None:
    """Import a label file: show which entries are new, present, in conflict or unknown, and a button to write them."""
    st.subheader("Import")
    annotations.show_written("transfer")
    turn = st.session_state.setdefault("transfers", 0)  # a fresh field after each file that was written
    file = st.file_uploader(
        "A label file", LABEL_FORMS, key=f"file {turn}", help="The columns unit and text are enough."
    )
    also = st.checkbox("Add conflicting labels beside those of the catalog", key="also")
    if file is None:
        st.caption("Nothing is overwritten: an entry that contradicts a person's label is reported and left out.")
        return
    with session.show_errors():
        plan = labels.plan_import(file.getvalue(), session.author(), also, label_form(file.name))
        annotations.preview(labels, plan, "transfer", _next_file)


def _next_file() -> None:
    st.session_state["transfers"] += 1


st.title("Import and export")
session.show("<p>Labels travel as CSV or JSON between catalogs, spreadsheets and colleagues.</p>", "about")
left, right = st.columns(2, gap="large")
with left:
    download()
with right:
    upload()
