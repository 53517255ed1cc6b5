"""Who runs the hot loops: the compiled kernel where it was built, else numpy. Both give the same bits.

Called through `kernel.chosen`; what each function does stands in `kernel_numpy`, `scorer`, `lists`,
`postings` and `sets`, beside most of them a `…_compiled.pyx`. Chosen once, before serving.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from kb.index import kernel_numpy


def extension(name: str) -> Any:
    """A compiled module; None where there was no compiler when kb was installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


compiled: Any = extension("kb.index.kernel_compiled")
chosen: Any = compiled or kernel_numpy


def choose(wanted: str) -> None:
    """`numpy`, or `auto`: compiled where there is one."""
    global chosen
    chosen = kernel_numpy if wanted == "numpy" or compiled is None else compiled


def name() -> str:
    """Of the kernel in use: `compiled` or `numpy`."""
    return "numpy" if chosen is kernel_numpy else "compiled"
