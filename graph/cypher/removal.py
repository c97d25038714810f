"""The Cypher texts that remove a model; see `graph.cypher.units`."""

# model -> one row: whether the model is there, whether it is loaded to the end or half removed, and how much there is
# of each kind, with edges as counted at the load
CONTENTS = """
OPTIONAL MATCH (m:Model {id: $model})
RETURN m.id IS NOT NULL AS present, coalesce(m.complete, false) AS complete, coalesce(m.removing, false) AS removing,
       COUNT { MATCH (u:Unit) WHERE u.model = $model } AS units,
       coalesce(m.edges, 0) AS edges,
       COUNT { MATCH (i:Image) WHERE i.model = $model } AS images,
       COUNT { MATCH (w:Word) WHERE w.model = $model } AS words,
       COUNT { MATCH (a:Annotation) WHERE a.model = $model } AS annotations,
       COUNT { MATCH (f:Flag) WHERE f.model = $model } AS flags,
       COUNT { MATCH (c:Circuit) WHERE c.model = $model } AS circuits,
       COUNT { MATCH (e:EarlierCircuit) WHERE e.model = $model } AS earlier_circuits
"""

# A missing model is created, so that people's entries about it can be removed like those about any other model.
_HIDE = """
MERGE (m:Model {id: $model})
SET m.complete = false, m.removing = true, m.loader = $loader, m.content = '', m.loaded = 0
WITH m
OPTIONAL MATCH (a:Annotation {model: $model})
WITH m, collect(a) AS annotations
OPTIONAL MATCH (f:Flag {model: $model})
WITH m, annotations, collect(f) AS flags
OPTIONAL MATCH (c:Circuit {model: $model})
WITH m, annotations, flags, collect(c) AS circuits
OPTIONAL MATCH (e:EarlierCircuit {model: $model})
WITH m, annotations, flags, circuits, collect(e) AS earlier
WITH m, annotations + flags + circuits + earlier AS stays
"""

# model, loader (an id, new for each removal) -> the model, which counts as gone from now on; loads of it end. People's
# entries about the model stay, with the hash of the weights that they are about
HIDE = (
    _HIDE
    + """
FOREACH (n IN stays | SET n.weights_sha256 = coalesce(m.weights_sha256, n.weights_sha256))
RETURN m.id AS id
"""
)

# model, loader (as above) -> the model, which counts as gone; people's entries about it are removed
HIDE_WITH_LABELS = (
    _HIDE
    + """
FOREACH (n IN stays | DETACH DELETE n)
RETURN m.id AS id
"""
)

# model, loader -> the id of the model, which is removed if it is still this loader's and nothing loaded is left
REMOVE_MODEL = """
MATCH (m:Model {id: $model, loader: $loader})
WHERE COUNT { MATCH (u:Unit) WHERE u.model = $model } = 0 AND COUNT { MATCH (i:Image) WHERE i.model = $model } = 0
  AND COUNT { MATCH (w:Word) WHERE w.model = $model } = 0 AND COUNT { MATCH (l:Layer) WHERE l.model = $model } = 0
WITH m, m.id AS id
DETACH DELETE m
RETURN id
"""
