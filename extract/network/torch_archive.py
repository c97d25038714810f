"""Read the tensors of an archive that torch.save or torch.jit.save wrote, without running any code in the archive.

An archive is a zip file. `data.pkl` is a pickle of plain objects around tensors, `data/` holds the tensors' numbers,
and a TorchScript archive also holds the source text of its modules' classes under `code/`.

Functions of this module build the tensors and dicts that the pickle names. An object of a TorchScript class is reduced
to its attributes; the class's own `__setstate__` is never called. A few harmless objects, such as numpy's numbers, are
dropped. Any other name in the pickle is refused.

Numbers take no more memory than the file is long; the pickle and the code together take at most `_TEXT` bytes.
"""

import io
import pickle
import pickletools
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from extract.printable import printable

_TEXT = 2**24  # bytes of pickle and code; RN50 has half a million
_MODULES = 20_000  # RN50 has some 300
_KEY = 1_000  # letters of a tensor's key

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_IGNORED = {  # numbers and settings that training scripts save with the tensors
    "_codecs.encode",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "torch.Size",
    "torch.device",
}
_TORCHSCRIPT = "__torch__"


class _Kind(NamedTuple):
    """A kind of tensor that is not read, and the call that turns such a tensor into an ordinary one."""

    what: str
    ordinary: str


_OTHER_TENSORS = {
    "torch._utils._rebuild_qtensor": _Kind("quantised", "tensor.dequantize()"),
    "torch._utils._rebuild_sparse_tensor": _Kind("sparse", "tensor.to_dense()"),
    "torch._utils._rebuild_tensor_v3": _Kind("of a precision of its own, such as float8", "tensor.float()"),
}


class NoWeights(Exception):
    """A file holds no weights that can be read; the message says what it holds, as the end of a sentence."""


class _Storage(NamedTuple):
    dtype: torch.dtype
    key: str
    length: int


class StoredTensor(NamedTuple):
    """The place of a tensor's numbers in an archive; `TorchArchive.tensor` reads the numbers."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Dict(dict[object, object]):
    """A dict without the attributes that a pickle gives it."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Ignore the state."""


class _Object:
    """An object that keeps only its state, because its class is not imported."""

    module: ClassVar[str]
    name: ClassVar[str]
    state: object = None

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """An unpickler that builds only stored tensors, dicts and `_Object`s, and raises NoWeights for anything else."""

    def find_class(self, module: str, name: str) -> object:
        full = f"{module}.{name}"
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch" and isinstance(dtype := vars(torch).get(name), torch.dtype):
            return dtype
        if full == "collections.OrderedDict":
            return _Dict
        if full in _IGNORED or module.split(".")[0] == _TORCHSCRIPT:
            return type("_Object", (_Object,), {"module": module, "name": name})
        if function := _rebuild(full):
            return function
        raise refuse_name(full)

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", torch.dtype() as dtype, str(key), _, int(length)):
                return _Storage(dtype, key, length)
        raise pickle.UnpicklingError("it names no storage")


def refuse_name(name: str) -> NoWeights:
    """Make the error for a file whose pickle names something that would have to be imported."""
    if kind := _OTHER_TENSORS.get(name):
        return NoWeights(
            f"it holds a tensor that is {kind.what}. Read it with torch.load, and save the state dict again with "
            f"{kind.ordinary} instead"
        )
    return NoWeights(
        f"it holds {printable(name, 100)} beside the tensors, and code in a weights file is never run. If you trust "
        "the file, read it with torch.load(FILE, weights_only=False) and save its state dict alone with torch.save"
    )


def _rebuild(full: str) -> Callable[..., object] | None:
    """Make the function that replaces one of torch's, or return None for an unknown name.

    Each call makes a new function, because a pickle can change the objects that it is handed.
    """
    match full:
        case "torch._utils._rebuild_tensor_v2":
            return lambda storage, offset, size, stride, *_: StoredTensor(storage, offset, size, stride)
        case "torch._utils._rebuild_parameter" | "torch.jit._pickle.restore_type_tag":
            return lambda value, *_: value
        case _ if full.startswith("torch.jit._pickle.build_"):  # lists of one type
            return lambda value: value
    return None


