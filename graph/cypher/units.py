"""The Cypher texts of units, with their parameters.

Cypher 5 that Neo4j and the embedded server both run. A value always travels as a parameter. Rows come in the order
their text states. A pattern starts at the node that is known: the embedded server follows it as written.
"""

# keys -> one row a unit that is there
UNITS = """
UNWIND $keys AS key
MATCH (u:Unit {key: key})
RETURN u.key AS key, u.id AS id, u.model AS model, u.layer AS layer, u.channel AS channel,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, properties(u) AS statistics
ORDER BY key
"""

# model, containing -> ids of units with a current label that contains this, in any case
LABELLED = """
MATCH (u:Labelled {model: $model})-[:LABELLED]->(l:Label)
WHERE toLower(l.text) CONTAINS toLower($containing)
RETURN DISTINCT u.id AS id
ORDER BY id
"""
