"""The version of the graph's schema, and what the graph holds.

A key is the model's id, a slash and an id, such as `RN50:openai/4/2/6/34`. A missing edge does not mean a weight of
zero: SWEPT, a relationship between layers, says above which cutoff every edge is stored.
"""

SCHEMA, VERSION = "clip-circuits", 6

PATTERNS = (  # each a Cypher pattern of nodes and relationships, and its meaning
    ("(:Schema {id, version})", "one, of the whole database"),
    ("(:Model {id})-[:HAS_LAYER]->(:Layer {key})-[:SWEPT]->(:Layer)", "SWEPT: what was computed, its cutoffs"),
    ("(:Unit {key, id, model, layer, channel, label})", "a channel; the label while there is one"),
    (
        "(:Unit)-[:CONTRIBUTES {magnitude, mean, sum, span, direct, rank_in, rank_out}]->(:Unit)",
        "the expanded weights kept",
    ),
    ("(:Unit)-[:ADDS {branch}]->(:Unit)", "shortcut and conv unit into their sum"),
    ("(:Image {key})-[:ACTIVATES {branch, rank, value, z}]->(:Unit)", "a branch's top examples, or a unit's"),
    ("(:Image {modality: 'visualisation'})-[:DEPICTS {share_published}]->(:Unit)", ""),
    (
        "(:Word {key})-[:ACTIVATES {value, z, word_rank, unit_rank}]->(:Unit)",
        "the top words of a unit, and units of a word",
    ),
    (
        "(:Unit)-[:HAS_ANNOTATION]->(:Annotation {id, text, branch})-[:SUPERSEDES]->(:Annotation)",
        "the history, kept whole",
    ),
    ("(:Annotation)-[:UNDOES]->(:Annotation)", "undone an odd number of times it does not stand"),
    ("(:Flag {id, kind, name, sensitive})", "the last of a name says whether it is hidden"),
    ("(:Unit:Labelled {label})-[:LABELLED {annotation}]->(:Label {text})", "the labels that hold now, derived"),
    ("(:Circuit {key})-[:INCLUDES {role}]->(:Unit)", "a saved circuit, whole in its content"),
    ("(:Query {name, id})", "a saved Cypher text"),
    ("(:EarlierCircuit {id, name, removed_by, removed_at})", "one that was replaced or removed, as it was"),
    ("(:EarlierQuery {id, name, removed_by, removed_at})", "the same of a query"),
)
