"""What can go wrong between us and a graph database; every message ends with the way out.

CircuitsError
├── GraphError                the root of this room's tree
│   ├── InvalidSettings         an option, variable or line of .env that does not fit
│   ├── ServerUnavailable     no server answers there, it speaks no Bolt, or the embedded one cannot start
│   ├── AccessRefused         wrong user or password, or too few rights
│   ├── DatabaseMissing       the server has no database of that name
│   ├── SchemaMismatch           a database of an older or a later version of this project
│   ├── DatabaseDamaged       files that cannot be opened, of another version, or that hold less than was loaded
│   ├── DatabaseBusy          somebody else is loading or stopping this database
│   ├── LoadFailed            data that does not fit together, or a load that broke off; the database is as before
│   ├── ConstraintViolated    a write that would make two of what there is one of
│   ├── AnnotationSuperseded  what an annotation is about is not there, or somebody changed it meanwhile
│   ├── ModelMissing          no such model in the database, or several and none named
│   ├── NotExtracted          what was asked for is not among what was extracted and loaded
│   ├── UnknownStatistic      no such number is measured of units
│   └── QueryError            the user's Cypher
│       ├── WriteRefused      it writes, where only reading is allowed
│       └── QueryTimeout      it took too long and was stopped
└── UnknownUnit               from extract.errors
"""

from extract.errors import CircuitsError


class GraphError(CircuitsError):
    """Something between us and the graph database."""


class InvalidSettings(GraphError):
    """An option, an environment variable or a line of .env that does not fit."""


class ServerUnavailable(GraphError):
    """No server answers, what answers speaks no Bolt, or the embedded server cannot start."""


class AccessRefused(GraphError):
    """A wrong user or password, or too few rights."""


class DatabaseMissing(GraphError):
    """The server has no database of that name."""


class SchemaMismatch(GraphError):
    """A database of an older or a later version of this project."""


class DatabaseDamaged(GraphError):
    """Database files that cannot be opened, are of another version, or hold less than was loaded."""


class DatabaseBusy(GraphError):
    """Somebody else is loading or stopping this database."""


class LoadFailed(GraphError):
    """Data that does not fit together, or a load that broke off; the database is as it was before."""


class ConstraintViolated(GraphError):
    """A write that would make two of what there is one of."""


class AnnotationSuperseded(GraphError):
    """What an annotation is about is not there, or somebody changed it meanwhile."""


class ModelMissing(GraphError):
    """No such model in the database, or several and none named."""


class NotExtracted(GraphError):
    """What was asked for is not among what was extracted and loaded."""


class UnknownStatistic(GraphError):
    """No such number is measured of units."""


class QueryError(GraphError):
    """Cypher that the server does not accept or cannot carry out."""


class WriteRefused(QueryError):
    """A query that writes where only reading is allowed."""


class QueryTimeout(QueryError):
    """A query that took too long and was stopped."""
