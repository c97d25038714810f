"""The built-in queries: the text of each, what it answers, and the meanings and defaults of its parameters.

The texts also run unchanged in Neo4j Browser, once their parameters are set there. A candidate is a sum's unit that has
the verdict $verdict; if $verdict is null, every unit of a sum is a candidate. See also `graph.cypher.units`.
"""

from graph.cypher.named_query import NamedQuery

_LAYER = "a layer of sums"
_VERDICT = "of a candidate: enriched, not enriched, facets alike or open; null: any"
_STRONGEST = "how many of a unit's strongest inputs from one layer are considered"
_APART = "the smallest accepted difference in modality"

# model, layer (of sums), verdict -> the layer's candidates with facets and effects, the likeliest first
CANDIDATES = NamedQuery(
    "candidates",
    """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE $verdict IS NULL OR u.verdict = $verdict
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, u.verdict AS verdict,
       u.weakest_link AS weakest_link, u.q AS q, u.q_not_enriched AS q_not_enriched, u.recurrence AS recurrence,
       u.concepts_shortcut AS concepts_shortcut, u.concepts_conv AS concepts_conv,
       u.rise_shortcut AS rise_shortcut, u.rise_conv AS rise_conv,
       u.specificity_shortcut AS specificity_shortcut, u.specificity_conv AS specificity_conv,
       u.concept_difference AS concept_difference,
       coalesce(u.selectivity_difference, u.word_share_difference) AS modality_difference, u.ablation AS ablation,
       u.effect_shortcut AS effect_shortcut, u.effect_conv AS effect_conv, u.share_exact AS share_exact,
       s.id AS shortcut, [(s)-[:LABELLED]->(l:Label) | l.text] AS shortcut_labels,
       c.id AS conv, [(c)-[:LABELLED]->(l:Label) | l.text] AS conv_labels
ORDER BY q, u.channel
""",
    "Enriched units of a layer, the most certain first, with both facets, effects and labels.",
    {"verdict": "enriched"},
    {"layer": _LAYER, "verdict": _VERDICT},
)

# model, layer (of sums), verdict -> candidates whose branches both have labels, but no label in common (in any case)
# A branch's label is on the sum's unit, marked with that branch, or on the branch's own unit.
CONFLICTING_LABELS = NamedQuery(
    "conflicting-labels",
    """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE $verdict IS NULL OR u.verdict = $verdict
MATCH (u)<-[adds:ADDS]-(b:Unit)
UNWIND [u, b] AS place
MATCH (place)-[:HAS_ANNOTATION]->(a:Annotation)
MATCH (place)-[:LABELLED {annotation: a.id}]->(:Label)
WHERE place = u AND a.branch = adds.branch OR place = b AND a.branch = 'sum'
   OR place = b AND a.branch = 'conv' AND adds.branch = 'conv'
WITH u, adds.branch AS branch, a.text AS text ORDER BY text
WITH u, collect(DISTINCT CASE branch WHEN 'shortcut' THEN text END) AS shortcut_labels,
     collect(DISTINCT CASE branch WHEN 'conv' THEN text END) AS conv_labels
WHERE size(shortcut_labels) > 0 AND size(conv_labels) > 0
  AND none(text IN shortcut_labels WHERE toLower(text) IN [other IN conv_labels | toLower(other)])
RETURN u.id AS unit, shortcut_labels, conv_labels, u.verdict AS verdict, u.q AS q,
       u.concept_difference AS concept_difference,
       coalesce(u.selectivity_difference, u.word_share_difference) AS modality_difference
ORDER BY u.channel
""",
    "Candidates whose two branches both have labels from people, but no label in common.",
    {"verdict": "enriched"},
    {"layer": _LAYER, "verdict": _VERDICT},
)

# model, layer (of sums), label (any part of one, in any case), strongest (inputs of a unit from one layer that count)
# -> units whose conv branch is excited by units with such a label, and those units
DRIVEN_BY_LABEL = NamedQuery(
    "driven-by-label",
    """
MATCH (l:Label)
WHERE toLower(l.text) CONTAINS toLower($label)
MATCH (l)<-[:LABELLED]-(i:Unit {model: $model})
WITH DISTINCT i
MATCH (i)-[e:CONTRIBUTES]->(c:Unit)-[:ADDS {branch: 'conv'}]->(u:Unit {layer: $layer})
WHERE e.rank_in <= $strongest AND e.mean > 0
WITH u, c, i, e ORDER BY e.magnitude DESC, i.id
WITH u, c, count(*) AS inputs, sum(e.magnitude) AS strength, collect(i.id) AS units, collect(i.label) AS unit_labels
RETURN u.id AS unit, c.id AS conv, inputs, strength, units, unit_labels, u.verdict AS verdict, u.q AS q,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels
ORDER BY inputs DESC, strength DESC, unit
""",
    "Units whose conv branch is excited by units with a label.",
    {"strongest": 5},
    {"layer": _LAYER, "label": "any part of a label, in any case", "strongest": _STRONGEST},
)

