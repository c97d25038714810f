"""The Cypher texts of labels and their history; see `graph.cypher.units` and `graph.cypher.current_label`.

Entries are only ever added to the history.
"""

from graph.cypher import current_label

# model, rows: maps of key (a unit's), id, properties, supersedes (an annotation of the same unit, or null), undoing
# (whether this row undoes or redoes that annotation), stands (true: that annotation must be in effect now; false: it
# must be undone) and entries (how many entries the unit's history must have; null: any) -> the keys of the units. All
# rows are written or none: there is no row and no change if a unit is missing, if what a row supersedes is missing or
# has been changed since, or if a history has grown. An annotation that exists stays as it is. The model is written
# first, so that other writers wait or try again.
ANNOTATE = (
    """
MATCH (m:Model {id: $model})
SET m.locked = true
REMOVE m.locked
WITH m
UNWIND $rows AS row
OPTIONAL MATCH (u:Unit {key: row.key})
OPTIONAL MATCH (same:Annotation {id: row.id})
OPTIONAL MATCH (old:Annotation {id: row.supersedes}) WHERE old.model = $model AND old.unit = u.id
OPTIONAL MATCH (old)-[:SUPERSEDES]->(before:Annotation)
WITH m, row, u, same, old, [a IN [old, before] WHERE a IS NOT NULL] AS entries
WITH m, row, u, same, old, [a IN entries | """
    + current_label.IN_EFFECT
    + """] AS effects,
     [a IN entries | """
    + current_label.CHANGES
    + """] AS changes
WITH m, row, u, same, old, u IS NOT NULL AND (same IS NOT NULL OR row.entries IS NULL
       OR COUNT { MATCH (a:Annotation {model: $model}) WHERE a.unit = u.id } = row.entries)
     AND (same IS NOT NULL OR row.supersedes IS NULL OR (
       old IS NOT NULL AND effects[0] = row.stands AND changes[0] = 0
       AND (size(effects) = 1 OR effects[1] AND changes[1] = CASE WHEN effects[0] THEN 1 ELSE 0 END))) AS fits
WITH m, collect({row: row, u: u, old: old, new: same IS NULL}) AS entries, collect(fits) AS fitting
WHERE all(fits IN fitting WHERE fits)
UNWIND entries AS entry
WITH m, entry.row AS row, entry.u AS u, entry.old AS old, entry.new AS new
MERGE (a:Annotation {id: row.id})
ON CREATE SET a = row.properties, m.annotations = m.annotations + 1, a.number = m.annotations
FOREACH (x IN CASE WHEN new THEN [u] ELSE [] END | CREATE (x)-[:HAS_ANNOTATION]->(a))
FOREACH (o IN CASE WHEN old IS NULL OR row.undoing THEN [] ELSE [old] END | MERGE (a)-[:SUPERSEDES]->(o))
FOREACH (o IN CASE WHEN old IS NOT NULL AND row.undoing THEN [old] ELSE [] END | MERGE (a)-[:UNDOES]->(o))
WITH DISTINCT u
"""
    + current_label.DERIVE
)

_HISTORY = """
RETURN a.id AS id, a.model AS model, a.unit AS unit, a.text AS text, a.author AS author, a.at AS at,
       a.action AS action, a.branch AS branch, a.facet AS facet, a.modality AS modality, a.source AS source,
       a.confidence AS confidence, a.sensitive AS sensitive, a.supersedes AS supersedes, a.evidence AS evidence
ORDER BY at, coalesce(a.number, 0), id
"""

# model -> the history of all units, oldest first; also of units that the model no longer has
ANNOTATIONS = "MATCH (a:Annotation {model: $model})" + _HISTORY

# model, unit (an id) -> the history of a unit, oldest first; also of one that the model no longer has
UNIT_ANNOTATIONS = "MATCH (a:Annotation {model: $model, unit: $unit})" + _HISTORY

# model -> texts of current labels that at least one annotation marks as sensitive
SENSITIVE = """
MATCH (:Labelled {model: $model})-[:LABELLED {sensitive: true}]->(l:Label)
RETURN DISTINCT l.text AS text
ORDER BY text
"""
