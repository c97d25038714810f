"""The app on the planted catalog, and on the demo's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.web import live_network
from tests.app.web.running import MAIN, PATIENCE


@pytest.fixture(scope="session", autouse=True)
def released() -> Iterator[None]:
    """Closes the connections that the app keeps for its sessions."""
    yield
    st.cache_resource.clear()


@pytest.fixture
def app(planted_folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the planted catalog, not run yet; nobody has asked for the network's weights."""
    live_network.requested.clear()
    monkeypatch.setenv("CIRCUITS_DATABASE", str(planted_folder))
    return AppTest.from_file(MAIN, default_timeout=PATIENCE)


@pytest.fixture
def demo(demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the demo's catalog, not run yet."""
    monkeypatch.setenv("CIRCUITS_DATABASE", str(demo_folder))
    return AppTest.from_file(MAIN, default_timeout=PATIENCE)
