from datetime import timedelta

from streamlit.testing.v1 import AppTest

from extract.units import Unit
from tests.app.web.running import MODEL, anew, labels_of, markup, opened

UNIT = Unit.parse("4/1/3/2")
HOSTILE = "<img src=x onerror=alert(1)> **bold** \u202eright to left"


def test_entries_are_listed_filtered_and_undone_and_the_undo_is_undone(app: AppTest) -> None:
    labels = labels_of(opened(app, "home"))
    said = labels.add(UNIT, HOSTILE, "history's ada")
    other = labels.add(UNIT, "cap", "history's bob")

    opened(app, "history", model=MODEL)
    assert f"{len(labels.history())} of {len(labels.history())} entries" in markup(app).replace(",", "")
    app.text_input(key="about").input("4/1/3").run()
    app.selectbox(key="by").select("history's ada").run()
    (table,) = app.dataframe
    assert list(table.value["text"]) == [HOSTILE]
    assert not [text for text in (*app.markdown, *app.caption) if "onerror" in text.value]

    app.text_input(key="author").input("cy")
    app.selectbox(key="entry").select_index(0).run()
    app.button(key="undo entry").click().run()
    assert labels.current(UNIT) == [other]
    assert labels.history(UNIT)[-1].author == "cy"

    app.selectbox(key="by").select("cy").run()
    app.selectbox(key="entry").select_index(0).run()
    app.button(key="undo entry").click().run()
    assert labels.current(UNIT) == [said, other]
    for label in (said, other):
        labels.withdraw(UNIT, label.id, "history's ada")


def test_the_address_opens_the_same_view_and_what_cannot_be_undone_is_a_message(app: AppTest) -> None:
    labels, unit = labels_of(opened(app, "home")), Unit.parse("4/1/3/3")
    labels.add(unit, "hat", "history's dan")
    labels.amend(unit, "hat", "cap", "history's eve")
    opened(app, "history", model=MODEL, by="history's dan", about="4/1/3/3", whence="human")
    assert list(app.dataframe[0].value["text"]) == ["hat"]
    assert list(app.dataframe[0].value["now"]) == ["changed"]
    app.selectbox(key="entry").select_index(0).run()
    app.button(key="undo entry").click().run()
    assert not app.exception
    assert "history's eve has changed" in app.error[0].value
    assert [label.text for label in labels.current(unit)] == ["cap"]
    labels.withdraw(unit, "cap", "history's eve")


def test_a_sensitive_text_is_not_told(app: AppTest) -> None:
    labels, unit = labels_of(opened(app, "home")), Unit.parse("4/1/3/4")
    said = labels.add(unit, "ghastly sight", "history's fay", sensitive=True)
    opened(app, "history", model=MODEL, by="history's fay")
    assert list(app.dataframe[0].value["text"]) == ["sensitive"]
    assert not [option for option in app.selectbox(key="entry").options if "ghastly" in option]
    app.toggle(key="reveal").set_value(True).run()
    assert list(app.dataframe[0].value["text"]) == ["ghastly sight"]
    labels.withdraw(unit, said.id, "history's fay")


def test_days_in_the_address_bound_what_is_listed_both_included(app: AppTest) -> None:
    labels = labels_of(opened(app, "home"))
    said = labels.add(UNIT, "calendar", "history's gil")
    today, day = said.at.date(), timedelta(days=1)
    for since, until, listed in (
        (today, None, True),
        (None, today, True),
        (today, today, True),
        (today + day, None, False),
        (None, today - day, False),
    ):
        bounds = {"since": since, "until": until}
        address = {name: str(bound) for name, bound in bounds.items() if bound}
        anew(app, "history", model=MODEL, by="history's gil", **address)
        assert ("calendar" in {text for table in app.dataframe for text in table.value.get("text", [])}) is listed
    labels.withdraw(UNIT, said.id, "history's gil")
