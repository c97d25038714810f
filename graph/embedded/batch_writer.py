"""Write the steps of a load into an open ArcadeDB database, through its batch writer and its own SQL.

The batch writer takes JSON, which is its fastest input. It writes no log, so the files must be a copy.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graph.agreement import agrees
from graph.cypher.named_query import trimmed
from graph.embedded.pipe import json_rows
from graph.errors import LoadFailed
from graph.steps import Nodes, Relationships, Statement, Step, Verification


class BatchWriter:
    """A writer that executes steps on an open database; call `flush` at the end.

    `batchers` are the Java classes that write vertices and edges.
    """

    def __init__(self, database: Any, batchers: tuple[Any, Any]) -> None:
        self._database = database
        self._batch: Any = None
        self._vertices, self._edges = batchers
        self._declared: set[str] = set()
        self._nodes: dict[tuple[str, str], pa.Table] = {}  # the key and the record id of every node of a label

    def execute(self, step: Step) -> None:
        """Execute one step. Raises LoadFailed for data that does not fit."""
        match step:
            case Statement():
                self.flush()
                self._nodes.clear()
                self._declared.clear()
                self._cypher(step.text, dict(step.parameters))
            case Verification():
                self.flush()
                self._verify(step)
            case Nodes():
                self._merge(step)
            case Relationships():
                self._append(step)

    def flush(self) -> None:
        """Write the buffered edges."""
        if self._batch:
            self._batch.close()
            self._batch = None

    def _cypher(self, text: str, parameters: dict[str, Any]) -> None:
        with self._database.transaction():
            self._database.command("opencypher", self._analysed(text), parameters)

    def _analysed(self, text: str) -> str:
        """Trim a text and have ArcadeDB analyse it, as happens over Bolt.

        Without this, ArcadeDB misreads subqueries when a text runs for the first time.
        """
        text = trimmed(text)
        self._database.get_java_database().getQueryEngine("opencypher").analyze(text)
        return text

    def _verify(self, step: Verification) -> None:
        for row in self._database.query("opencypher", self._analysed(step.text), dict(step.parameters)).to_list():
            if not agrees(row):
                raise LoadFailed(
                    f"{row['what']}: {row['found']} instead of {row['recorded']}; the extraction's tables may not fit "
                    "together: copy it again or extract again"
                )

    def _merge(self, step: Nodes) -> None:
        keys = step.table[step.key]
        if keys.null_count or len(pc.unique(keys)) < len(keys):
            raise LoadFailed(f"the column {step.key} of {step.label} is not unique; extract again")
        existing: Any = pc.is_in(keys, value_set=self._records_of(step.label, step.key)["key"].combine_chunks())
        self._update(step, step.table.filter(existing))
        self._create(step, step.table.filter(pc.invert(existing)))

    def _update(self, step: Nodes, table: pa.Table) -> None:
        self.flush()
        text = f"UNWIND $rows AS row MATCH (n:`{step.label}` {{`{step.key}`: row.`{step.key}`}}) SET n += row"
        for batch in table.to_batches(max_chunksize=5000):
            self._cypher(text, {"rows": batch.to_pylist()})

    def _create(self, step: Nodes, table: pa.Table) -> None:
        if not len(table):
            return
        table = table.select([step.key, *(name for name in table.column_names if name != step.key)])
        records = str(self._vertices.createVerticesJson(self._batcher(), step.label, json_rows(table)))
        columns: dict[str, Any] = {"key": table[step.key], "record": records.split(";")}
        self._nodes[step.label, step.key] = pa.concat_tables(
            [self._records_of(step.label, step.key), pa.table(columns)]
        )

    def _append(self, step: Relationships) -> None:
        self._declare("EDGE", step.type)
        columns: dict[str, Any] = {
            "_src": self._records(step.table["source"], step.source),
            "_dst": self._records(step.table["target"], step.target),
        }
        columns |= {name: step.table[name] for name in step.table.column_names if name not in ("source", "target")}
        if len(step.table):
            self._edges.newEdgesJson(self._batcher(), step.type, json_rows(pa.table(columns)))

    def _records(self, keys: Any, end: tuple[str, str]) -> Any:
        records: Any = self._records_of(*end)
        places: Any = pc.index_in(keys, value_set=records["key"].combine_chunks())
        if places.null_count:
            missing = keys.filter(pc.is_null(places))
            raise LoadFailed(
                f"the database lacks {len(missing)} {end[0]} that edges lead to or from, such as {missing[0]}; extract "
                "again"
            )
        return records["record"].take(places)

    def _records_of(self, label: str, key: str) -> pa.Table:
        if (label, key) not in self._nodes:
            self.flush()
            self._declare("VERTEX", label, key)
            text = f"SELECT `{key}` AS key, @rid.asString() AS record FROM `{label}`"  # noqa: S608, names were checked
            rows = self._database.query("sql", text).to_list()
            schema = pa.schema([("key", pa.string()), ("record", pa.string())])
            self._nodes[label, key] = pa.Table.from_pylist(rows, schema)
        return self._nodes[label, key]

    def _declare(self, kind: str, *names: str) -> None:
        """Create the vertex or edge type that the first name names, if it is new; a second name is the type's key."""
        if bad := [name for name in names if not (name.isascii() and name.isidentifier())]:
            raise LoadFailed(f"{bad[0]!r} cannot name nodes, relationships or properties")
        if names[0] not in self._declared:
            self.flush()
            self._database.command("sql", f"CREATE {kind} TYPE `{names[0]}` IF NOT EXISTS")
            self._declared.add(names[0])

    def _batcher(self) -> Any:
        """Return an open batch. With the default buffers, five million edges would fill 3 GB."""
        if self._batch is None:
            self._batch = self._database.graph_batch(
                batch_size=500_000, max_deferred_incoming_edges=1_000_000, use_wal=False
            )
        return self._batch._java_graph_batch
