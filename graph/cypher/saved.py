"""The Cypher texts of saved circuits and saved queries, with their parameters; see `graph.cypher.units`."""

# From a circuit's node to its units, as it names them.
_TIE = """
UNWIND range(0, size(c.units) - 1) AS place
MATCH (u:Unit {key: c.model + '/' + c.units[place]})
CREATE (c)-[:INCLUDES {role: c.roles[place]}]->(u)
"""

# key, properties (the key, an id of its own, model, name, kind, author, at, content, and units and their roles as two
# lists), replace (one of the same key) -> no row and no change where the key is taken and not to be replaced
SAVE_CIRCUIT = (
    """
MERGE (c:Circuit {key: $key})
ON CREATE SET c = $properties
WITH c WHERE $replace OR c.id = $properties.id
SET c = $properties
WITH c
OPTIONAL MATCH (c)-[old:INCLUDES]->(:Unit)
WITH c, collect(old) AS old
FOREACH (i IN old | DELETE i)
WITH c
"""
    + _TIE
    + """
RETURN c.key AS key, count(u) AS units
"""
)

# model -> its saved circuits by name, without their content
SAVED_CIRCUITS = """
MATCH (c:Circuit {model: $model})
RETURN c.name AS name, c.model AS model, c.kind AS kind, c.author AS author, c.at AS at, size(c.units) AS units
ORDER BY name
"""

# key -> no row or one
CIRCUIT_CONTENT = """
MATCH (c:Circuit {key: $key})
RETURN c.content AS content
"""

# key -> how many were removed: one or none
REMOVE_CIRCUIT = """
MATCH (c:Circuit {key: $key})
DETACH DELETE c
RETURN count(*) AS removed
"""

# model -> its saved circuits tied to the units that they name, which are new and in none yet
TIE_CIRCUITS = (
    """
MATCH (c:Circuit {model: $model})
"""
    + _TIE
)

# no parameters -> one row a query
SAVED_QUERIES = """
MATCH (q:Query)
RETURN q.name AS name, q.text AS text, q.description AS description, q.parameters AS parameters, q.author AS author,
       q.at AS at
ORDER BY name
"""

# name, properties (the name, an id of its own, text, description, parameters, author, at), replace (one of that name)
# -> no row and no change where the name is taken and not to be replaced
SAVE_QUERY = """
MERGE (q:Query {name: $name})
ON CREATE SET q = $properties
WITH q WHERE $replace OR q.id = $properties.id
SET q = $properties
RETURN q.name AS name
"""

# name -> how many were removed: one or none
REMOVE_QUERY = """
MATCH (q:Query {name: $name})
DELETE q
RETURN count(*) AS removed
"""
