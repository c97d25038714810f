"""Catalogs as earlier versions wrote them."""

from graph.connection.database import Database
from graph.cypher.schema import SET_VERSION
from graph.schema import SCHEMA

ONE_DIFFERENCE = """
MATCH (u:Unit) WHERE u.word_share_difference IS NOT NULL OR u.selectivity_difference IS NOT NULL
SET u.modality_difference = coalesce(u.selectivity_difference, u.word_share_difference)
REMOVE u.selectivity_difference, u.word_share_difference
"""
TESTS = """
MATCH (u:Unit) WHERE u.ablation IS NOT NULL OR u.verdict IS NOT NULL
SET u.verdict = u.ablation, u.rise_conv = u.nearby_rise_conv, u.rise_conv_low = u.nearby_rise_conv_low,
    u.q = 0.01, u.p = 0.005, u.p_facets = 0.005, u.reach_conv = 0.9, u.reach_shortcut = 0.8, u.undecided = 'why'
REMOVE u.ablation, u.nearby_rise_conv, u.nearby_rise_conv_low
"""
CONTROLS = "MATCH (u:Unit) WHERE u.ablation IS NOT NULL SET u.control = 0.1, u.shuffled = 0.2"


def as_version_1(database: Database) -> None:
    """Make the database one of version 1: each model has the version; words and pictures of units are not there yet."""
    database.write("MATCH (s:Schema) DELETE s")
    database.write("MATCH (n) WHERE n:Word OR n.modality = 'visualisation' DETACH DELETE n")
    database.write(
        "MATCH (m:Model) SET m.version = 1, m.images = COUNT { MATCH (i:Image) } "
        "REMOVE m.content, m.loaded, m.words, m.readings, m.depictions"
    )


def as_version_3(database: Database) -> None:
    """Make the database one of version 3: one difference in modality, of selectivities or else of shares of words."""
    database.write(ONE_DIFFERENCE)
    database.write(SET_VERSION, id=SCHEMA, version=3)


def as_version_4(database: Database) -> None:
    """Make the database one of version 4: the verdict is what ablation says, beside tests that the census replaced."""
    database.write(TESTS)
    database.write(SET_VERSION, id=SCHEMA, version=4)


def as_version_5(database: Database) -> None:
    """Make the database one of version 5: units with an ablation also have two controls."""
    database.write(CONTROLS)
    database.write(SET_VERSION, id=SCHEMA, version=5)
