"""The demo model that comes with the package, and the paths of its files."""

from pathlib import Path

MODEL = "demo:emoji"
WEIGHTS = Path(__file__).with_name("demo.safetensors")  # its open_clip configuration lies beside it, demo.json
PROBES = Path(__file__).with_name("probes.parquet")
