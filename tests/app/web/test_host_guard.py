"""By which names the app may be called; the served app is asked in tests/browser/test_hosts.py."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.web.host_guard import HostGuard


def status(host: str, *allowed: str) -> int:
    """Ask an app on mybox, port 8501, that answers 204, for a page under this host, from a page of the same host."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    sent: list[Message] = []

    async def ask() -> None:
        headers = [(b"host", host.encode()), (b"origin", f"https://{host}".encode())]
        scope: dict[str, Any] = {"type": "http", "scheme": "https", "headers": headers, "server": ("10.0.0.7", 8501)}
        await HostGuard(app, "MyBox", allowed)(scope, _nothing, _keep(sent))

    with ThreadPoolExecutor(1) as thread:  # a browser's tests leave a running event loop in this one
        thread.submit(asyncio.run, ask()).result()
    answer: int = sent[0]["status"]
    return answer


async def _nothing() -> Message:
    return {"type": "http.request"}


def _keep(sent: list[Message]) -> Send:
    async def send(message: Message) -> None:
        sent.append(message)

    return send


@pytest.mark.parametrize("host", ["localhost:8501", "mybox:8501", "MYBOX:8501", "10.0.0.7:8501", "[::1]:8501"])
def test_the_app_is_called_by_its_address_and_by_what_the_connection_came_to(host: str) -> None:
    assert status(host) == 204


@pytest.mark.parametrize("host", ["mybox", "mybox:80", "10.0.0.8:8501", "mybox.evil.example:8501", "proxy.example"])
def test_it_is_called_by_nothing_else(host: str) -> None:
    assert status(host) == 403


@pytest.mark.parametrize(
    ("host", "name", "answer"),
    [
        ("proxy.example", "proxy.example", 204),
        ("proxy.example:444", "Proxy.Example", 204),
        ("proxy.example:444", "proxy.example:444", 204),
        ("proxy.example", "proxy.example:444", 403),
        ("proxy.example", "proxy.example:443", 204),
        ("else.example", "proxy.example", 403),
    ],
)
def test_an_allowed_host_is_a_name_on_its_port_or_on_any(host: str, name: str, answer: int) -> None:
    assert status(host, name) == answer
