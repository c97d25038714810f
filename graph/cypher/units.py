"""The Cypher texts that ask, with their parameters; `graph.cypher.loading` load, and `graph.cypher.labels` annotate.

Cypher 5 that Neo4j and the embedded server both run. A value always travels as a parameter. Rows come in the order
their text states. A pattern starts at the node that is known: the embedded server follows it as written.
"""

# The models -----------------------------------------------------------------------------------------------------------

# no parameters -> no row for a database that is not ours yet, else one; version 1 wrote its number on the models
SCHEMA = """
OPTIONAL MATCH (s:Schema)
WITH max(s.version) AS stamped
OPTIONAL MATCH (m:Model)
WITH stamped, count(m) AS models
WHERE stamped IS NOT NULL OR models > 0
RETURN coalesce(stamped, 1) AS version
"""

# id (of the schema), version
STAMP = """
MERGE (s:Schema {id: $id})
SET s.version = $version
"""

# no parameters -> one row a model, wholly loaded or not
MODELS = """
MATCH (m:Model)
OPTIONAL MATCH (s:Schema)
RETURN m.id AS id, m.complete AS complete, coalesce(s.version, 1) AS version, coalesce(m.content, '') AS content,
       coalesce(m.measured, []) AS measured, m.verified AS verified, m.blocks AS blocks, m.width AS width,
       m.image_size AS image_size, m.weights_sha256 AS weights_sha256, m.units AS units, m.edges AS edges,
       m.images AS images, m.words AS words,
       COUNT { MATCH (u:Labelled) WHERE u.model = m.id } AS labelled
ORDER BY id
"""

# model, start (of the server that the model was verified on)
VERIFIED = """
MATCH (m:Model {id: $model})
SET m.verified = $start
"""

# model, source and target (ids or null: any) -> one row a pair of layers swept, from the last layers on
SWEEPS = """
MATCH (:Model {id: $model})-[:HAS_LAYER]->(t:Layer)<-[w:SWEPT]-(s:Layer)
WHERE ($target IS NULL OR t.id = $target) AND ($source IS NULL OR s.id = $source)
RETURN s.id AS source, t.id AS target, w.n AS n, w.kept AS kept, w.cutoff_magnitude AS cutoff_magnitude,
       w.cutoff_mean AS cutoff_mean, w.span AS span, w.direct AS direct, w.cut AS cut,
       t.position AS upper, s.position AS lower
ORDER BY upper DESC, lower DESC
"""

_UNIT = """
RETURN u.key AS key, u.id AS id, u.model AS model, u.layer AS layer, u.channel AS channel,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, properties(u) AS statistics
ORDER BY key
"""

_EDGES = """
RETURN s.id AS source, t.id AS target, e.magnitude AS magnitude, e.mean AS mean, e.sum AS sum, e.span AS span,
       e.direct AS direct, e.rank_in AS rank_in, e.rank_out AS rank_out,
       [(s)-[:LABELLED]->(l:Label) | l.text] AS source_labels, [(t)-[:LABELLED]->(l:Label) | l.text] AS target_labels
"""

_BY = """ORDER BY CASE $by WHEN 'mean' THEN abs(mean) ELSE magnitude END DESC, source, target
"""

# Units ----------------------------------------------------------------------------------------------------------------

# keys -> one row a unit that is there
UNITS = (
    """
UNWIND $keys AS key
MATCH (u:Unit {key: key})
"""
    + _UNIT
)

# model, containing -> ids of units with a current label that contains this, in any case
LABELLED = """
MATCH (u:Labelled {model: $model})-[:LABELLED]->(l:Label)
WHERE toLower(l.text) CONTAINS toLower($containing)
RETURN DISTINCT u.id AS id
ORDER BY id
"""

# key -> the units added up in a sum, by branch
# Contributions --------------------------------------------------------------------------------------------------------

# key, layer (an id or null: from any), direct (only direct edges), by (magnitude or mean), limit (of each sign)
INPUTS = (
    """
MATCH (t:Unit {key: $key})
UNWIND [1, -1] AS sign
CALL (t, sign) {
  MATCH (t)<-[e:CONTRIBUTES]-(s:Unit)
  WHERE e.mean * sign > 0 AND ($layer IS NULL OR s.layer = $layer) AND (e.direct OR NOT $direct)
  RETURN s, e ORDER BY CASE $by WHEN 'mean' THEN abs(e.mean) ELSE e.magnitude END DESC, s.id LIMIT $limit
}
"""
    + _EDGES
    + _BY
)

# key, layer (an id or null: into any), direct (only direct edges), by (magnitude or mean), limit (of each sign)
OUTPUTS = (
    """
MATCH (s:Unit {key: $key})
UNWIND [1, -1] AS sign
CALL (s, sign) {
  MATCH (s)-[e:CONTRIBUTES]->(t:Unit)
  WHERE e.mean * sign > 0 AND ($layer IS NULL OR t.layer = $layer) AND (e.direct OR NOT $direct)
  RETURN t, e ORDER BY CASE $by WHEN 'mean' THEN abs(e.mean) ELSE e.magnitude END DESC, t.id LIMIT $limit
}
"""
    + _EDGES
    + _BY
)

# keys -> the edges between these units
AMONG = (
    """
UNWIND $keys AS key
MATCH (t:Unit {key: key})<-[e:CONTRIBUTES]-(s:Unit)
WHERE s.key IN $keys
"""
    + _EDGES
    + """ORDER BY magnitude DESC, source, target
"""
)

# Evidence -------------------------------------------------------------------------------------------------------------

