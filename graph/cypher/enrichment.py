"""The Cypher texts of enrichment candidates; see `graph.cypher.units`."""

# model, layer (of sums), branches (the layers that they add up), source (the layer of the inputs), strongest (inputs of
# each branch), limit -> the units whose branches have the least similar inputs from the source
# The match starts at the source, because fewer layers follow the source than precede the branches.
ENRICHMENT_BY_WEIGHTS = """
MATCH (i:Unit {model: $model, layer: $source})-[e:CONTRIBUTES]->(b:Unit)
WHERE e.rank_in <= $strongest AND b.layer IN $branches
MATCH (b)-[a:ADDS]->(u:Unit {layer: $layer})
WITH u, i, count(*) AS branches,
     sum(CASE a.branch WHEN 'shortcut' THEN e.mean ELSE 0.0 END) AS shortcut,
     sum(CASE a.branch WHEN 'conv' THEN e.mean ELSE 0.0 END) AS conv,
     sum(CASE a.branch WHEN 'shortcut' THEN 1 ELSE 0 END) AS from_shortcut,
     sum(CASE a.branch WHEN 'conv' THEN 1 ELSE 0 END) AS from_conv,
     sum(CASE a.branch WHEN 'shortcut' THEN e.magnitude ELSE 0.0 END) AS over_shortcut,
     sum(CASE a.branch WHEN 'conv' THEN e.magnitude ELSE 0.0 END) AS over_conv
WITH u, sum(branches - 1) AS shared, sum(shortcut * conv) AS product,
     sqrt(sum(shortcut * shortcut) * sum(conv * conv)) AS norms,
     sum(from_shortcut) AS shortcut_inputs, sum(from_conv) AS conv_inputs,
     sum(over_shortcut) AS shortcut_strength, sum(over_conv) AS conv_strength
WHERE norms > 0
WITH u, shared, product / norms + 0.0 AS cosine, shortcut_inputs, conv_inputs, shortcut_strength, conv_strength
ORDER BY cosine, u.channel LIMIT $limit
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, s.id AS shortcut, c.id AS conv, $source AS source_layer, shared, cosine,
       1 - cosine AS dissimilarity, shortcut_inputs, conv_inputs, shortcut_strength, conv_strength,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, u.channel AS channel
ORDER BY cosine, channel
"""

# model, layer (of sums), limit, examples (of each branch), and what a unit must have: verdict (null: any), q (at most
# this; null: any), concept_difference or modality_difference (at least this; one of the two is enough; null: no such
# demand) -> these units with their evidence
# modality_difference is the difference of the selectivities; where these are missing, of the shares of words.
ENRICHMENT_BY_EVIDENCE = """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE u.overlap IS NOT NULL OR u.concept_difference IS NOT NULL OR u.verdict IS NOT NULL
WITH u, coalesce(u.selectivity_difference, u.word_share_difference) AS modality_difference,
     CASE WHEN u.specificity_shortcut_low < u.specificity_conv_low THEN u.specificity_shortcut_low
          ELSE u.specificity_conv_low END AS least_specificity
WHERE ($verdict IS NULL OR u.verdict = $verdict) AND ($q IS NULL OR u.q <= $q)
  AND ($concept_difference IS NULL AND $modality_difference IS NULL
    OR u.concept_difference >= $concept_difference OR modality_difference >= $modality_difference)
WITH u, modality_difference, least_specificity
ORDER BY least_specificity IS NULL, least_specificity DESC, u.channel LIMIT $limit
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, s.id AS shortcut, c.id AS conv, properties(u) AS evidence, modality_difference,
       COLLECT { MATCH (u)<-[a:ACTIVATES {branch: 'shortcut'}]-(i:Image) WHERE a.rank <= $examples
                 WITH i, a ORDER BY a.rank RETURN [i.modality, i.concept, i.id, i.sensitive] } AS shortcut_examples,
       COLLECT { MATCH (u)<-[a:ACTIVATES {branch: 'conv'}]-(i:Image) WHERE a.rank <= $examples
                 WITH i, a ORDER BY a.rank RETURN [i.modality, i.concept, i.id, i.sensitive] } AS conv_examples,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, u.channel AS channel, least_specificity
ORDER BY least_specificity IS NULL, least_specificity DESC, channel
"""

# model, layer (of sums) -> how many units have each verdict (null: none, for the reason in unjudged) and ablation
# result
VERDICTS = """
MATCH (u:Unit {model: $model, layer: $layer})
RETURN u.verdict AS verdict, u.ablation AS ablation, u.unjudged AS unjudged, count(*) AS units
ORDER BY verdict, ablation, unjudged
"""
