"""The one definition of a current label in Cypher, and the text that derives from it what a unit shows.

An annotation is in effect unless it was undone an odd number of times. A label is current while its annotation is in
effect and no change in effect (an amendment, a rejection or a withdrawal) supersedes it. Whoever only reads follows the
derived view, `(u)-[:LABELLED {annotation: a.id}]->(:Label)`. Python has the same rules in `catalog.labels.history`.
"""

# Whether annotation a is in effect
IN_EFFECT = "COUNT { (a)<-[:UNDOES]-() } % 2 = 0"

# How many changes in effect supersede annotation a
CHANGES = "COUNT { MATCH (a)<-[:SUPERSEDES]-(c:Annotation) WHERE COUNT { (c)<-[:UNDOES]-() } % 2 = 0 }"

# Whether annotation a is a current label
CURRENT = "a.action IN ['add', 'amend'] AND " + IN_EFFECT + " AND " + CHANGES + " = 0"

# u (a unit, once) -> its derived view made anew: LABELLED to its Label nodes, :Labelled and `label`, its current text,
# of twenty labels at most: every row that holds the unit holds this, too. What is deleted is collected first: ArcadeDB
# follows a node's relationships a hundred at a time, and would lose its place among those that are deleted meanwhile.
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
