import pytest
from streamlit.testing.v1 import AppTest

from app.web.views import PAGES
from tests.app.web.running import opened
from tests.builders.question_counter import recorded_questions, surplus

VISITS: list[tuple[str, dict[str, str]]] = [(entry.name, {}) for entry in PAGES] + [
    ("unit", {"unit": "4/2/5/3"}),
    ("unit", {"unit": "4/2/3/3"}),
    ("circuit", {"trace": "enrichment", "unit": "4/2/6/17"}),
    ("circuit", {"trace": "backward", "unit": "4/2/6/17", "pins": "4/2/6/3,4/1/6/17"}),
    ("enrichment", {"screen": "weights"}),
    ("layers", {"layer": "4/2/6"}),
    ("search", {"text": "17", "labelled": "labelled"}),
]


@pytest.mark.parametrize(
    ("page", "address"), VISITS, ids=lambda part: part if isinstance(part, str) else "&".join(part)
)
def test_a_page_asks_the_database_for_models_once_for_what_is_hidden_twice_and_for_nothing_again(
    app: AppTest, page: str, address: dict[str, str]
) -> None:
    opened(app, page, **address)
    with recorded_questions() as questions:
        app.run()
    assert not app.exception
    assert questions
    assert surplus(questions) == []
