"""The Cypher texts that count what the database holds of a model; see `graph.cypher.units`."""

from graph.cypher import current_label

# model -> whether an earlier check found that data was lost
FOUND_LOST = "MATCH (m:Model {id: $model}) RETURN coalesce(m.lost, false) AS lost"

# model -> how many entries its label history has; every write of a label adds to them
ENTRIES = "MATCH (m:Model {id: $model}) RETURN m.annotations AS entries"

# model -> for each kind of node, how many were written and how many are found
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

# model -> one row for each current label that the histories of its units give
CURRENT_LABELS = (
    """
MATCH (u:Unit {model: $model})-[:HAS_ANNOTATION]->(a:Annotation)
WHERE """
    + current_label.CURRENT
    + """
RETURN u.id AS unit, a.id AS annotation, a.text AS text
ORDER BY unit, annotation
"""
)

# model -> one row for each label that a unit shows
SHOWN_LABELS = """
MATCH (u:Unit {model: $model})-[shown:LABELLED]->(l:Label)
RETURN u.id AS unit, shown.annotation AS annotation, l.text AS text
ORDER BY unit, annotation
"""

# model -> the units that are marked as labelled
LABELLED_UNITS = """
MATCH (u:Labelled {model: $model})
WHERE u.label IS NOT NULL
RETURN u.id AS unit
ORDER BY unit
"""

# model -> how many of its units its saved circuits name, and how many units they are linked to
CIRCUIT_TIES = """
MATCH (c:Circuit {model: $model})
UNWIND c.units AS unit
MATCH (u:Unit {key: c.model + '/' + unit})
WITH count(u) AS recorded
OPTIONAL MATCH (c:Circuit {model: $model})-[tie:INCLUDES]->(:Unit)
RETURN recorded, count(tie) AS found
"""

_COUNTS = (  # each type of relationship, what it is called, and how many were written
    ("CONTRIBUTES", "edges", "m.edges"),
    ("ADDS", "residual sums", "m.adds"),
    ("ACTIVATES", "top probes and words", "m.examples + m.readings"),
    ("DEPICTS", "visualisations", "m.depictions"),
)

# for each type: model -> how many relationships were written and are found, over all models; no row if a model is not
# whole
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

# model -> how many were written and are found: units by key and by layer, edges out of units and into units
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

# model -> the checksums that the load recorded; null where an earlier version loaded it
CHECKSUMS = "MATCH (m:Model {id: $model}) RETURN m.checksums AS checksums"

_BY_KEY = """
WHERE n.key > $after
RETURN properties(n) AS properties
ORDER BY n.key
LIMIT $limit
"""

# for each label: model, after (a key), limit -> the properties of the next nodes, by key
NODE_PROPERTIES = {
    label: "MATCH (n:" + label + " {model: $model})" + _BY_KEY for label in ("Layer", "Unit", "Image", "Word")
}

# for each source label and type: model -> one row for each relationship
LAYER_PROPERTIES = {
    "Model HAS_LAYER": "MATCH (s:Model {id: $model})-[e:HAS_LAYER]->(t:Layer) "
    "RETURN s.id AS source, t.key AS target, properties(e) AS properties",
    "Layer SWEPT": "MATCH (t:Layer {model: $model})<-[e:SWEPT]-(s:Layer) "
    "RETURN s.key AS source, t.key AS target, properties(e) AS properties",
}

# for each source label and type: keys (of units) -> one row for each relationship into these units
UNIT_PROPERTIES = {
    label + " " + kind: "UNWIND $keys AS key MATCH (t:Unit {key: key})<-[e:"
    + kind
    + "]-(s:"
    + label
    + ") RETURN s.key AS source, t.key AS target, properties(e) AS properties"
    for label, kind in (
        ("Unit", "ADDS"),
        ("Unit", "CONTRIBUTES"),
        ("Image", "ACTIVATES"),
        ("Image", "DEPICTS"),
        ("Word", "ACTIVATES"),
    )
}
