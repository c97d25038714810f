"""The front door of the catalog: re-export everything that commands, pages and notebooks use."""

from typing import TYPE_CHECKING

from catalog.article.report_form import report_form
from catalog.cards import BRANCHES, STYLE, Gallery, terms
from catalog.catalog import Catalog, open_catalog, open_extraction, open_network, read_circuit
from catalog.charts import activation_chart, share_chart
from catalog.circuit_view import CircuitView
from catalog.circuits.circuit import Circuit, CircuitEdge, Node, printable
from catalog.circuits.drawing_files import FORMS as DRAWING_FORMS
from catalog.circuits.drawing_files import KINDS as DRAWING_MEDIA_TYPES
from catalog.circuits.drawing_files import SCALE as DRAWING_SCALE
from catalog.circuits.drawing_files import write as write_drawing
from catalog.circuits.export import FORMATS as CIRCUIT_FORMATS
from catalog.circuits.export import READABLE as READABLE_CIRCUITS
from catalog.circuits.export import SUFFIXES as CIRCUIT_SUFFIXES
from catalog.circuits.export import Format as CircuitFormat
from catalog.circuits.trace import USUAL as USUAL_TRACING
from catalog.circuits.trace import Direction, Tracing
from catalog.enrichment import STRONGEST, VERDICTS, Candidate, Tally
from catalog.evidence_figure import draw_evidence
from catalog.extraction_view import ExtractionView
from catalog.extraction_view import Part as ExtractionPart
from catalog.formats import PROPERTIES, SEARCHABLE, column_format, has_bar, header, meaning, printed, title
from catalog.hiding.smear import address as picture_address
from catalog.hiding.veil import HIDDEN, Veil
from catalog.kernel import Kernel
from catalog.labels.bulk import Conflict, Plan
from catalog.labels.files import FORMS as LABEL_FORMS
from catalog.labels.files import form_of as label_form
from catalog.labels.queue import UNSURE, Queue
from catalog.labels.queue import WHICH as QUEUES
from catalog.model import Model
from catalog.model_labels import ModelLabels
from catalog.queries import LONGEST as LONGEST_QUERY
from catalog.queries import LONGEST_DESCRIPTION, Queries, parse_value
from catalog.search_reason import reason
from catalog.table import Table
from catalog.text_rules import EVIDENCE as LONGEST_REASON
from catalog.text_rules import LONGEST as LONGEST_LABEL
from catalog.text_rules import LONGEST_NAME, login_name
from catalog.unit_view import UnitView
from catalog.verdict_texts import concepts, notes
from extract.csv_tables import encode as csv_table
from extract.demo import MODEL as DEMO
from extract.errors import CircuitsError
from extract.read_report import Reading
from graph.cypher.built_in import BUILT_IN
from graph.cypher.named_query import BUILT_IN_AUTHOR, EarlierQuery, NamedQuery
from graph.loading.removal import Removal
from graph.schema import PATTERNS
from graph.schema import VERSION as SCHEMA_VERSION
from graph.search import LIMIT
from graph.settings import Settings, settings

if TYPE_CHECKING:  # types that the live network and an extraction return, for annotations only
    from catalog.live_network import Ablation, Agreement, Attack, Check, LiveNetwork, Report
    from catalog.macroscopic.bottlenecks import Bottleneck
    from catalog.macroscopic.comparisons import Comparison
    from catalog.macroscopic.depth import Correlation, Trend
    from catalog.macroscopic.headlines import LayerSummary
    from catalog.macroscopic.macroscopic import Macroscopic
    from catalog.macroscopic.paired_shares import PairedShares
    from catalog.macroscopic.panel import SmallMultiples
    from catalog.macroscopic.sizes import Size
    from catalog.macroscopic.versatility import Versatility
    from extract.responses.levels import Estimate

__all__ = [
    "BRANCHES",
    "BUILT_IN",
    "BUILT_IN_AUTHOR",
    "CIRCUIT_FORMATS",
    "CIRCUIT_SUFFIXES",
    "DEMO",
    "DRAWING_FORMS",
    "DRAWING_MEDIA_TYPES",
    "DRAWING_SCALE",
    "HIDDEN",
    "LABEL_FORMS",
    "LIMIT",
    "LONGEST_DESCRIPTION",
    "LONGEST_LABEL",
    "LONGEST_NAME",
    "LONGEST_QUERY",
    "LONGEST_REASON",
    "PATTERNS",
    "PROPERTIES",
    "QUEUES",
    "READABLE_CIRCUITS",
    "SCHEMA_VERSION",
    "SEARCHABLE",
    "STRONGEST",
    "STYLE",
    "UNSURE",
    "USUAL_TRACING",
    "VERDICTS",
    "Ablation",
    "Agreement",
    "Attack",
    "Bottleneck",
    "Candidate",
    "Catalog",
    "Check",
    "Circuit",
    "CircuitEdge",
    "CircuitFormat",
    "CircuitView",
    "CircuitsError",
    "Comparison",
    "Conflict",
    "Correlation",
    "Direction",
    "EarlierQuery",
    "Estimate",
    "ExtractionPart",
    "ExtractionView",
    "Gallery",
    "Kernel",
    "LayerSummary",
    "LiveNetwork",
    "Macroscopic",
    "Model",
    "ModelLabels",
    "NamedQuery",
    "Node",
    "PairedShares",
    "Plan",
    "Queries",
    "Queue",
    "Reading",
    "Removal",
    "Report",
    "Settings",
    "Size",
    "SmallMultiples",
    "Table",
    "Tally",
    "Tracing",
    "Trend",
    "UnitView",
    "Veil",
    "Versatility",
    "activation_chart",
    "column_format",
    "concepts",
    "csv_table",
    "draw_evidence",
    "has_bar",
    "header",
    "label_form",
    "login_name",
    "meaning",
    "notes",
    "open_catalog",
    "open_extraction",
    "open_network",
    "parse_value",
    "picture_address",
    "printable",
    "printed",
    "read_circuit",
    "reason",
    "report_form",
    "settings",
    "share_chart",
    "terms",
    "title",
    "write_drawing",
]
