"""Refuse to load other weights under the name of a loaded model, because its labels are about that model's units."""

from extract.folder.manifest import Manifest
from graph.connection.database import Database
from graph.cypher.loading import WEIGHTS
from graph.errors import WeightsDiffer


def refuse_other_weights(manifest: Manifest, database: Database) -> None:
    """Raise WeightsDiffer if the model of this name, or people's entries about it, belong to other weights."""
    model, ours = manifest.model, manifest.weights_sha256
    for row in database.read(WEIGHTS, model=model):
        if row["weights"] not in (None, ours):
            pair = f"({row['weights'][:12]}, not {ours[:12]} as in this extraction)"
            state = (
                f"labels, flags and saved circuits of a removed {model} with other weights {pair}"
                if row["removed"]
                else f"{model} with other weights {pair}, and its labels belong to that network"
            )
            raise WeightsDiffer(
                f"The database holds {state}. Load into another database, or first remove {model} with its labels: "
                "`circuits remove --with-labels`."
            )
