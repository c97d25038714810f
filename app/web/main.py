"""The Streamlit app's entry: page configuration and router. `streamlit run app/web/main.py`, or `circuits app`."""

from pathlib import Path

import streamlit as st

from app.web import session
from app.web.views import PAGES

st.set_page_config(page_title="CLIP circuits", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
page = st.navigation([st.Page(entry.path, title=entry.title, icon=entry.icon) for entry in PAGES])
with session.show_errors(), session.catalog().reading_once():
    session.bar()
    page.run()
    session.show_action_error()
