"""Serve only those who name the app by its own address, so that no page of another site can read or write a catalog.

A page of another site can make its own name lead to this machine (DNS rebinding), and a page of another local server
may open connections to this one. Both send a Host or an Origin that is not the app's. See OWASP's "CSRF prevention",
"verifying origin with standard headers", and "cross-site WebSocket hijacking".
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

_LOCAL = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class HostGuard:
    """Middleware that refuses a request whose Host or Origin is not the app's, and a WebSocket without an Origin.

    On its own port the app answers to the loopback names, to `address`, and to the address that a connection came to.
    `allowed` are other names for the app, such as a proxy's: `host` for any port, or `host:port`.
    """

    def __init__(self, app: ASGIApp, address: str, allowed: Iterable[str] = ()) -> None:
        self._app, self._names = app, {*_LOCAL, address.lower()}
        self._allowed = {_place(f"//{name}") for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the app, or refuse it with status 403."""
        respond = self._app
        if problem := self._problem(scope):
            websocket = scope["type"] == "websocket"
            respond = WebSocketClose(1008, problem) if websocket else PlainTextResponse(problem, 403)
        await respond(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        """Return why the request is refused, or None if it is allowed."""
        if scope["type"] not in ("http", "websocket"):
            return None
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._serves(scope, f"{scope['scheme']}://{host}"):
            return (
                f"This app is not served as {host!r}. Open it at its own address, or start it with --allow-host and "
                "this name."
            )
        if origin is None:
            return "A connection without an Origin is refused. Use a browser." if scope["type"] == "websocket" else None
        if self._serves(scope, origin):
            return None
        return f"The page {origin!r} does not belong to this app, and may not use it."

    def _serves(self, scope: Scope, url: str) -> bool:
        """Return whether this URL leads to the app."""
        host, port = place = _place(url)
        own_host, own_port = scope["server"]
        if port == own_port and host in (*self._names, own_host):
            return True
        return bool(host) and not self._allowed.isdisjoint({place, (host, None)})


def _place(url: str) -> tuple[str, int | None]:
    """Return a URL's host and port (or its scheme's port); the host is empty if the text is not a URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None
