"""The Cypher texts of a load; see `graph.cypher.units`."""

from graph.cypher import current_label

# model -> the hash of the model's weights (removed: false), and of the weights that people's entries were about when
# the model was removed (removed: true); null where an earlier version loaded or removed the model
WEIGHTS = """
MATCH (m:Model {id: $model})
RETURN m.weights_sha256 AS weights, false AS removed
UNION
MATCH (a:Annotation {model: $model})
RETURN a.weights_sha256 AS weights, true AS removed
UNION
MATCH (f:Flag {model: $model})
RETURN f.weights_sha256 AS weights, true AS removed
UNION
MATCH (c:Circuit {model: $model})
RETURN c.weights_sha256 AS weights, true AS removed
UNION
MATCH (e:EarlierCircuit {model: $model})
RETURN e.weights_sha256 AS weights, true AS removed
"""

# model, weights (their hash), content (a hash of what is loaded), loader (an id, new for each load) -> how many rows of
# this content an interrupted load has written; from now on the model is refused until COMPLETE. No row and no change
# if the model has other weights. The model is written first, so that of two parallel claims the second sees the first
CLAIM = """
MERGE (m:Model {id: $model})
ON CREATE SET m.annotations = 0
SET m.locked = true
REMOVE m.locked
WITH m WHERE coalesce(m.weights_sha256, $weights) = $weights
SET m.loaded = CASE WHEN m.content = $content AND NOT m.complete THEN m.loaded ELSE 0 END
SET m.weights_sha256 = $weights, m.content = $content, m.complete = false, m.loader = $loader
REMOVE m.lost, m.removing
RETURN m.loaded AS loaded
"""

# model, loader -> one row that agrees if the model is this loader's
CLAIMED = """
MATCH (m:Model {id: $model})
RETURN 'loaders' AS what, $loader AS recorded, coalesce(m.loader, '') AS found
"""

# model (one that lost data) -> nothing; the model is refused until it is loaded again
LOST = """
MATCH (m:Model {id: $model})
SET m.lost = true
"""

# Only the last loader to claim the model can continue: for all others these texts change nothing and return no row.
_CLAIMED = """
MATCH (m:Model {id: $model, loader: $loader})
"""

_REMOVED = """
WITH n LIMIT $limit
DETACH DELETE n
RETURN count(*) AS done
"""

# for each kind: model, loader, limit (nodes to remove with their relationships) -> how many were removed
REMOVE = {
    "units": _CLAIMED + "MATCH (n:Unit {model: m.id})" + _REMOVED,
    "images": _CLAIMED + "MATCH (n:Image {model: m.id})" + _REMOVED,
    "words": _CLAIMED + "MATCH (n:Word {model: m.id})" + _REMOVED,
    "layers": _CLAIMED + "MATCH (n:Layer {model: m.id})" + _REMOVED,
}

# model -> its annotations are linked to the units that they name, and these units' current labels derived
RELINK = (
    """
MATCH (a:Annotation {model: $model})
MATCH (u:Unit {key: a.model + '/' + a.unit})
MERGE (u)-[:HAS_ANNOTATION]->(a)
WITH DISTINCT u
"""
    + current_label.DERIVE
)

# model, properties (its shape, and counts and sums of what was loaded) -> nothing; the model has these properties
RECORD = """
MATCH (m:Model {id: $model})
SET m += $properties, m.annotations = COUNT { MATCH (a:Annotation) WHERE a.model = m.id }
"""

# model, folder -> nothing; the model was loaded from this folder, or the same content lies there now
REMEMBER_FOLDER = """
MATCH (m:Model {id: $model})
SET m.folder = $folder
"""

# model, loader -> the id of the model, which can be used from now on, if it is still this loader's
COMPLETE = (
    _CLAIMED
    + """
SET m.complete = true
REMOVE m.loader
RETURN m.id AS id
"""
)

# model, loader -> the id of the model, if it is still this loader's; its next load starts anew
RESET = (
    _CLAIMED
    + """
SET m.loaded = 0
RETURN m.id AS id
"""
)

