from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from extract.folder.extraction import Extraction
from graph.loading.load import load
from graph.opening import connect
from graph.store import Store
from tests.app.web.running import MAIN, PATIENCE, opened
from tests.builders.servers import emptied

Write = Callable[..., Extraction]


@pytest.fixture
def folder(embedded: Path, random_extraction: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of two models."""
    with emptied(embedded) as database:
        for name in ("a", "b"):
            extraction = random_extraction(tmp_path / f"{name}.extraction", f"random:{name}", width=2)
            load(extraction, database, progress=False)
    monkeypatch.setenv("CIRCUITS_DATABASE", str(embedded))
    return embedded


def test_a_second_click_removes_the_model_and_the_next_one_is_shown(folder: Path) -> None:
    app = opened(AppTest.from_file(MAIN, default_timeout=PATIENCE), "home", model="random:a")
    texts = [text.value for text in app.markdown]
    assert any("units" in text and "of random:a go" in text for text in texts), texts
    app.button(key="remove model").click().run()
    assert not app.exception
    assert not app.error
    assert app.session_state["model"] == "random:b"
    with connect(folder) as database:
        assert [card.id for card in Store(database).models()] == ["random:b"]
