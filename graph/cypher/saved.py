"""The Cypher texts of saved circuits and saved queries; see `graph.cypher.units`.

A circuit or query that is replaced or removed becomes an earlier version, which stays as it was and can be saved again.
A node is written before it is copied, so that of two people who replace it in parallel the second copies what the first
has saved.
"""

# Link a circuit's node to the units that it names.
_TIE = """
UNWIND range(0, size(c.units) - 1) AS place
MATCH (u:Unit {key: c.model + '/' + c.units[place]})
CREATE (c)-[:INCLUDES {role: c.roles[place]}]->(u)
"""

# key, properties (the key, an id of its own, model, name, kind, author, at, content, and units and their roles as two
# lists), replace (whether to replace one of the same key), by and now (who saves, and when; kept with the version that
# is replaced) -> the key; no row and no change if the key is taken and not to be replaced
SAVE_CIRCUIT = (
    """
MERGE (c:Circuit {key: $key})
ON CREATE SET c = $properties
SET c.locked = true
REMOVE c.locked
WITH c WHERE $replace OR c.id = $properties.id
FOREACH (old IN CASE WHEN c.id = $properties.id THEN [] ELSE [c] END |
  CREATE (e:EarlierCircuit) SET e = properties(old), e.removed_by = $by, e.removed_at = $now)
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

# key -> one row, or none if there is no such circuit
CIRCUIT_CONTENT = """
MATCH (c:Circuit {key: $key})
RETURN c.content AS content
"""

# key, by and now (who removes it, and when) -> how many were removed: one or none
REMOVE_CIRCUIT = """
MATCH (c:Circuit {key: $key})
SET c.locked = true
REMOVE c.locked
CREATE (e:EarlierCircuit)
SET e = properties(c), e.removed_by = $by, e.removed_at = $now
DETACH DELETE c
RETURN count(*) AS removed
"""

# model -> the earlier versions of its saved circuits without their content, the last removed first
EARLIER_CIRCUITS = """
MATCH (e:EarlierCircuit {model: $model})
RETURN e.id AS version, e.name AS name, e.model AS model, e.kind AS kind, e.author AS author, e.at AS at,
       size(e.units) AS units, e.removed_by AS removed_by, e.removed_at AS removed_at
ORDER BY removed_at DESC, version
"""

# version -> one row with all that saving it again needs, or none if there is no such version
EARLIER_CIRCUIT = """
MATCH (e:EarlierCircuit {id: $version})
RETURN e.content AS content, e.units AS units, e.roles AS roles
"""

# model -> its saved circuits are linked to the units that they name, which are new and in no circuit yet
TIE_CIRCUITS = (
    """
MATCH (c:Circuit {model: $model})
"""
    + _TIE
)

# no parameters -> one row for each query
SAVED_QUERIES = """
MATCH (q:Query)
RETURN q.name AS name, q.text AS text, q.description AS description, q.parameters AS parameters, q.author AS author,
       q.at AS at
ORDER BY name
"""

# name, properties (the name, an id of its own, text, description, parameters, author, at), replace (whether to replace
# one of that name), by, now (as above) -> the name; no row and no change if the name is taken and not to be replaced
SAVE_QUERY = """
MERGE (q:Query {name: $name})
ON CREATE SET q = $properties
SET q.locked = true
REMOVE q.locked
WITH q WHERE $replace OR q.id = $properties.id
FOREACH (old IN CASE WHEN q.id = $properties.id THEN [] ELSE [q] END |
  CREATE (e:EarlierQuery) SET e = properties(old), e.removed_by = $by, e.removed_at = $now)
SET q = $properties
RETURN q.name AS name
"""

# name, by, now (as above) -> how many were removed: one or none
REMOVE_QUERY = """
MATCH (q:Query {name: $name})
SET q.locked = true
REMOVE q.locked
CREATE (e:EarlierQuery)
SET e = properties(q), e.removed_by = $by, e.removed_at = $now
DELETE q
RETURN count(*) AS removed
"""

# no parameters -> one row for each earlier version, the last removed first
EARLIER_QUERIES = """
MATCH (e:EarlierQuery)
RETURN e.id AS version, e.name AS name, e.text AS text, e.description AS description, e.parameters AS parameters,
       e.author AS author, e.at AS at, e.removed_by AS removed_by, e.removed_at AS removed_at
ORDER BY removed_at DESC, version
"""
