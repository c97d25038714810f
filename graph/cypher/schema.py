"""The Cypher texts of the schema and its migrations; see `graph.cypher.units`."""

# no parameters -> one row; none if the database is not this project's yet. Version 1 wrote its number on the models
SCHEMA_VERSION = """
OPTIONAL MATCH (s:Schema)
WITH max(s.version) AS stamped
OPTIONAL MATCH (m:Model)
WITH stamped, count(m) AS models
WHERE stamped IS NOT NULL OR models > 0
RETURN coalesce(stamped, 1) AS version
"""

# id (of the schema), version -> nothing; the database has this version
SET_VERSION = """
MERGE (s:Schema {id: $id})
SET s.version = $version
"""

CONSTRAINTS = (
    "CREATE CONSTRAINT model_id IF NOT EXISTS FOR (n:Model) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT layer_key IF NOT EXISTS FOR (n:Layer) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT unit_key IF NOT EXISTS FOR (n:Unit) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT image_key IF NOT EXISTS FOR (n:Image) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT word_key IF NOT EXISTS FOR (n:Word) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT annotation_id IF NOT EXISTS FOR (n:Annotation) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT flag_id IF NOT EXISTS FOR (n:Flag) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT label_text IF NOT EXISTS FOR (n:Label) REQUIRE n.text IS UNIQUE",
    "CREATE CONSTRAINT circuit_key IF NOT EXISTS FOR (n:Circuit) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT query_name IF NOT EXISTS FOR (n:Query) REQUIRE n.name IS UNIQUE",
)
INDEXES = (
    "CREATE INDEX unit_layer IF NOT EXISTS FOR (n:Unit) ON (n.model, n.layer)",
    "CREATE INDEX annotation_model IF NOT EXISTS FOR (n:Annotation) ON (n.model)",
    "CREATE INDEX annotation_unit IF NOT EXISTS FOR (n:Annotation) ON (n.model, n.unit)",
    "CREATE INDEX flag_model IF NOT EXISTS FOR (n:Flag) ON (n.model)",
    "CREATE INDEX earlier_circuit_model IF NOT EXISTS FOR (n:EarlierCircuit) ON (n.model)",
    "CREATE INDEX earlier_circuit_id IF NOT EXISTS FOR (n:EarlierCircuit) ON (n.id)",
)
FURTHER_INDEXES = (  # for users' own queries, where the server has these kinds
    "CREATE INDEX contribution_magnitude IF NOT EXISTS FOR ()-[e:CONTRIBUTES]-() ON (e.magnitude)",
    "CREATE FULLTEXT INDEX label_words IF NOT EXISTS FOR (n:Label) ON EACH [n.text]",
)
# no parameters; where both branches of a sum have selectivities, modality_difference was half the difference of these.
# The stored float32 is kept as it was where it agrees
SPLIT_SELECTIVITY = """
MATCH (s:Unit)-[:ADDS {branch: 'shortcut'}]->(u:Unit)<-[:ADDS {branch: 'conv'}]-(c:Unit)
WHERE u.modality_difference IS NOT NULL
WITH u, u.modality_difference AS old, abs((s.word_selectivity - s.picture_selectivity)
     - (c.word_selectivity - c.picture_selectivity)) / 2 AS apart
WHERE apart IS NOT NULL
SET u.selectivity_difference = CASE WHEN abs(apart - old) < 0.000001 THEN old ELSE apart END,
    u.word_share_difference = abs(u.words_shortcut - u.words_conv)
REMOVE u.modality_difference
"""

# no parameters; in all other sums it was the difference of the branches' shares of words
SPLIT_WORD_SHARES = """
MATCH (u:Unit)
WHERE u.modality_difference IS NOT NULL
SET u.word_share_difference = u.modality_difference
REMOVE u.modality_difference
"""

# no parameters; the verdict was what ablation says, and the rises were on concepts near those of the top probes
RENAME_ABLATION = """
MATCH (u:Unit)
WHERE u.verdict IS NOT NULL OR u.rise_conv IS NOT NULL OR u.rise_shortcut IS NOT NULL
SET u.ablation = u.verdict,
    u.nearby_rise_conv = u.rise_conv, u.nearby_rise_shortcut = u.rise_shortcut,
    u.nearby_rise_conv_low = u.rise_conv_low, u.nearby_rise_conv_high = u.rise_conv_high,
    u.nearby_rise_shortcut_low = u.rise_shortcut_low, u.nearby_rise_shortcut_high = u.rise_shortcut_high
REMOVE u.verdict, u.rise_conv, u.rise_conv_low, u.rise_conv_high,
       u.rise_shortcut, u.rise_shortcut_low, u.rise_shortcut_high
"""

# no parameters; these were tests of enrichment that the census replaced
REMOVE_TESTS = """
MATCH (u:Unit)
WHERE u.p IS NOT NULL OR u.undecided IS NOT NULL OR u.reach_conv IS NOT NULL OR u.reach_shortcut IS NOT NULL
REMOVE u.p, u.q, u.p_concept, u.p_modality, u.p_facets, u.p_reach_shortcut, u.p_reach_conv,
       u.reach_shortcut, u.reach_conv, u.undecided
"""

# no parameters; what ablation says was only on concepts near those of the top probes, compared with two controls
NEARBY_ABLATION = """
MATCH (u:Unit)
WHERE u.ablation IS NOT NULL OR u.effect_conv IS NOT NULL OR u.effect_shortcut IS NOT NULL
SET u.nearby_ablation = u.ablation,
    u.nearby_effect_conv = u.effect_conv, u.nearby_effect_shortcut = u.effect_shortcut,
    u.nearby_effect_conv_low = u.effect_conv_low, u.nearby_effect_conv_high = u.effect_conv_high,
    u.nearby_effect_shortcut_low = u.effect_shortcut_low, u.nearby_effect_shortcut_high = u.effect_shortcut_high
REMOVE u.ablation, u.effect_conv, u.effect_conv_low, u.effect_conv_high, u.control,
       u.effect_shortcut, u.effect_shortcut_low, u.effect_shortcut_high, u.shuffled
"""

# no parameters; the checksums of what a load wrote no longer hold once properties have other names
FORGET_CHECKSUMS = "MATCH (m:Model) REMOVE m.checksums"

# no parameters -> the names and texts of all saved queries
SAVED_TEXTS = """
MATCH (q:Query)
RETURN q.name AS name, q.text AS text
ORDER BY name
"""

# for each version, the texts that lead to the next
MIGRATIONS = {
    1: (
        "MATCH (m:Model) REMOVE m.version SET m.words = coalesce(m.words, 0), "
        "m.readings = coalesce(m.readings, 0), m.depictions = coalesce(m.depictions, 0)",
    ),
    2: (),  # saved circuits and queries came, of which there are none yet
    3: (SPLIT_SELECTIVITY, SPLIT_WORD_SHARES),
    4: (RENAME_ABLATION, REMOVE_TESTS, FORGET_CHECKSUMS),
    5: (NEARBY_ABLATION, FORGET_CHECKSUMS),
}
