"""The Cypher texts of what people say, with their parameters: labels and their history, and flags; see `units`.

What is said is only ever appended. An entry stands unless it was undone an odd number of times; a label holds while it
stands and no standing amendment, rejection or withdrawal supersedes it.
"""

# The view of u's annotations: its Label nodes, :Labelled and its text. Whatever it was, it is made anew.
_DERIVE = """
OPTIONAL MATCH (u)-[stale:LABELLED]->(was:Label)
DELETE stale
WITH u, collect(DISTINCT was) AS before
OPTIONAL MATCH (u)-[:HAS_ANNOTATION]->(a:Annotation)
WHERE a.action IN ['add', 'amend'] AND COUNT { (a)<-[:UNDOES]-() } % 2 = 0
  AND NOT EXISTS { MATCH (a)<-[:SUPERSEDES]-(c:Annotation) WHERE COUNT { (c)<-[:UNDOES]-() } % 2 = 0 }
WITH u, before, a ORDER BY a.at, a.id
WITH u, before, collect(a) AS current
WITH u, before, current,
     reduce(once = [], a IN current | CASE WHEN a.text IN once THEN once ELSE once + [a.text] END) AS texts
FOREACH (a IN current |
  MERGE (l:Label {text: a.text}) CREATE (u)-[:LABELLED {annotation: a.id, sensitive: a.sensitive}]->(l))
FOREACH (x IN CASE texts WHEN [] THEN [] ELSE [u] END |
  SET x:Labelled, x.label = reduce(all = head(texts), text IN tail(texts) | all + '; ' + text))
FOREACH (x IN CASE texts WHEN [] THEN [u] ELSE [] END | REMOVE x:Labelled, x.label)
FOREACH (l IN [x IN before WHERE COUNT { (x)<-[:LABELLED]-() } = 0] | DELETE l)
RETURN u.key AS key
ORDER BY key
"""

# model, rows: maps of key (a unit's), id, properties, supersedes (an annotation of the same unit, or null), undoing
# (whether this undoes or redoes it) and stands (whether it must stand now, else it must be undone)
# -> all or nothing: no row and no change where a unit is not there, or what a row is about is not, or has been changed
# since; an annotation already there stays as it is. The model is written first: others wait for this, or try again.
ANNOTATE = (
    """
MATCH (m:Model {id: $model})
SET m.locked = true
REMOVE m.locked
WITH m
UNWIND $rows AS row
OPTIONAL MATCH (u:Unit {key: row.key})
OPTIONAL MATCH (there:Annotation {id: row.id})
OPTIONAL MATCH (u)-[:HAS_ANNOTATION]->(old:Annotation {id: row.supersedes})
OPTIONAL MATCH (old)-[:SUPERSEDES]->(before:Annotation)
WITH m, row, u, old, u IS NOT NULL AND (there IS NOT NULL OR row.supersedes IS NULL OR (
       old IS NOT NULL AND (COUNT { (old)<-[:UNDOES]-() } % 2 = 0) = row.stands
       AND NOT EXISTS { MATCH (old)<-[:SUPERSEDES]-(c:Annotation) WHERE COUNT { (c)<-[:UNDOES]-() } % 2 = 0 }
       AND (before IS NULL OR (COUNT { (before)<-[:UNDOES]-() } % 2 = 0
         AND NOT EXISTS { MATCH (before)<-[:SUPERSEDES]-(c:Annotation)
                          WHERE c.id <> old.id AND COUNT { (c)<-[:UNDOES]-() } % 2 = 0 })))) AS fits
WITH m, collect({row: row, u: u, old: old}) AS told, collect(fits) AS fitting
WHERE all(fits IN fitting WHERE fits)
UNWIND told AS one
WITH m, one.row AS row, one.u AS u, one.old AS old
MERGE (a:Annotation {id: row.id})
ON CREATE SET a = row.properties, m.annotations = m.annotations + 1
MERGE (u)-[:HAS_ANNOTATION]->(a)
FOREACH (o IN CASE WHEN old IS NULL OR row.undoing THEN [] ELSE [old] END | MERGE (a)-[:SUPERSEDES]->(o))
FOREACH (o IN CASE WHEN old IS NOT NULL AND row.undoing THEN [old] ELSE [] END | MERGE (a)-[:UNDOES]->(o))
WITH DISTINCT u
"""
    + _DERIVE
)

_HISTORY = """
RETURN a.id AS id, a.model AS model, a.unit AS unit, a.text AS text, a.author AS author, a.at AS at,
       a.action AS action, a.branch AS branch, a.facet AS facet, a.modality AS modality, a.source AS source,
       a.confidence AS confidence, a.sensitive AS sensitive, a.supersedes AS supersedes, a.evidence AS evidence
ORDER BY at, id
"""

# model -> the history of all units, oldest first; also of units that the model no longer has
ANNOTATIONS = "MATCH (a:Annotation {model: $model})" + _HISTORY

# model, unit (an id) -> the history of a unit, oldest first; also of one that the model no longer has
UNIT_ANNOTATIONS = "MATCH (a:Annotation {model: $model, unit: $unit})" + _HISTORY

# model -> texts of current labels of which one at least was marked sensitive
SENSITIVE = """
MATCH (:Labelled {model: $model})-[:LABELLED {sensitive: true}]->(l:Label)
RETURN DISTINCT l.text AS text
ORDER BY text
"""

# model, id, properties -> the flag's id; no row where the model is not there
FLAG = """
MATCH (:Model {id: $model})
MERGE (f:Flag {id: $id})
ON CREATE SET f = $properties
RETURN f.id AS id
"""

# model -> every flag, oldest first: the last of a kind and name holds
FLAGS = """
MATCH (f:Flag {model: $model})
RETURN f.id AS id, f.model AS model, f.kind AS kind, f.name AS name, f.sensitive AS sensitive, f.author AS author,
       f.at AS at
ORDER BY at, id
"""

# key -> one row if there is such an image
IMAGE = """
MATCH (i:Image {key: $key})
RETURN i.id AS id
"""
