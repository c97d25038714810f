"""Memory that torch frees, kept for the next map, which would else be asked of the system anew at every layer."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's mallopt(3)
_USUAL, _KEEP = 2**17, 2**31 - 1  # bytes


def keep_freed_memory(keep: bool = True) -> bool:
    """Have glibc keep freed memory for this process, or give it back as usual; whether there is a glibc to ask.

    A network's forward pass on a CPU takes about a fifth less time, since the system zeroes every page that it hands
    out. The process then stays as large as it was at its largest, which is no larger than without.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    size = _KEEP if keep else _USUAL
    return mallopt is not None and all(mallopt(what, size) for what in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