# model, layer (of the later sums; null: of any), verdict, strongest (inputs of a conv unit from one layer that count)
# -> candidates fed by a candidate of an earlier block: over the shortcut by the previous sum, or into the conv branch
CHAINS = NamedQuery(
    "chains",
    """
MATCH (u:Unit {model: $model})<-[adds:ADDS]-(b:Unit)
WHERE ($layer IS NULL OR u.layer = $layer) AND ($verdict IS NULL OR u.verdict = $verdict)
CALL (adds, b) {
  WITH * WHERE adds.branch = 'shortcut'
  RETURN b AS f, null AS magnitude, null AS mean
  UNION ALL
  WITH * WHERE adds.branch = 'conv'
  MATCH (b)<-[e:CONTRIBUTES]-(s:Unit)
  WHERE e.rank_in <= $strongest
  RETURN s AS f, e.magnitude AS magnitude, e.mean AS mean
}
WITH u, adds.branch AS branch, f, magnitude, mean
WHERE EXISTS { MATCH (f)<-[:ADDS]-(:Unit) } AND ($verdict IS NULL OR f.verdict = $verdict)
RETURN u.id AS unit, branch, f.id AS fed_by, magnitude, mean, u.verdict AS verdict, f.verdict AS fed_by_verdict,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, [(f)-[:LABELLED]->(l:Label) | l.text] AS fed_by_labels
ORDER BY u.layer DESC, u.channel, branch DESC, magnitude DESC, fed_by
""",
    "Candidates fed by a candidate of an earlier block, over the shortcut or into the conv branch.",
    {"verdict": "enriched", "strongest": 5},
    {"layer": "the layer of the later sums; null: any", "verdict": _VERDICT, "strongest": _STRONGEST},
)

# model, unit (the id of a sum's unit), source (a layer; null: the nearest one swept into a branch), strongest (inputs
# of each branch) -> the inputs that feed each facet
FACET_INPUTS = NamedQuery(
    "facet-inputs",
    """
MATCH (u:Unit {key: $model + '/' + $unit})<-[adds:ADDS]-(b:Unit)
MATCH (:Layer {key: $model + '/' + b.layer})<-[:SWEPT]-(below:Layer)
WITH adds, b, below ORDER BY below.position DESC
WITH adds, b, collect(below.id) AS layers
CALL (b, layers) {
  MATCH (b)<-[e:CONTRIBUTES]-(s:Unit)
  WHERE s.layer = coalesce($source, layers[0])
  RETURN s, e ORDER BY e.magnitude DESC, s.id LIMIT $strongest
}
RETURN adds.branch AS branch, b.id AS into, s.id AS source, e.magnitude AS magnitude, e.mean AS mean,
       e.direct AS direct, s.word_selectivity AS word_selectivity, s.picture_selectivity AS picture_selectivity,
       [(s)-[:LABELLED]->(l:Label) | l.text] AS labels
ORDER BY branch DESC, magnitude DESC, source
""",
    "What feeds each facet of a sum's unit: the strongest contributions of one layer to its shortcut and to its conv "
    "branch.",
    {"source": None, "strongest": 5},
    {
        "unit": "a unit of a sum, such as 4/2/6/34",
        "source": "the layer of the inputs; null: the one nearest to each branch",
        "strongest": "how many inputs of each branch are listed",
    },
)

