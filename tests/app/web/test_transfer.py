import json

from streamlit.testing.v1 import AppTest

from catalog.labels.files import decode
from extract.units import Unit
from tests.app.web.running import MODEL, labels_of, opened

UNIT = Unit.parse("4/1/3/6")


def test_a_file_is_taken_in_after_its_report_and_a_second_time_all_is_there(app: AppTest) -> None:
    labels = labels_of(opened(app, "transfer", model=MODEL))
    held = labels.add(Unit.parse("4/1/3/7"), "hat", "ada")
    rows = [{"unit": str(UNIT), "text": "<b>marmalade</b>", "author": "colleague"}, {"unit": "4/1/3/7", "text": "fez"}]
    data = json.dumps([*rows, {"unit": "9/9/6/1", "text": "x"}]).encode()

    app.file_uploader(key="file 0").upload("labels.json", data, "application/json").run()
    assert "1 new, 0 already there, 1 in conflict, 1 unknown" in " ".join(text.value for text in app.markdown)
    assert app.button(key="write transfer").disabled
    app.checkbox(key="skip transfer").check().run()
    app.button(key="write transfer").click().run()
    assert "1 new" in app.success[0].value
    (said,) = labels.current(UNIT)
    assert (said.text, said.author, said.source) == ("<b>marmalade</b>", "colleague", "import")
    assert labels.current(Unit.parse("4/1/3/7")) == [held]

    app.file_uploader(key="file 1").upload("labels.json", data, "application/json").run()
    assert "0 new, 1 already there" in " ".join(text.value for text in app.markdown)
    app.checkbox(key="also").check().run()
    assert "1 new, 1 already there, 0 in conflict" in " ".join(text.value for text in app.markdown)
    for label in (said, held):
        labels.withdraw(Unit.parse(label.unit), label.id, "ada")


def test_a_file_that_is_none_is_a_message(app: AppTest) -> None:
    opened(app, "transfer", model=MODEL)
    app.file_uploader(key="file 0").upload("labels.csv", b"\xff\xfe\x00", "text/csv").run()
    assert not app.exception
    assert "not a label file in CSV" in app.error[0].value


def test_the_whole_set_is_offered_in_either_form(app: AppTest) -> None:
    labels = labels_of(opened(app, "transfer", model=MODEL))
    said = labels.add(UNIT, "to be sent", "ada")
    for form in ("csv", "json"):
        opened(app, "transfer", model=MODEL, form=form)
        (button,) = app.get("download_button")
        assert button.proto.label == f"Download {len(labels.current()):,}"
    labels.withdraw(UNIT, said.id, "ada")
    assert decode(b"unit,text\n", "csv", MODEL, "ada").entries == ()


def test_what_a_file_says_loads_no_picture_from_elsewhere(app: AppTest) -> None:
    opened(app, "transfer", model=MODEL)
    name = "![x](http://192.0.2.1/x.png)"
    data = json.dumps([{"unit": name, "text": "x", "branch": "sum"}]).encode()
    app.file_uploader(key="file 0").upload("labels.json", data, "application/json").run()
    assert list(app.dataframe[-1].value["unit"]) == [name]
    assert not [text for text in (*app.markdown, *app.caption, *app.warning, *app.error) if "](" in text.value]

    app.file_uploader(key="file 0").upload("labels.csv", f"unit,text\n{name},a,b\n".encode(), "text/csv").run()
    assert "192.0.2.1" in app.error[0].value
    assert "](" not in app.error[0].value
