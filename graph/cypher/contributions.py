"""The Cypher texts of expanded weights (the edges CONTRIBUTES between units); see `graph.cypher.units`."""

_EDGES = """
RETURN s.id AS source, t.id AS target, e.magnitude AS magnitude, e.mean AS mean, e.sum AS sum, e.span AS span,
       e.direct AS direct, e.rank_in AS rank_in, e.rank_out AS rank_out,
       [(s)-[:LABELLED]->(l:Label) | l.text] AS source_labels, [(t)-[:LABELLED]->(l:Label) | l.text] AS target_labels
"""

_BY = """ORDER BY CASE $by WHEN 'mean' THEN abs(mean) ELSE magnitude END DESC, source, target
"""

# key, layer (an id; null: from any), direct (only direct edges), by (magnitude or mean), limit (of each sign)
# -> the strongest edges into a unit
INPUTS = (
    """
MATCH (t:Unit {key: $key})
UNWIND [1, -1] AS sign
CALL (t, sign) {
  MATCH (t)<-[e:CONTRIBUTES]-(s:Unit)
  WHERE e.mean * sign > 0 AND ($layer IS NULL OR s.layer = $layer) AND (e.direct OR NOT $direct)
  RETURN s, e ORDER BY CASE $by WHEN 'mean' THEN abs(e.mean) ELSE e.magnitude END DESC, s.id LIMIT $limit
}
"""
    + _EDGES
    + _BY
)

# key, layer (an id; null: into any), direct (only direct edges), by (magnitude or mean), limit (of each sign)
# -> the strongest edges out of a unit
OUTPUTS = (
    """
MATCH (s:Unit {key: $key})
UNWIND [1, -1] AS sign
CALL (s, sign) {
  MATCH (s)-[e:CONTRIBUTES]->(t:Unit)
  WHERE e.mean * sign > 0 AND ($layer IS NULL OR t.layer = $layer) AND (e.direct OR NOT $direct)
  RETURN t, e ORDER BY CASE $by WHEN 'mean' THEN abs(e.mean) ELSE e.magnitude END DESC, t.id LIMIT $limit
}
"""
    + _EDGES
    + _BY
)

# keys -> the edges between these units
INDUCED_EDGES = (
    """
UNWIND $keys AS key
MATCH (t:Unit {key: key})<-[e:CONTRIBUTES]-(s:Unit)
WHERE s.key IN $keys
"""
    + _EDGES
    + """ORDER BY magnitude DESC, source, target
"""
)
