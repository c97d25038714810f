"""Extract a network: the expanded weights into every target layer, one shard at a time.

A shard is a group of target layers, or a run of their channels, that is swept as one piece of work. Finished shards are
never computed again, so an interrupted extraction resumes where it stopped. The same settings and tools give the same
bytes if all processors are of one kind and take equally many threads, however often the extraction was interrupted and
on however many machines it ran. Swept weights do not depend on the number of threads, where memory suffices for a batch
on each. With other processors, numbers agree to 1e-5 of a kernel's magnitude.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from tqdm import tqdm

from extract.errors import ExtractionError, UnknownUnit
from extract.expansion.assembly import Assembly
from extract.expansion.expanded_weights import batch_size
from extract.expansion.forecast import Forecast, forecast_plan
from extract.expansion.layer_tables import units
from extract.expansion.operations import control_sources
from extract.expansion.plan import Shard, pairs_at_once, plan, sweeps_at_once
from extract.expansion.precision import check
from extract.expansion.randomised_weights import control_file, sweep_randomised
from extract.expansion.sweepers import Sweeper, ThisProcess
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import ExtractionSettings, Manifest, Precision, RecordedPreparation
from extract.network.network import Network
from extract.units import Architecture, Layer


def extract(
    network: Network,
    path: Path,
    targets: Iterable[str] | None = None,
    strongest: int = 20,
    matrices: bool = True,
    *,
    memory: int = 2**31,
    progress: bool = True,
    device: str = "cpu",
    precision: Precision = "float32",
    ray: str | None = None,
    threads: int | None = None,
    announce: Callable[[Forecast], object] | None = None,
) -> Extraction:
    """Make the extraction folder, or finish the one begun there with the same settings.

    `targets` are layers and patterns as in `scope`. `strongest` edges are stored per unit, layer pair and direction, by
    magnitude and again by mean. `matrices` also stores the dense magnitudes and means, and the control of randomised
    weights. `memory` is in bytes, without the network. `device` is where torch computes the weights, such as `cuda`. In
    another `precision` than float32, the deviations from float32 are measured on a sample and stand in the manifest.

    `ray` is the address of a Ray cluster, or `local` for one started here. Each of its tasks takes `threads` threads (1
    unless set), and a GPU where the device is `cuda`. Without `ray`, `announce` is called with a forecast before the
    first sweep, if there is anything to sweep.

    Raises UnknownUnit for targets that match nothing; ExtractionError for too little memory, a folder begun with other
    settings, or no such cluster; WeightsError for a device that is not there, or for TF32 on a processor.
    """
    architecture = network.architecture
    layers = scope(architecture, targets)
    settings = _settings(layers, strongest, matrices, precision)
    shards = plan(architecture, layers, memory, strongest, None if ray is None else batch_size(device))
    sweeps = sweeps_at_once(architecture, shards, memory)
    with _sweeper(network, device, precision, sweeps, ray, threads) as sweeper:
        extraction = Extraction.create(path, _manifest(network, settings, sweeper.tools))
        with extraction.writing():
            if not extraction.has("units.parquet"):
                extraction.add({"units.parquet": units(network)})
            if precision != "float32" and extraction.manifest.deviations is None:
                extraction.record_deviations(sweeper.deviations(shards))
            at_once = _pairs_at_once(architecture, shards, memory, strongest)
            assembly = Assembly(sweeper.network, extraction, shards, at_once)
            missing = assembly.missing()
            if announce is not None and missing and ray is None:
                control = extraction.remaining(_control(architecture, layers, matrices), control_file)
                announce(forecast_plan(sweeper.network, missing, settings, tuple(control), at_once, sweeps))
            _sweep(sweeper, assembly, progress)
            if matrices:
                sweep_randomised(sweeper.network, extraction, layers, memory, progress)
    return extraction


@contextmanager
def _sweeper(
    network: Network, device: str, precision: Precision, at_once: int, ray: str | None, threads: int | None
) -> Iterator[Sweeper]:
    if ray is None:
        if threads is not None:
            raise ExtractionError(
                "The number of threads applies to tasks of a Ray cluster, but no cluster is named. Name its address, "
                "or set OMP_NUM_THREADS for this process."
            )
        yield ThisProcess(network.on(device), precision, at_once)
        return
    from extract.expansion.cluster import joined  # imports Ray, which most extractions do not need

    with joined(network, ray, device, threads or 1, precision) as cluster:
        yield cluster


def _sweep(sweeper: Sweeper, assembly: Assembly, progress: bool) -> None:
    missing = assembly.missing()
    total, ahead = (sum(len(s.targets) * len(s.channels) for s in shards) for shards in (assembly.shards, missing))
    with tqdm(total=total, initial=total - ahead, unit="unit", disable=not progress) as bar:
        for swept in sweeper.sweep(missing, bar):
            assembly.extraction.name_processor(swept.processor)
            assembly.add(swept.shard, swept.rows)
    assembly.finish()


def _pairs_at_once(architecture: Architecture, shards: Sequence[Shard], memory: int, strongest: int) -> int:
    """Return how many layer pairs to tabulate in parallel: one per thread, or fewer if memory does not suffice."""
    return min(torch.get_num_threads(), pairs_at_once(architecture, shards, memory, strongest))


def forecast(
    network: Network,
    targets: Iterable[str] | None = None,
    strongest: int = 20,
    matrices: bool = True,
    *,
    memory: int = 2**31,
    device: str = "cpu",
    precision: Precision = "float32",
) -> Forecast:
    """Forecast what `extract` would take with these arguments, from a few seconds of samples.

    Raises the errors of `extract`.
    """
    layers = scope(network.architecture, targets)
    computing = network.on(device)
    check(precision, computing.device)
    settings = _settings(layers, strongest, matrices, precision)
    control = _control(network.architecture, layers, matrices)
    shards = plan(network.architecture, layers, memory, strongest)
    at_once = _pairs_at_once(network.architecture, shards, memory, strongest)
    sweeps = sweeps_at_once(network.architecture, shards, memory)
    return forecast_plan(computing, shards, settings, control, at_once, sweeps)


def _control(architecture: Architecture, layers: Sequence[Layer], matrices: bool) -> tuple[Layer, ...]:
    """Return the layers from which the control of randomised weights is swept; none unless matrices are stored."""
    return control_sources(architecture, layers) if matrices else ()


def _settings(layers: Sequence[Layer], strongest: int, matrices: bool, precision: Precision) -> ExtractionSettings:
    lower = None if precision == "float32" else precision
    return ExtractionSettings(targets=tuple(map(str, layers)), strongest=strongest, matrices=matrices, rounded=lower)


def scope(architecture: Architecture, targets: Iterable[str] | None = None) -> tuple[Layer, ...]:
    """Resolve names (`4/2/5`, or any alias) and patterns (`4/*`) to target layers, in forward order.

    Without `targets`, returns every layer that has a source. Raises UnknownUnit for a name or pattern that matches no
    such layer.
    """
    possible = [layer for layer in architecture.layers if sources(architecture, layer)]
    if targets is None:
        return tuple(possible)
    named = {layer for text in targets for layer in _matching(architecture, possible, text)}
    return tuple(layer for layer in possible if layer in named)


def _matching(architecture: Architecture, possible: list[Layer], text: str) -> list[Layer]:
    pattern = text.strip() if "*" in text or "?" in text else str(architecture.layer(text))
    matching = [layer for layer in possible if fnmatchcase(str(layer), pattern)]
    if not matching:
        raise UnknownUnit(
            f"{text!r} matches no layer that has sources below it. Name layers from {possible[0]} to {possible[-1]}, "
            "one by one or by patterns such as 4/*."
        )
    return matching


def _manifest(network: Network, settings: ExtractionSettings, tools: Mapping[str, str]) -> Manifest:
    architecture = network.architecture
    return Manifest(
        model=network.model,
        weights_sha256=network.sha256,
        blocks=architecture.blocks,
        width=architecture.width,
        image_size=architecture.image_size,
        settings=settings,
        tools=dict(tools),
        preparation=RecordedPreparation(
            activation=network.activation,
            mean=network.preparation.mean,
            sd=network.preparation.std,
            resizing=f"{network.preparation.resize_mode}, {network.preparation.interpolation}",
            fingerprint=network.fingerprint,
        ),
    )
