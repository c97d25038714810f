"""Collect the settings of a reproduction: network, extraction, authors' files, versions and command."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from catalog.article.measurements import Measurements

_PACKAGES = ("clip-circuits", "torch", "open_clip_torch", "numpy")


def settings_of(measurements: Measurements, network: str, weights_sha256: str, command: str) -> Mapping[str, str]:
    """Return the settings as text, keyed by name; empty settings are left out."""
    settings = {
        "model": network.partition(": ")[0],
        "network": network,
        "weights, SHA-256": weights_sha256,
        **_folder(measurements),
        **_authors(measurements),
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": command,
    }
    return {name: value for name, value in settings.items() if value}


def _folder(measurements: Measurements) -> dict[str, str]:
    folder = measurements.folder
    if folder is None:
        return {"extraction": "none"}
    hashes = "".join(sorted(f"{name} {file.sha256}" for name, file in folder.manifest.files.items()))
    census = folder.table("census_settings").to_pylist()
    return {
        "extraction": folder.path.name,
        "extraction, SHA-256 of its files": hashlib.sha256(hashes.encode()).hexdigest(),
        "probes": f"{folder.table('probes').num_rows:,}",
        "visualisations": f"{folder.table('visualisations').num_rows:,}",
        "census settings": f"{census[0]['settings']} ({census[0]['hash']})" if census else "",
    }


def _authors(measurements: Measurements) -> dict[str, str]:
    if measurements.authors is None:
        return {"authors' files": "none"}
    return {f"authors' {name}, SHA-256": digest for name, digest in measurements.authors.sha256.items()}
