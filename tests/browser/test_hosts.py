"""Whom the app serves: its own pages under its own names, and no page of elsewhere."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
OWN = ("localhost", "127.0.0.1", "[::1]")
FOREIGN = (
    *("http://evil.example", "http://evil.example:{port}", "https://127.0.0.1", "http://localhost:9999"),
    *("http://127.0.0.1:1", "http://127.0.0.1", "null", "file://", "http://localhost:{port}.evil.example", ""),
)


def status(served: str, path: str, **headers: str | None) -> int:
    """Ask the served app with these headers, {port} in them being its own; the answer's status."""
    port = urlsplit(served).port
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value.format(port=port))
    connection.endheaders()
    answer = connection.getresponse().status
    connection.close()
    return answer


def stream(served: str, host: str, origin: str | None) -> int:
    """Open the WebSocket through which pages are read and written; the answer's status, 101 where it opens."""
    return status(served, "/_stcore/stream", **UPGRADE, Host=host, Origin=origin)


@pytest.mark.parametrize("host", OWN)
def test_a_page_under_an_own_name_is_served_and_may_connect(served: str, host: str) -> None:
    assert status(served, "/", Host=f"{host}:{{port}}") == 200
    assert stream(served, f"{host}:{{port}}", f"http://{host}:{{port}}") == 101


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost:9999", "localhost", "", "a:b:c", "["]
)
def test_a_foreign_host_is_refused(served: str, host: str) -> None:
    assert status(served, "/", Host=host) == 403
    assert stream(served, host, f"http://{host}") == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_is_refused(served: str, origin: str) -> None:
    assert stream(served, "127.0.0.1:{port}", origin) == 403
    assert status(served, "/", Host="127.0.0.1:{port}", Origin=origin) == 403


def test_a_connection_without_an_origin_is_refused(served: str) -> None:
    assert stream(served, "127.0.0.1:{port}", None) == 403
