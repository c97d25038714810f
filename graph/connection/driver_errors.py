"""Translate errors of the driver and the servers into this project's: what happened, the usual cause, the way out."""

import re

from neo4j.exceptions import BrokenRecordError, IncompleteCommit, Neo4jError, ResultFailedError

from graph.errors import (
    AccessRefused,
    ConstraintViolated,
    DatabaseMissing,
    GraphError,
    QueryError,
    QueryTimeout,
    RecordUnreadable,
    ServerUnavailable,
    WriteRefused,
)

_Translation = tuple[type[GraphError], str]

_REFUSED: _Translation = (WriteRefused, "The server refuses this ({message}): only reading is allowed here.")
_STOPPED: _Translation = (
    QueryTimeout,
    "The query was stopped ({limit}). Give it more time, a LIMIT, a shorter path or a named unit to start from.",
)
_CODES: dict[str, _Translation] = {  # keyed by the beginning of the server's code; the first match applies
    "Neo.ClientError.Security.Forbidden": _REFUSED,
    "Neo.ClientError.Statement.AccessMode": _REFUSED,
    "Neo.ClientError.Security.CredentialsExpired": (
        AccessRefused,
        "{url} asks for a new password before anything else. Set one in the database system with ALTER CURRENT USER "
        "SET PASSWORD FROM 'old' TO 'new'.",
    ),
    "Neo.ClientError.Security": (
        AccessRefused,
        "{url} refuses the user or password ({message}). Set CIRCUITS_USER and CIRCUITS_PASSWORD.",
    ),
    "Neo.ClientError.Database.DatabaseNotFound": (
        DatabaseMissing,
        "{url} has no such database ({message}). Correct CIRCUITS_DATABASE_NAME, or leave it out.",
    ),
    "Neo.ClientError.Transaction.Terminated": _STOPPED,
    "Neo.ClientError.Transaction.TransactionTimedOut": _STOPPED,
    "Neo.ClientError.Transaction.LockClientStopped": _STOPPED,
    "Neo.ClientError.Transaction": (
        QueryError,
        "The database could not end the transaction ({message}). It wrote nothing. Check whether its disk is full, "
        "and try again.",
    ),
    "Neo.ClientError.Schema.ConstraintValidationFailed": (
        ConstraintViolated,
        "The database already has this ({message}). Nothing was changed.",
    ),
    "Neo.TransientError": (QueryError, "{url} is busy or short of memory ({message}). Try again, or ask for less."),
    "Neo.ClientError": (QueryError, "The database does not accept the query: {message}."),
    "": (
        QueryError,
        "The database cannot carry out the query: {message}. Check whether its disk is full, and read its log.",
    ),
}
_NO_BOLT: _Translation = (
    ServerUnavailable,
    "No database answers at {url}: the server there does not speak Bolt, but perhaps HTTP. Name the port for Bolt, "
    "usually 7687.",
)
_CONNECTIONS: dict[str, _Translation] = {  # keyed by what the driver says about the connection; the first match applies
    "refused": (
        ServerUnavailable,
        "No database answers at {url}: nothing listens there. Start the server, or correct the address.",
    ),
    "looks like HTTP": _NO_BOLT,
    "Bolt handshake": _NO_BOLT,
    "DNS resolve": (ServerUnavailable, "No database answers at {url}: there is no such host. Correct the address."),
    "SSLCertVerificationError": (
        ServerUnavailable,
        "No database answers at {url}: its certificate is not trusted here. Trust it, or use bolt+ssc:// or "
        "neo4j+ssc://, which accept any certificate.",
    ),
    "SSL": (
        ServerUnavailable,
        "No database answers at {url}: the encryption does not match. Write bolt+s:// or neo4j+s:// for a server with "
        "encryption, bolt:// or neo4j:// for one without.",
    ),
    "": (ServerUnavailable, "No database answers at {url}: {message}."),
}

_UNREADABLE = re.compile(  # what the embedded server says of a record whose bytes make no sense
    r"Record #-?\d+:-?\d+ not found|cannot be cast to class com\.arcadedb|chunk chain|is corrupted"
)
_MARK = re.compile(r"/\* [0-9a-f]{16} \*/")  # marks a query that may be terminated
_ECHO = re.compile(r"(?<=Error executing Cypher command): .*", re.DOTALL)  # the query, instead of a cause


def server_error(error: Exception) -> Exception:
    """Return the server's own error if the driver says only that a result has failed; else the error itself."""
    cause = error.__cause__
    return cause if isinstance(error, ResultFailedError) and isinstance(cause, Neo4jError) else error


def translate(error: Exception, url: str, timeout: float = 0.0) -> GraphError:
    """Translate an error of the driver; `timeout` is the query's time limit in seconds."""
    error = server_error(error)
    if isinstance(error, Neo4jError):
        translation = next(entry for code, entry in _CODES.items() if (error.code or "").startswith(code))
        message = " ".join(_ECHO.sub("", _MARK.sub("", error.message or "it does not say why")).split()).rstrip(".")
        if _UNREADABLE.search(message):
            return RecordUnreadable(
                f"The database cannot read a record ({message}). Its files may be damaged, or the record was removed "
                "just now. Run `circuits doctor --whole` to find out which.",
                message,
            )
        return _filled(translation, url, message, f"after {timeout:g} s" if timeout else message)
    if isinstance(error, BrokenRecordError):
        return QueryError(
            f"The answer holds a value that cannot be read ({error.__cause__}). Ask for it as text: toString()."
        )
    if isinstance(error, IncompleteCommit):
        return ServerUnavailable(
            f"The connection to {url} broke during a write. Check whether the last change is there."
        )
    text = _spoken(error)
    return _filled(next(entry for words, entry in _CONNECTIONS.items() if words in text), url, text)


def _filled(translation: _Translation, url: str, message: str, limit: str = "") -> GraphError:
    error, template = translation
    return error(template.format(url=url, message=message, limit=limit))


def _spoken(error: Exception) -> str:
    """Join the driver's messages on a connection: of the error, its cause, and each server asked for a route."""
    cause = error.__cause__
    errors = (error, cause, *(cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()))
    return " ".join(" ".join(str(each) for each in errors if each).split()).rstrip(".")
