"""A connection that breaks in the middle of a commit, as if a server or a network failed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select

COMMIT = bytes.fromhex("0002b0120000")  # https://neo4j.com/docs/bolt/current/bolt/message/#messages-commit


@contextmanager
def breaking_at_commit(port: int, carried_out: bool) -> Iterator[int]:
    """Open a port that leads to another port of this machine, and break the connection at the first commit.

    By then the server has carried out the commit (`carried_out`), or it never receives the commit.
    """
    broken = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):  # closed
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", port))
                    threading.Thread(target=_forward, args=(client, server, broken, carried_out), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _forward(client: socket.socket, server: socket.socket, broken: threading.Event, carried_out: bool) -> None:
    ends = {client: server, server: client}
    with client, server, suppress(OSError):
        while True:
            for source in select(list(ends), [], [])[0]:
                if not (data := source.recv(65536)):
                    return
                if source is client and COMMIT in data and not broken.is_set():
                    broken.set()
                    if carried_out:
                        server.sendall(data)
                        server.recv(65536)  # its answer, which the client does not get
                    return
                ends[source].sendall(data)
