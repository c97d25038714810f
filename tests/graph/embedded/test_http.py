"""What the embedded server answers over HTTP, which cannot be turned off: nothing without a password, no write to a
reader, and nothing of the plugins that it starts by itself.
"""

import base64
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from graph.embedded.server import ensure
from graph.endpoint import Endpoint
from graph.opening import connect

LISTENS = "0A"  # a socket's state in Linux's list
CREATE = {"language": "opencypher", "command": "CREATE (:Intruder)"}
DEFINE = {"language": "sql", "command": "CREATE VERTEX TYPE Intruder"}
SELECT = {"language": "sql", "command": "SELECT 1"}
TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ASKED = [
    ("/api/v1/server", {"command": "list databases"}),
    ("/api/v1/query/circuits", SELECT),
    ("/api/v1/command/circuits", CREATE),
    ("/api/v1/command/circuits", DEFINE),
    ("/api/v1/mcp", TOOLS),
]

pytestmark = pytest.mark.skipif(
    not Path("/proc/net/tcp6").exists(), reason="ports are found by Linux's list of sockets"
)


@pytest.fixture
def endpoint(embedded: Path) -> Endpoint:
    return ensure(embedded)


def listening(pid: int) -> Iterator[tuple[str, int]]:
    """Addresses, in hexadecimal, and ports at which a process listens."""
    sockets = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                yield address, int(port, 16)


def http_port(endpoint: Endpoint) -> int:
    bolt = int(endpoint.uri.rpartition(":")[2])
    (port,) = (port for _, port in listening(endpoint.pid) if port != bolt)
    return port


def status(endpoint: Endpoint, path: str, body: object, user: str = "", password: str = "") -> int:
    connection = HTTPConnection("127.0.0.1", http_port(endpoint), timeout=60)
    headers = {"Content-Type": "application/json"}
    if user:
        headers["Authorization"] = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse().status
    connection.close()
    return answer


def test_every_port_is_of_the_loopback_alone(endpoint: Endpoint) -> None:
    addresses = {address for address, _ in listening(endpoint.pid)}
    assert addresses
    assert all(address.endswith("0100007F") for address in addresses)  # 127.0.0.1, also within IPv6


@pytest.mark.parametrize(("path", "body"), ASKED)
def test_nobody_is_answered_without_a_password(endpoint: Endpoint, path: str, body: object) -> None:
    assert status(endpoint, path, body) == 401


@pytest.mark.parametrize(("user", "password"), [("root", "root"), ("root", "playwithdata"), ("reader", "reader")])
def test_nobody_is_answered_with_a_usual_password(endpoint: Endpoint, user: str, password: str) -> None:
    assert status(endpoint, *ASKED[0], user, password) == 403


def test_a_reader_reads_and_writes_nothing(endpoint: Endpoint, embedded: Path) -> None:
    reader = (endpoint.reader_user, endpoint.reader_password)
    assert status(endpoint, "/api/v1/query/circuits", SELECT, *reader) == 200
    for body in (CREATE, DEFINE):
        assert status(endpoint, "/api/v1/command/circuits", body, *reader) == 403
    with connect(embedded) as database:
        assert database.read("MATCH (n:Intruder) RETURN count(n) AS n") == [{"n": 0}]


def test_what_the_server_starts_unused_is_off(endpoint: Endpoint) -> None:
    assert status(endpoint, "/api/v1/mcp", TOOLS, endpoint.user, endpoint.password) == 503  # disabled
