"""The Cypher texts of the models and of what was extracted from them; see `graph.cypher.units`."""

# no parameters -> one row for each model, fully loaded or not; no row for a model that is being removed
MODELS = """
MATCH (m:Model)
WHERE m.removing IS NULL
OPTIONAL MATCH (s:Schema)
RETURN m.id AS id, m.complete AS complete, coalesce(s.version, 1) AS version, coalesce(m.content, '') AS content,
       coalesce(m.measured, []) AS measured, coalesce(m.lost, false) AS lost, m.blocks AS blocks, m.width AS width,
       m.image_size AS image_size, m.weights_sha256 AS weights_sha256, m.units AS units, m.edges AS edges,
       m.images AS images, m.words AS words, m.folder AS folder,
       COUNT { MATCH (u:Labelled) WHERE u.model = m.id } AS labelled
ORDER BY id
"""

# no parameters -> one row for each model whose load or removal broke off or is still running, and which of the two
UNFINISHED = """
MATCH (m:Model)
WHERE NOT coalesce(m.complete, false)
RETURN m.id AS id, coalesce(m.removing, false) AS removing
ORDER BY id
"""

# model, source and target (ids; null: any) -> one row for each swept pair of layers, starting with the last layers
SWEEPS = """
MATCH (:Model {id: $model})-[:HAS_LAYER]->(t:Layer)<-[w:SWEPT]-(s:Layer)
WHERE ($target IS NULL OR t.id = $target) AND ($source IS NULL OR s.id = $source)
RETURN s.id AS source, t.id AS target, w.n AS n, w.kept AS kept, w.cutoff_magnitude AS cutoff_magnitude,
       w.cutoff_mean AS cutoff_mean, w.span AS span, w.direct AS direct, w.cut AS cut,
       t.position AS upper, s.position AS lower
ORDER BY upper DESC, lower DESC
"""