# keys, limit (examples of each branch)
EXAMPLES = """
UNWIND $keys AS key
MATCH (u:Unit {key: key})<-[a:ACTIVATES]-(i:Image)
WHERE a.rank <= $limit
RETURN u.id AS unit, i.id AS image, i.modality AS modality, i.concept AS concept, i.source AS source,
       i.sensitive AS sensitive, a.branch AS branch, a.rank AS rank, a.value AS value, a.z AS z,
       i.thumbnail AS thumbnail
ORDER BY unit, branch DESC, rank
"""

# key -> no row or one: the unit's feature visualisation
DEPICTION = """
MATCH (:Unit {key: $key})<-[d:DEPICTS]-(i:Image)
RETURN i.thumbnail AS thumbnail, d.share_published AS share_published
"""

# key (a unit's), limit -> the words that drive it most
WORDS = """
MATCH (u:Unit {key: $key})<-[a:ACTIVATES]-(w:Word)
WHERE a.word_rank <= $limit
RETURN w.text AS word, u.id AS unit, a.value AS value, a.z AS z, a.word_rank AS rank
ORDER BY rank
"""

# key (a word's), layer (an id or null: of every layer), limit (units of each layer) -> the units it drives most
READERS = """
MATCH (w:Word {key: $key})-[a:ACTIVATES]->(u:Unit)
WHERE a.unit_rank <= $limit AND ($layer IS NULL OR u.layer = $layer)
RETURN w.text AS word, u.id AS unit, a.value AS value, a.z AS z, a.unit_rank AS rank,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels
ORDER BY z DESC, unit
"""

# model, layer (of sums), branches (the layers that they add up), source (the layer of the inputs), strongest (inputs of
# each branch), limit
# From the source onwards, since fewer layers follow it than lie before the branches.
ENRICHMENT_BY_WEIGHTS = """
MATCH (i:Unit {model: $model, layer: $source})-[e:CONTRIBUTES]->(b:Unit)
WHERE e.rank_in <= $strongest AND b.layer IN $branches
MATCH (b)-[a:ADDS]->(u:Unit {layer: $layer})
WITH u, i, count(*) AS branches,
     sum(CASE a.branch WHEN 'shortcut' THEN e.mean ELSE 0.0 END) AS shortcut,
     sum(CASE a.branch WHEN 'conv' THEN e.mean ELSE 0.0 END) AS conv,
     sum(CASE a.branch WHEN 'shortcut' THEN 1 ELSE 0 END) AS from_shortcut,
     sum(CASE a.branch WHEN 'conv' THEN 1 ELSE 0 END) AS from_conv,
     sum(CASE a.branch WHEN 'shortcut' THEN e.magnitude ELSE 0.0 END) AS over_shortcut,
     sum(CASE a.branch WHEN 'conv' THEN e.magnitude ELSE 0.0 END) AS over_conv
WITH u, sum(branches - 1) AS shared, sum(shortcut * conv) AS product,
     sqrt(sum(shortcut * shortcut) * sum(conv * conv)) AS norms,
     sum(from_shortcut) AS shortcut_inputs, sum(from_conv) AS conv_inputs,
     sum(over_shortcut) AS shortcut_strength, sum(over_conv) AS conv_strength
WHERE norms > 0
WITH u, shared, product / norms + 0.0 AS cosine, shortcut_inputs, conv_inputs, shortcut_strength, conv_strength
ORDER BY cosine, u.channel LIMIT $limit
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, s.id AS shortcut, c.id AS conv, $source AS source_layer, shared, cosine,
       1 - cosine AS dissimilarity, shortcut_inputs, conv_inputs, shortcut_strength, conv_strength,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, u.channel AS channel
ORDER BY cosine, channel
"""

# model, layer (of sums), limit, examples (of each branch), q (the most; null: also units without one), and the least a
# unit must have: concept_difference or modality_difference (one of them suffices; null: no such demand), reach (of both
# branches, from 0 to 1)
ENRICHMENT_BY_EVIDENCE = """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE u.reach_shortcut >= $reach AND u.reach_conv >= $reach AND ($q IS NULL OR u.q <= $q)
  AND (($concept_difference IS NULL AND $modality_difference IS NULL)
    OR u.concept_difference >= $concept_difference OR u.modality_difference >= $modality_difference)
WITH u, CASE WHEN u.reach_shortcut < u.reach_conv THEN u.reach_shortcut ELSE u.reach_conv END AS reach
ORDER BY u.modality_difference DESC, u.concept_difference DESC, reach DESC, u.channel LIMIT $limit
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, s.id AS shortcut, c.id AS conv, properties(u) AS evidence,
       COLLECT { MATCH (u)<-[a:ACTIVATES {branch: 'shortcut'}]-(i:Image) WHERE a.rank <= $examples
                 WITH i, a ORDER BY a.rank RETURN [i.modality, i.concept, i.id, i.sensitive] } AS shortcut_examples,
       COLLECT { MATCH (u)<-[a:ACTIVATES {branch: 'conv'}]-(i:Image) WHERE a.rank <= $examples
                 WITH i, a ORDER BY a.rank RETURN [i.modality, i.concept, i.id, i.sensitive] } AS conv_examples,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, u.channel AS channel, reach
ORDER BY u.modality_difference DESC, u.concept_difference DESC, reach DESC, channel
"""

# model, layer (of sums), q (the most of a candidate) -> how many units are a candidate or not (null: were not tested),
# and with which verdict (null: none)
VERDICTS = """
MATCH (u:Unit {model: $model, layer: $layer})
RETURN u.q <= $q AS candidate, u.verdict AS verdict, count(*) AS units
ORDER BY candidate, verdict
"""