# no parameters -> labels without a unit are removed
REMOVE_UNUSED_LABELS = """
MATCH (l:Label)
WHERE NOT EXISTS { MATCH (l)<-[:LABELLED]-() }
DELETE l
"""

_LOADED = (
    _CLAIMED
    + """
SET m.loaded = $loaded
WITH m
"""
)

# for each label: model, loader, loaded (rows written, these included), rows (maps of properties) -> how many of these
# were written
NODES = {
    "Layer": _LOADED + "UNWIND $rows AS row MERGE (n:Layer {key: row.key}) SET n += row RETURN count(n) AS done",
    "Unit": _LOADED + "UNWIND $rows AS row MERGE (n:Unit {key: row.key}) SET n += row RETURN count(n) AS done",
    "Image": _LOADED + "UNWIND $rows AS row MERGE (n:Image {key: row.key}) SET n += row RETURN count(n) AS done",
    "Word": _LOADED + "UNWIND $rows AS row MERGE (n:Word {key: row.key}) SET n += row RETURN count(n) AS done",
}

# for each source label and type: model, loader, loaded (as above), groups (each a target's key and a list of rows;
# each row a source's key and then the properties in the order of the text) -> how many were written
# Rows are grouped by target, because looking up both ends for every edge would take most of the time.
RELATIONSHIPS = {
    ("Model", "HAS_LAYER"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Layer {key: g[0]})
UNWIND g[1] AS r MATCH (s:Model {id: r[0]})
CREATE (s)-[e:HAS_LAYER]->(t)
RETURN count(e) AS done
""",
    ("Layer", "SWEPT"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Layer {key: g[0]})
UNWIND g[1] AS r MATCH (s:Layer {key: r[0]})
CREATE (s)-[e:SWEPT {n: r[1], kept: r[2], cutoff_magnitude: r[3], cutoff_mean: r[4], span: r[5], direct: r[6],
                     cut: r[7]}]->(t)
RETURN count(e) AS done
""",
    ("Unit", "ADDS"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Unit {key: g[0]})
UNWIND g[1] AS r MATCH (s:Unit {key: r[0]})
CREATE (s)-[e:ADDS {branch: r[1]}]->(t)
RETURN count(e) AS done
""",
    ("Unit", "CONTRIBUTES"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Unit {key: g[0]})
UNWIND g[1] AS r MATCH (s:Unit {key: r[0]})
CREATE (s)-[e:CONTRIBUTES {magnitude: r[1], mean: r[2], sum: r[3], span: r[4], direct: r[5], rank_in: r[6],
                           rank_out: r[7]}]->(t)
RETURN count(e) AS done
""",
    ("Image", "ACTIVATES"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Unit {key: g[0]})
UNWIND g[1] AS r MATCH (s:Image {key: r[0]})
CREATE (s)-[e:ACTIVATES {branch: r[1], rank: r[2], value: r[3], z: r[4]}]->(t)
RETURN count(e) AS done
""",
    ("Image", "DEPICTS"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Unit {key: g[0]})
UNWIND g[1] AS r MATCH (s:Image {key: r[0]})
CREATE (s)-[e:DEPICTS {share_published: r[1]}]->(t)
RETURN count(e) AS done
""",
    ("Word", "ACTIVATES"): _LOADED
    + """
UNWIND $groups AS g MATCH (t:Unit {key: g[0]})
UNWIND g[1] AS r MATCH (s:Word {key: r[0]})
CREATE (s)-[e:ACTIVATES {value: r[1], z: r[2], word_rank: r[3], unit_rank: r[4]}]->(t)
RETURN count(e) AS done
""",
}

# model -> how many nodes of each kind it has, even if the model is not whole
NODE_COUNTS = """
MATCH (n:Unit {model: $model}) RETURN 'units' AS what, count(*) AS found
UNION ALL
MATCH (n:Image {model: $model}) RETURN 'images' AS what, count(*) AS found
UNION ALL
MATCH (n:Word {model: $model}) RETURN 'words' AS what, count(*) AS found
UNION ALL
MATCH (n:Layer {model: $model}) RETURN 'layers' AS what, count(*) AS found
"""
