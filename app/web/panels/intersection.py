"""The units that respond to a word and to a picture, such as a photograph of what the word names."""

import streamlit as st

from app.web import live_network, session
from app.web.plain_text import plain


def show(word: str, layer: str, count: int) -> None:
    """Take a picture, and show the units of a layer that respond most to both the picture and the word.

    A unit's response to both is the smaller of its two mean activations.
    """
    help_text = "Sorted by the smaller of both mean activations over positions, as in the article. No baseline."
    st.subheader("Units that also respond to a picture", help=help_text)
    file = st.file_uploader("Picture", key="also", help="PNG, JPEG or WebP. The picture stays on the app's machine.")
    if file is None:
        st.caption(plain(f"Choose a picture, such as a photograph of what {word} names."))
        return
    picture = live_network.network().picture(file.getvalue(), file.name)
    session.show(live_network.as_seen(picture, file.name), "picture as shown")
    answers = live_network.both_answers(word, picture, layer, count)
    if answers:
        session.show(live_network.rises_table(answers), "both")
    else:
        st.caption("No unit responds to both.")
