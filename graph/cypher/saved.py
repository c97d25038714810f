"""The Cypher texts of circuits that people keep, with their parameters; see `graph.cypher.units`."""

# From a circuit's node to its units, as it names them.
_INCLUDE = """
UNWIND range(0, size(c.units) - 1) AS place
MATCH (u:Unit {key: c.model + '/' + c.units[place]})
CREATE (c)-[:INCLUDES {role: c.roles[place]}]->(u)
"""

# key, properties (the key, an id of its own, model, name, kind, author, at, content, and units and their roles as two
# lists), replace (one of the same key) -> no row and no change where the key is taken and not to be replaced
KEEP = (
    """
MERGE (c:Circuit {key: $key})
ON CREATE SET c = $properties
WITH c WHERE $replace OR c.id = $properties.id
SET c = $properties
WITH c
OPTIONAL MATCH (c)-[old:INCLUDES]->(:Unit)
DELETE old
WITH DISTINCT c
"""
    + _INCLUDE
    + """
RETURN c.key AS key, count(u) AS units
"""
)

# model -> its kept circuits by name, without their content
KEPT = """
MATCH (c:Circuit {model: $model})
RETURN c.name AS name, c.model AS model, c.kind AS kind, c.author AS author, c.at AS at, size(c.units) AS units
ORDER BY name
"""

# key -> no row or one
OPEN = """
MATCH (c:Circuit {key: $key})
RETURN c.content AS content
"""

# key -> how many were taken away
DROP = """
MATCH (c:Circuit {key: $key})
DETACH DELETE c
RETURN count(*) AS dropped
"""

# model -> its kept circuits tied to the units that they name, which are new and in none yet
INCLUDE = (
    """
MATCH (c:Circuit {model: $model})
"""
    + _INCLUDE
)

# no parameters -> one row a query
KEPT_QUERIES = """
MATCH (q:Query)
RETURN q.name AS name, q.text AS text, q.description AS description, q.parameters AS parameters, q.author AS author,
       q.at AS at
ORDER BY name
"""

# name, properties (the name, an id of its own, text, description, parameters, author, at), replace (one of that name)
# -> no row and no change where the name is taken and not to be replaced
KEEP_QUERY = """
MERGE (q:Query {name: $name})
ON CREATE SET q = $properties
WITH q WHERE $replace OR q.id = $properties.id
SET q = $properties
RETURN q.name AS name
"""

# name -> how many were taken away: one or none
FORGET_QUERY = """
MATCH (q:Query {name: $name})
DELETE q
RETURN count(*) AS done
"""
