"""The demo model that comes with the package, and the paths of its files."""

from pathlib import Path

MODEL = "demo:emoji"
WEIGHTS = Path(__file__).with_name("demo.safetensors")  # demo.json beside it is the open_clip configuration
PROBES = Path(__file__).with_name("probes.parquet")
