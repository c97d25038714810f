"""Collect every query text of graph/cypher under its name."""

from graph.cypher import (
    built_in,
    contributions,
    enrichment,
    flags,
    labels,
    layers,
    loading,
    models,
    probes,
    removal,
    saved,
    schema,
    search,
    trace,
    units,
    verification,
)
from graph.cypher.named_query import NamedQuery

MODULES = (
    *(units, models, contributions, probes, enrichment, loading, removal, verification, schema, trace),
    *(saved, labels, flags, layers, search, built_in),
)
PUBLIC = {name: text for module in MODULES for name, text in vars(module).items() if name.isupper() and name[0] != "_"}
TEXTS = {name: text for name, text in PUBLIC.items() if isinstance(text, str)}
TEXTS |= {name: query.text for name, query in PUBLIC.items() if isinstance(query, NamedQuery)}
TEXTS |= {
    f"{name}[{kind}]": text
    for name, texts in PUBLIC.items()
    if isinstance(texts, dict) and name != "MIGRATIONS"  # these are lists of texts
    for kind, text in texts.items()
}
