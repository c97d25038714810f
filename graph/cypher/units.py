"""The Cypher texts of units. The comment above each text names its parameters -> what it returns.

This form of comment, and all that follows, holds for every module of this folder. The texts are Cypher 5 that both
Neo4j and the embedded server run. A value always travels as a parameter. Rows come in the order that their text states.
A pattern starts at the node that is known, because the embedded server follows a pattern as written.
"""

# keys -> one row for each unit that is there
UNITS = """
UNWIND $keys AS key
MATCH (u:Unit {key: key})
RETURN u.key AS key, u.id AS id, u.model AS model, u.layer AS layer, u.channel AS channel,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, properties(u) AS statistics
ORDER BY key
"""

# model, containing -> ids of units with a current label that contains this text, in any case
LABELLED = """
MATCH (u:Labelled {model: $model})-[:LABELLED]->(l:Label)
WHERE toLower(l.text) CONTAINS toLower($containing)
RETURN DISTINCT u.id AS id
ORDER BY id
"""
