"""The version of the graph's schema, and what the graph holds.

A key is the model's id, a slash and an id, such as `RN50:openai/4/2/6/34`. A missing edge does not mean a weight of
zero: SWEPT, a relationship between layers, says above which cutoff every edge is stored.
"""

SCHEMA, VERSION = "clip-circuits", 6

PATTERNS = (  # each a Cypher pattern of nodes and relationships, and its meaning
    ("(:Schema {id, version})", "one for the whole database"),
    ("(:Model {id})-[:HAS_LAYER]->(:Layer {key})-[:SWEPT]->(:Layer)", "SWEPT: what was computed, and its cutoffs"),
    ("(:Unit {key, id, model, layer, channel, label})", "a channel; only a labelled unit has label"),
    (
        "(:Unit)-[:CONTRIBUTES {magnitude, mean, sum, span, direct, rank_in, rank_out}]->(:Unit)",
        "the stored expanded weights",
    ),
    ("(:Unit)-[:ADDS {branch}]->(:Unit)", "from the shortcut or the conv branch to their sum"),
    ("(:Image {key})-[:ACTIVATES {branch, rank, value, z}]->(:Unit)", "the top probes of a unit or of one branch"),
    ("(:Image {modality: 'visualisation'})-[:DEPICTS {share_published}]->(:Unit)", "a feature visualisation"),
    (
        "(:Word {key})-[:ACTIVATES {value, z, word_rank, unit_rank}]->(:Unit)",
        "the top words of a unit, and units of a word",
    ),
    (
        "(:Unit)-[:HAS_ANNOTATION]->(:Annotation {id, text, branch})-[:SUPERSEDES]->(:Annotation)",
        "the whole history of labels",
    ),
    ("(:Annotation)-[:UNDOES]->(:Annotation)", "an annotation that is undone an odd number of times does not hold"),
    ("(:Flag {id, kind, name, sensitive})", "the last flag of a name says whether it is hidden"),
    (
        "(:Unit:Labelled {label})-[:LABELLED {annotation}]->(:Label {text})",
        "the current labels, derived from the history",
    ),
    ("(:Circuit {key})-[:INCLUDES {role}]->(:Unit)", "a saved circuit, complete in its content"),
    ("(:Query {name, id})", "a saved Cypher text"),
    ("(:EarlierCircuit {id, name, removed_by, removed_at})", "a saved circuit that was replaced or removed, as it was"),
    ("(:EarlierQuery {id, name, removed_by, removed_at})", "a saved query that was replaced or removed, as it was"),
)
