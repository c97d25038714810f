"""Define in Cypher which labels are current, and derive the labels that a unit shows.

An annotation is in effect unless it was undone an odd number of times. A label is current while its annotation is in
effect and no change in effect (an amendment, a rejection or a withdrawal) supersedes it. Texts that only read labels
follow the derived view, `(u)-[:LABELLED {annotation: a.id}]->(:Label)`. `catalog.labels.history` holds the same rules
in Python.
"""

# Whether annotation a is in effect
IN_EFFECT = "COUNT { (a)<-[:UNDOES]-() } % 2 = 0"

# How many changes in effect supersede annotation a
CHANGES = "COUNT { MATCH (a)<-[:SUPERSEDES]-(c:Annotation) WHERE COUNT { (c)<-[:UNDOES]-() } % 2 = 0 }"

# Whether annotation a is a current label
CURRENT = "a.action IN ['add', 'amend'] AND " + IN_EFFECT + " AND " + CHANGES + " = 0"

# u (a unit, in one row) -> its derived view is made anew: LABELLED to its Label nodes, :Labelled, and the property
# `label` with its current text. This text names at most twenty labels, because every row that holds the unit also holds
# the text. What is to be deleted is collected first: ArcadeDB follows a node's relationships a hundred at a time, and
# would lose its place if some of them were deleted meanwhile.
DERIVE = (
    """
OPTIONAL MATCH (u)-[:HAS_ANNOTATION]->(a:Annotation)
WHERE """
    + CURRENT
    + """
WITH u, a ORDER BY a.at, coalesce(a.number, 0), a.id
WITH u, collect(a) AS current, collect(DISTINCT a.text) AS texts
OPTIONAL MATCH (u)-[stale:LABELLED]->(l:Label)
WITH u, texts, current, collect(stale) AS stale, collect(DISTINCT l) AS before
FOREACH (s IN stale | DELETE s)
FOREACH (a IN current |
  MERGE (l:Label {text: a.text}) CREATE (u)-[:LABELLED {annotation: a.id, sensitive: a.sensitive}]->(l))
FOREACH (x IN CASE texts WHEN [] THEN [] ELSE [u] END |
  SET x:Labelled, x.label = reduce(all = head(texts), text IN texts[1..20] | all + '; ' + text)
      + CASE WHEN size(texts) > 20 THEN '; and ' + toString(size(texts) - 20) + ' more' ELSE '' END)
FOREACH (x IN CASE texts WHEN [] THEN [u] ELSE [] END | REMOVE x:Labelled, x.label)
FOREACH (l IN [x IN before WHERE COUNT { (x)<-[:LABELLED]-() } = 0] | DELETE l)
RETURN u.key AS key
ORDER BY key
"""
)
