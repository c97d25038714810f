"""What the app tells Streamlit, and what Streamlit makes of it."""

from streamlit import config
from streamlit.web import skills

from app.web.serve import configuration


def test_no_visitor_is_offered_to_write_files_for_coding_agents() -> None:
    before = config.get_option("server.headless")
    try:
        config.set_option("server.headless", configuration("localhost", 8501)["server.headless"])
        assert skills.nudge_suppression_reason() == "headless"  # the handler that writes them asks the same
    finally:
        config.set_option("server.headless", before)


def test_the_options_are_those_of_the_file_and_where_to_listen() -> None:
    options = configuration("127.0.0.1", 8600)
    assert (options["server.address"], options["server.port"]) == ("127.0.0.1", 8600)
    assert options["browser.gatherUsageStats"] is False
    assert options["client.disableDataExport"] is True
    assert options["server.fileWatcherType"] == "none"
