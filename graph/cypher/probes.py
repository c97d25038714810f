"""The Cypher texts of top probes, words and feature visualisations; see `graph.cypher.units`."""

# keys, limit (top probes of each branch) -> the top probes of these units
TOP_PROBES = """
UNWIND $keys AS key
MATCH (u:Unit {key: key})<-[a:ACTIVATES]-(i:Image)
WHERE a.rank <= $limit
RETURN u.id AS unit, i.id AS image, i.modality AS modality, i.concept AS concept, i.source AS source,
       i.sensitive AS sensitive, a.branch AS branch, a.rank AS rank, a.value AS value, a.z AS z,
       i.thumbnail AS thumbnail
ORDER BY unit, branch DESC, rank
"""

# model, pictures, words (concepts of either modality) -> their held-out probes
FACET_PROBES = """
MATCH (i:Image {model: $model})
WHERE ((i.modality = 'picture' AND i.concept IN $pictures) OR (i.modality = 'word' AND i.concept IN $words))
  AND i.split = 'held-out'
RETURN i.id AS image, i.modality AS modality, i.concept AS concept, i.source AS source, i.sensitive AS sensitive,
       i.thumbnail AS thumbnail
ORDER BY image
"""

# key -> no row or one: the unit's feature visualisation
DEPICTION = """
MATCH (:Unit {key: $key})<-[d:DEPICTS]-(i:Image)
RETURN i.thumbnail AS thumbnail, d.share_published AS share_published
"""

# key (a unit's), limit -> the words that drive the unit most
WORDS = """
MATCH (u:Unit {key: $key})<-[a:ACTIVATES]-(w:Word)
WHERE a.word_rank <= $limit
RETURN w.text AS word, u.id AS unit, a.value AS value, a.z AS z, a.word_rank AS rank
ORDER BY rank
"""

# key (a word's), layer (an id; null: every layer), limit (units of each layer) -> the units that the word drives most
READERS = """
MATCH (w:Word {key: $key})-[a:ACTIVATES]->(u:Unit)
WHERE a.unit_rank <= $limit AND ($layer IS NULL OR u.layer = $layer)
RETURN w.text AS word, u.id AS unit, a.value AS value, a.z AS z, a.unit_rank AS rank,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels
ORDER BY z DESC, unit
"""
