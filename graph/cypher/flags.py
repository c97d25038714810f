"""The Cypher texts of flags, and of the texts that answers hide; see `graph.cypher.units`."""

# model, id, properties -> the flag's id; no row where the model is missing
FLAG = """
MATCH (:Model {id: $model})
MERGE (f:Flag {id: $id})
ON CREATE SET f = $properties
RETURN f.id AS id
"""

# model -> every flag, oldest first: the last one of a kind and name decides
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

# no parameters -> every flag of any model, oldest first: the last one of a model, kind and name decides
ALL_FLAGS = """
MATCH (f:Flag)
RETURN f.model AS model, f.kind AS kind, f.name AS name, f.sensitive AS sensitive, f.at AS at, f.id AS id
ORDER BY at, id
"""

# units and images (keys of those that are flagged) -> the texts to hide over all models: of sensitive annotations, of
# annotations of these units (withdrawn ones too), and what sensitive images and these images show
HIDDEN_TEXTS = """
CALL () {
  MATCH (a:Annotation {sensitive: true})
  UNWIND [a.text, a.facet] AS text
  RETURN text
  UNION
  MATCH (a:Annotation)
  WHERE a.model + '/' + a.unit IN $units
  UNWIND [a.text, a.facet] AS text
  RETURN text
  UNION
  MATCH (i:Image {sensitive: true})
  RETURN i.concept AS text
  UNION
  UNWIND $images AS key
  MATCH (i:Image {key: key})
  RETURN i.concept AS text
}
WITH text WHERE text IS NOT NULL
RETURN text
ORDER BY text
"""