# model, word, apart (the least difference in modality) -> units that the word drives, with branches that differ so much
WORD_ACROSS_MODALITIES = NamedQuery(
    "word-across-modalities",
    """
MATCH (w:Word {key: $model + '/' + $word})-[a:ACTIVATES]->(u:Unit)
WHERE a.unit_rank IS NOT NULL AND a.z > 0 AND coalesce(u.selectivity_difference, u.word_share_difference) >= $apart
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, a.z AS z, a.unit_rank AS rank,
       coalesce(u.selectivity_difference, u.word_share_difference) AS modality_difference,
       s.id AS shortcut, s.word_selectivity AS shortcut_words, s.picture_selectivity AS shortcut_pictures,
       c.id AS conv, c.word_selectivity AS conv_words, c.picture_selectivity AS conv_pictures,
       u.verdict AS verdict, [(u)-[:LABELLED]->(l:Label) | l.text] AS labels
ORDER BY z DESC, unit
""",
    "Units that a word drives and whose conv branch and shortcut differ in modality.",
    {"apart": 0.1},
    {"word": "a word that was shown to the network", "apart": _APART},
)

# model, layer (of sums), apart (the least difference in modality) -> units with one branch that reads and one that sees
READ_AND_SEE = NamedQuery(
    "read-and-see",
    """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE coalesce(u.selectivity_difference, u.word_share_difference) >= $apart
MATCH (u)<-[:ADDS {branch: 'shortcut'}]-(s:Unit)
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
WITH u, s, c, s.word_selectivity - s.picture_selectivity AS shortcut_lean,
     c.word_selectivity - c.picture_selectivity AS conv_lean
WHERE shortcut_lean * conv_lean < 0
RETURN u.id AS unit, CASE WHEN conv_lean > 0 THEN 'conv' ELSE 'shortcut' END AS reads,
       coalesce(u.selectivity_difference, u.word_share_difference) AS modality_difference,
       s.id AS shortcut, s.word_selectivity AS shortcut_words,
       s.picture_selectivity AS shortcut_pictures, c.id AS conv, c.word_selectivity AS conv_words,
       c.picture_selectivity AS conv_pictures, u.verdict AS verdict, u.q AS q,
       [(u)-[:LABELLED]->(l:Label) | l.text] AS labels
ORDER BY modality_difference DESC, u.channel
""",
    "Units with one branch selective for words and the other for pictures, against controls.",
    {"apart": 0.1},
    {"layer": _LAYER, "apart": _APART},
)

# model, layer (of sums), most (the largest rise) -> units whose conv branch responds to concepts that the sum discards
DISCARDED = NamedQuery(
    "discarded",
    """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE u.nearby_rise_conv_high <= $most AND (u.verdict IS NULL OR u.verdict <> 'enriched')
MATCH (u)<-[:ADDS {branch: 'conv'}]-(c:Unit)
RETURN u.id AS unit, [(u)-[:LABELLED]->(l:Label) | l.text] AS labels, u.facet_conv AS facet_conv,
       u.nearby_rise_conv AS nearby_rise_conv, u.nearby_rise_conv_high AS nearby_rise_conv_high,
       u.nearby_rise_shortcut AS nearby_rise_shortcut, u.share_exact AS share_exact, u.verdict AS verdict,
       u.weakest_link AS weakest_link, c.id AS conv, [(c)-[:LABELLED]->(l:Label) | l.text] AS conv_labels
ORDER BY nearby_rise_conv, u.channel
""",
    "Units whose conv branch responds to concepts on which the sum does not rise: a facet that the sum discards.",
    {"most": 0.25},
    {"layer": _LAYER, "most": "the largest rise of the sum, at its upper 95 % bound, in standard deviations"},
)

# model, layer (of the unlabelled units), strongest (inputs of a unit from one layer that count)
# -> units without a label that have edges to or from labelled units, those with most edges first
NEXT_TO_LABELLED = NamedQuery(
    "next-to-labelled",
    """
MATCH (n:Labelled {model: $model})-[e:CONTRIBUTES]-(u:Unit {layer: $layer})
WHERE e.rank_in <= $strongest AND u.label IS NULL
WITH u, n, e ORDER BY e.magnitude DESC, n.id
WITH u, count(*) AS edges, sum(e.magnitude) AS strength, collect(n.id) AS neighbours,
     collect(n.label) AS neighbour_labels
RETURN u.id AS unit, edges, strength, neighbours, neighbour_labels
ORDER BY edges DESC, strength DESC, unit
""",
    "Units without a label that have the most edges with labelled units: what to label next.",
    {"strongest": 5},
    {"layer": "the layer of the units", "strongest": _STRONGEST},
)

BUILT_IN = (
    CANDIDATES,
    CONFLICTING_LABELS,
    DRIVEN_BY_LABEL,
    CHAINS,
    FACET_INPUTS,
    WORD_ACROSS_MODALITIES,
    READ_AND_SEE,
    DISCARDED,
    NEXT_TO_LABELLED,
)