class TorchArchive:
    """An open archive, with its `content` and the method `tensor`, which reads single tensors of the content."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._left = path.stat().st_size  # bytes of numbers that may still be read
        self._text_left = _TEXT
        self._numbers: dict[str, bytearray] = {}
        self._texts: dict[str, str] = {}  # of code
        roots = [name.removesuffix("/data.pkl") for name in self._zip.namelist() if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise NoWeights("it is a zip file that torch did not write")
        self._root = roots[0]
        if self._has("byteorder") and self._text("byteorder").decode() != sys.byteorder:
            raise NoWeights("a machine with another byte order wrote its numbers. Save it on this machine")

    def __enter__(self) -> "TorchArchive":
        """Return the archive itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._zip.close()

    @cached_property
    def content(self) -> object:
        """The saved object, with each tensor as a StoredTensor; for TorchScript, parameters and buffers by key."""
        data = self._text("data.pkl")
        # Unpickler makes a list as long as the greatest place named in a pickle, whatever the pickle's length.
        if any(
            "PUT" in code.name and isinstance(at, int) and at > len(data) for code, at, _ in pickletools.genops(data)
        ):
            raise pickle.UnpicklingError("its pickle names places beyond its end")
        stored = _Unpickler(io.BytesIO(data)).load()
        return self._parameters(stored) if self._has("constants.pkl") else stored

    def tensor(self, stored: StoredTensor) -> Tensor:
        """Read a tensor; tensors of one storage share their memory."""
        storage, offset, size, stride = stored
        numbers = self._bytes(storage)
        flat = torch.frombuffer(numbers, dtype=storage.dtype) if numbers else torch.empty(0, dtype=storage.dtype)
        return flat.as_strided(size, stride, offset)  # which refuses places outside of flat, (length,)

    def _bytes(self, storage: _Storage) -> bytearray:
        if storage.key not in self._numbers:
            record = self._zip.getinfo(f"{self._root}/data/{storage.key}")
            self._left -= record.file_size
            if record.compress_type != zipfile.ZIP_STORED or self._left < 0:
                raise NoWeights("its tensors are packed, which torch never does")
            self._numbers[storage.key] = bytearray(self._zip.read(record))
        numbers = self._numbers[storage.key]
        if len(numbers) != storage.length * storage.dtype.itemsize:
            raise NoWeights("a tensor is longer or shorter than the pickle says")
        return numbers

    def _has(self, name: str) -> bool:
        return f"{self._root}/{name}" in self._zip.NameToInfo

    def _text(self, name: str) -> bytes:
        record = self._zip.getinfo(f"{self._root}/{name}")
        self._text_left -= record.file_size
        if self._text_left < 0:
            raise NoWeights(f"its pickle and code are larger than {_TEXT:,} bytes")
        return self._zip.read(record)

    def _parameters(self, root: object) -> Mapping[str, StoredTensor]:
        """Collect the tensors of a TorchScript module and its submodules, keyed as in the module's state dict."""
        tensors, waiting, modules = dict[str, StoredTensor](), [("", root)], 0
        while waiting:
            prefix, module = waiting.pop()
            modules += 1
            if modules > _MODULES or len(prefix) > _KEY:  # a module may hold itself
                raise NoWeights("its modules contain one another without end")
            for name, value in self._attributes(module):
                if isinstance(value, StoredTensor):
                    tensors[prefix + name] = value
                elif isinstance(value, _Object):
                    waiting.append((f"{prefix}{name}.", value))
        return tensors

    def _attributes(self, module: object) -> list[tuple[str, object]]:
        """List a module's submodules, parameters and buffers by name; all its tensors if its class lists none."""
        code = self._class(module) if isinstance(module, _Object) else ""
        own = "def __setstate__(" in code
        if not isinstance(module, _Object) or not isinstance(module.state, dict) or own:
            raise NoWeights(f"{_written(module)} is rebuilt by its own code, and code in a weights file is never run")
        lists = re.findall(r"^  __(?:parameters|buffers)__ = \[(.*)\]$", code, re.MULTILINE)
        registered = {name for names in lists for name in re.findall(r'"([^"]*)"', names)}
        return [
            (str(name), value)
            for name, value in module.state.items()
            if isinstance(value, _Object) or len(lists) < 2 or name in registered
        ]

    def _class(self, module: _Object) -> str:
        """Return the source text of a module's class; empty if the archive has none."""
        text = self._code(module.module)
        classes = re.split(r"^class (\w+)\(.*\):$", text, flags=re.MULTILINE)  # text, name, text, name, text ...
        return dict(zip(classes[1::2], classes[2::2], strict=True)).get(module.name, "")

    def _code(self, module: str) -> str:
        if module not in self._texts:
            name = f"code/{module.replace('.', '/')}.py"
            self._texts[module] = self._text(name).decode() if self._has(name) else ""
        return self._texts[module]


def _written(module: object) -> str:
    return printable(f"{module.module}.{module.name}", 100) if isinstance(module, _Object) else "it"
