"""The Cypher texts that count what the database holds of a model, with their parameters; see `graph.cypher.units`."""

import math
from collections.abc import Mapping
from typing import Any


def agrees(row: Mapping[str, Any]) -> bool:
    """Whether as much is found as was written, in a row of one of these texts."""
    return row["recorded"] is not None and math.isclose(row["found"], row["recorded"], rel_tol=1e-9)


# model -> how many entries its history has, which every write of a label raises
ENTRIES = "MATCH (m:Model {id: $model}) RETURN m.annotations AS entries"

# model -> of each kind how many were written and are found, without following an edge
TALLY = """
MATCH (m:Model {id: $model})
RETURN 'units' AS what, m.units AS recorded, COUNT { MATCH (u:Unit) WHERE u.model = $model } AS found
UNION ALL
MATCH (m:Model {id: $model})
RETURN 'annotations' AS what, m.annotations AS recorded, COUNT { MATCH (a:Annotation) WHERE a.model = $model } AS found
UNION ALL
MATCH (m:Model {id: $model})
RETURN 'images' AS what, m.images AS recorded, COUNT { MATCH (i:Image) WHERE i.model = $model } AS found
UNION ALL
MATCH (m:Model {id: $model})
RETURN 'words' AS what, m.words AS recorded, COUNT { MATCH (w:Word) WHERE w.model = $model } AS found
"""

_COUNTS = (  # each type of relationship, what it is, and how many were written
    ("CONTRIBUTES", "edges", "m.edges"),
    ("ADDS", "residual sums", "m.adds"),
    ("ACTIVATES", "top probes and words", "m.examples + m.readings"),
    ("DEPICTS", "visualisations", "m.depictions"),
)

# each: model -> the same for all relationships of a type, of all models, unless one of them is not whole
TOTALS = {
    kind: "MATCH ()-[r:"
    + kind
    + """]->()
WITH count(r) AS found
MATCH (m:Model)
WITH found, sum("""
    + written
    + """) AS recorded, collect(m.id) AS models, collect(m.complete AND m.lost IS NULL) AS complete
WHERE $model IN models AND all(whole IN complete WHERE whole)
RETURN '"""
    + what
    + """ of all models' AS what, recorded, found
"""
    for kind, what, written in _COUNTS
}

# model -> the same for units by key and by layer, and for edges from their sources and from their targets
VERIFY = """
MATCH (m:Model {id: $model})
OPTIONAL MATCH (u:Unit {model: $model})
OPTIONAL MATCH (same:Unit {key: u.key})
RETURN 'units by key' AS what, m.units AS recorded, count(same) AS found
UNION ALL
MATCH (m:Model {id: $model})
OPTIONAL MATCH (m)-[:HAS_LAYER]->(l:Layer)
OPTIONAL MATCH (u:Unit {model: $model, layer: l.id})
RETURN 'units by layer' AS what, m.units AS recorded, count(u) AS found
UNION ALL
MATCH (m:Model {id: $model})
OPTIONAL MATCH (u:Unit {model: $model})-[e:CONTRIBUTES]->()
WITH m, count(e) AS edges, sum(e.magnitude) AS magnitude
UNWIND [['edges out of units', m.edges, edges], ['magnitudes', m.magnitude, magnitude]] AS row
RETURN row[0] AS what, row[1] AS recorded, row[2] AS found
UNION ALL
MATCH (m:Model {id: $model})
OPTIONAL MATCH (u:Unit {model: $model})<-[e:CONTRIBUTES]-()
RETURN 'edges into units' AS what, m.edges AS recorded, count(e) AS found
UNION ALL
MATCH (m:Model {id: $model})
OPTIONAL MATCH (u:Unit {model: $model})<-[a:ADDS]-()
RETURN 'residual sums' AS what, m.adds AS recorded, count(a) AS found
UNION ALL
MATCH (m:Model {id: $model})
OPTIONAL MATCH (u:Unit {model: $model})<-[:ACTIVATES]-(s)
WITH m, sum(CASE WHEN s:Image THEN 1 ELSE 0 END) AS images, sum(CASE WHEN s:Word THEN 1 ELSE 0 END) AS words
UNWIND [['examples', m.examples, images], ['readings', m.readings, words]] AS row
RETURN row[0] AS what, row[1] AS recorded, row[2] AS found
UNION ALL
MATCH (m:Model {id: $model})
OPTIONAL MATCH (u:Unit {model: $model})<-[d:DEPICTS]-()
RETURN 'visualisations' AS what, m.depictions AS recorded, count(d) AS found
"""
