"""The Cypher texts of a trace: the direct edges into units and out of units; see `graph.cypher.units`."""

# keys, scaled (weights are magnitudes times the source's activity), least (weight), limit (edges into each unit)
# -> the strongest direct edges into each unit, of either sign; `total` is the summed weight of all direct edges stored
# into the unit
UPSTREAM = """
UNWIND $keys AS key
MATCH (t:Unit {key: key})
CALL (t) {
  MATCH (t)<-[e:CONTRIBUTES]-(s:Unit)
  WHERE e.direct
  RETURN sum(e.magnitude * CASE WHEN $scaled THEN s.activity ELSE 1.0 END) AS total
}
CALL (t) {
  MATCH (t)<-[e:CONTRIBUTES]-(s:Unit)
  WHERE e.direct
  WITH s, e, e.magnitude * CASE WHEN $scaled THEN s.activity ELSE 1.0 END AS weight
  WHERE weight >= $least
  RETURN s, e, weight ORDER BY weight DESC, s.id LIMIT $limit
}
RETURN s.id AS source, t.id AS target, e.magnitude AS magnitude, e.mean AS mean, e.sum AS sum, e.span AS span,
       e.direct AS direct, e.rank_in AS rank_in, e.rank_out AS rank_out, weight, total
ORDER BY target, weight DESC, source
"""

# keys, least (weight), limit (edges out of each unit) -> the same for edges out of each unit; weights are magnitudes
DOWNSTREAM = """
UNWIND $keys AS key
MATCH (s:Unit {key: key})
CALL (s) {
  MATCH (s)-[e:CONTRIBUTES]->(t:Unit)
  WHERE e.direct
  RETURN sum(e.magnitude) AS total
}
CALL (s) {
  MATCH (s)-[e:CONTRIBUTES]->(t:Unit)
  WHERE e.direct AND e.magnitude >= $least
  RETURN t, e ORDER BY e.magnitude DESC, t.id LIMIT $limit
}
RETURN s.id AS source, t.id AS target, e.magnitude AS magnitude, e.mean AS mean, e.sum AS sum, e.span AS span,
       e.direct AS direct, e.rank_in AS rank_in, e.rank_out AS rank_out, e.magnitude AS weight, total
ORDER BY source, weight DESC, target
"""
