"""Enforce a time limit on the client's side: the caller gets an answer in time, whatever the server does."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from graph.connection.servers import Server
from graph.errors import QueryTimeout
from graph.records import Rows

GRACE = 1.0  # seconds that a server has to end a query whose time is over
_REMINDER = 0.5  # seconds after which the server is asked again to end the query


def answer_in_time(
    server: Server, ask: Callable[[], Rows], terminate: Callable[[], None], close: Callable[[], None], timeout: float
) -> Rows:
    """Call `ask` and return its rows, or give up after `timeout` seconds and a short grace.

    At the limit `terminate` asks the server to end the query. After the grace `close` closes the connection, and an
    embedded server that still works on the query is ended. Raises QueryTimeout, and the errors of `ask`.
    """
    question = _Question(ask)
    question.start()
    if question.is_over(timeout):
        return question.answer()
    _in_background(lambda: question.remind(terminate))
    if question.is_over(GRACE):
        return question.answer()
    if server.process:
        server.process.end()
    _in_background(close)  # closing may wait for the server
    raise QueryTimeout(
        f"The query was stopped after {timeout:g} s. {_aftermath(server)}. Give it more time, a LIMIT, a shorter path "
        "or a named unit to start from."
    )


def _aftermath(server: Server) -> str:
    if server.process:
        return "The server did not stop it, so the server was ended; it starts again with the next query"
    return f"{server.url} was asked to stop it, but may still be working on it"


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


class _Question(threading.Thread):
    """A query in a thread that can be abandoned, so that the caller never has to wait for the server."""

    def __init__(self, ask: Callable[[], Rows]) -> None:
        super().__init__(daemon=True)
        self._ask, self._answer = ask, Future[Rows]()

    def run(self) -> None:
        try:
            self._answer.set_result(self._ask())
        except BaseException as error:  # for the caller to raise; this thread's frames would keep the rows
            self._answer.set_exception(error.with_traceback(None))

    def is_over(self, seconds: float) -> bool:
        """Wait at most `seconds` for the answer; return whether it has come."""
        self.join(seconds)
        return not self.is_alive()

    def answer(self) -> Rows:
        return self._answer.result()

    def remind(self, terminate: Callable[[], None]) -> None:
        """Call `terminate` again and again until the query is over."""
        while not self.is_over(0):
            terminate()
            self.is_over(_REMINDER)
