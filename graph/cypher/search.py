"""The Cypher texts that search for units; see `graph.cypher.units`.

All texts take these filters: layer (an id; null: any), labelled (true or false; null: either), modality (word or
picture, for which the unit is more selective; null: either), least and most (maps from a statistic's name to a number;
a unit without the statistic is left out). As with candidates, modality_difference is the difference of the
selectivities; where these are missing, of the shares of words.
"""

_FILTERS = """
WHERE ($layer IS NULL OR u.layer = $layer)
  AND ($labelled IS NULL OR (u.label IS NOT NULL) = $labelled)
  AND ($modality IS NULL OR ($modality = 'word' AND u.word_selectivity > u.picture_selectivity)
    OR ($modality = 'picture' AND u.picture_selectivity > u.word_selectivity))
  AND all(name IN keys($least) WHERE u[name] >= $least[name]
    OR (name = 'modality_difference'
      AND coalesce(u.selectivity_difference, u.word_share_difference) >= $least[name]))
  AND all(name IN keys($most) WHERE u[name] <= $most[name]
    OR (name = 'modality_difference'
      AND coalesce(u.selectivity_difference, u.word_share_difference) <= $most[name]))
"""

_UNIT = """
RETURN u.key AS key, u.id AS id, u.model AS model, u.layer AS layer, u.channel AS channel,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, properties(u) AS statistics,
       kind, what, images, sensitive, branch, z, exact
ORDER BY exact DESC, z DESC, layer DESC, channel, what, branch
"""

# model, limit, layer (an id, not null), labelled, modality, least, most -> units of the layer, by channel
SEARCH = (
    """
MATCH (u:Unit {model: $model, layer: $layer})
"""
    + _FILTERS
    + """
WITH u ORDER BY u.channel LIMIT $limit
RETURN u.key AS key, u.id AS id, u.model AS model, u.layer AS layer, u.channel AS channel,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, properties(u) AS statistics
ORDER BY channel
"""
)

# model, containing, limit, layer, labelled, modality, least, most -> units with current labels that contain this text,
# in any case; one row for each label, equal texts first
SEARCH_LABELS = (
    """
MATCH (u:Labelled {model: $model})-[:LABELLED]->(found:Label)
"""
    + _FILTERS
    + """
  AND toLower(found.text) CONTAINS toLower($containing)
WITH DISTINCT u, 'label' AS kind, found.text AS what, [] AS images, false AS sensitive, null AS branch, null AS z,
     toLower(found.text) = toLower($containing) AS exact
ORDER BY exact DESC, u.layer DESC, u.channel LIMIT $limit
"""
    + _UNIT
)

# model, containing, nearest (images used, of the shortest concepts), limit, layer, labelled, modality, least, most
# -> units with a top probe whose concept contains this text, in any case; one row for each concept, modality and branch
# with the highest z; equal concepts first, then by z
SEARCH_TOP_PROBES = (
    """
MATCH (found:Image {model: $model})
WHERE toLower(found.concept) CONTAINS toLower($containing)
WITH found.key AS image, size(found.concept) AS length
ORDER BY length, image LIMIT $nearest
MATCH (i:Image {key: image})-[a:ACTIVATES]->(u:Unit)
"""
    + _FILTERS
    + """
WITH u.key AS unit, u.layer AS layer, u.channel AS channel, i.modality AS kind, i.concept AS what,
     collect(i.id) AS images, i.sensitive AS sensitive, a.branch AS branch, max(a.z) AS z,
     toLower(i.concept) = toLower($containing) AS exact
ORDER BY exact DESC, z DESC, layer DESC, channel, what, branch LIMIT $limit
MATCH (u:Unit {key: unit})
"""
    + _UNIT
)

# model, containing, nearest (words used, the shortest), limit, layer, labelled, modality, least, most -> units driven
# by a word that contains this text, in any case; one row per word; equal words first, then by z over letter strings
SEARCH_WORDS = (
    """
MATCH (found:Word {model: $model})
WHERE toLower(found.text) CONTAINS toLower($containing)
WITH found.key AS word, size(found.text) AS length
ORDER BY length, word LIMIT $nearest
MATCH (w:Word {key: word})-[a:ACTIVATES]->(u:Unit)
"""
    + _FILTERS
    + """
  AND a.z IS NOT NULL
WITH u.key AS unit, u.layer AS layer, u.channel AS channel, 'vocabulary' AS kind, w.text AS what, [] AS images,
     false AS sensitive, null AS branch, a.z AS z, toLower(w.text) = toLower($containing) AS exact
ORDER BY exact DESC, z DESC, layer DESC, channel, what LIMIT $limit
MATCH (u:Unit {key: unit})
"""
    + _UNIT
)
