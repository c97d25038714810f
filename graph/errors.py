"""Errors between this project and a graph database; every message ends with a way out.

CircuitsError
├── GraphError                the root of this room's errors
│   ├── InvalidSettings       an option, environment variable or line of .env that is not valid
│   ├── ServerUnavailable     no server answers, the server does not speak Bolt, or the embedded one cannot start
│   ├── AccessRefused         wrong user or password, or too few rights
│   ├── DatabaseMissing       the server has no database of that name
│   ├── SchemaMismatch        a database of an older or a later version of this project
│   ├── DatabaseDamaged       files that cannot be opened, are of another version, or hold less than was loaded
│   ├── DatabaseBusy          another process is loading or stopping this database
│   ├── WeightsDiffer         a model of the same name with other weights
│   ├── LoadFailed            data that does not fit together, or an interrupted load; the database is as before
│   ├── ConstraintViolated    a write that would duplicate a unique node
│   ├── AnnotationSuperseded  the annotation to change is missing, or was changed meanwhile
│   ├── ModelMissing          the database lacks the model, or holds several while none is named
│   ├── NotExtracted          the numbers asked for were not extracted or not loaded
│   ├── UnknownStatistic      units have no statistic of that name
│   └── QueryError            Cypher that the server does not accept or cannot carry out
│       ├── WriteRefused      a query that writes where only reading is allowed
│       ├── QueryTimeout      a query that took too long and was stopped
│       └── RecordUnreadable  a query that met a record that the server cannot read
└── UnknownUnit               from extract.errors
"""

from extract.errors import CircuitsError


class GraphError(CircuitsError):
    """An error between this project and a graph database."""


class InvalidSettings(GraphError):
    """An option, an environment variable or a line of .env that is not valid."""


class ServerUnavailable(GraphError):
    """No server answers, the server does not speak Bolt, or the embedded server cannot start."""


class AccessRefused(GraphError):
    """A wrong user or password, or too few rights."""


class DatabaseMissing(GraphError):
    """The server has no database of that name."""


class SchemaMismatch(GraphError):
    """A database of an older or a later version of this project."""


class DatabaseDamaged(GraphError):
    """Database files that cannot be opened, are of another version, or hold less than was loaded."""


class DatabaseBusy(GraphError):
    """Another process is loading or stopping this database."""


class WeightsDiffer(GraphError):
    """A model of the same name in the database has other weights."""


class LoadFailed(GraphError):
    """Data that does not fit together, or an interrupted load; the database is as it was before."""


class ConstraintViolated(GraphError):
    """A write that would duplicate a unique node."""


class AnnotationSuperseded(GraphError):
    """The annotation to change is missing, or was changed meanwhile."""


class ModelMissing(GraphError):
    """The database lacks the model, or holds several while none is named."""


class NotExtracted(GraphError):
    """The numbers asked for were not extracted or not loaded."""


class UnknownStatistic(GraphError):
    """Units have no statistic of that name."""


class QueryError(GraphError):
    """Cypher that the server does not accept or cannot carry out."""


class WriteRefused(QueryError):
    """A query that writes where only reading is allowed."""


class QueryTimeout(QueryError):
    """A query that took too long and was stopped."""


class RecordUnreadable(QueryError):
    """A query met a record that the server cannot read, as in damaged files; `reason` is the server's message."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
