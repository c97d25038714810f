"""Collect every query text of graph/cypher by its name."""

from graph.cypher import built_in, flags, labels, layers, loading, saved, search, trace, units

MODULES = (units, loading, trace, saved, labels, flags, layers, search, built_in)
PUBLIC = {name: text for module in MODULES for name, text in vars(module).items() if name.isupper() and name[0] != "_"}
TEXTS = {name: text for name, text in PUBLIC.items() if isinstance(text, str)}
TEXTS |= {
    f"{name}[{kind}]": text for name, texts in PUBLIC.items() if isinstance(texts, dict) for kind, text in texts.items()
}
