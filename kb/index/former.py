"""The snapshot of before with its tables, which the next one is made of; without one, all are empty.

<locale>/snapshot    what is served
<locale>/tables      what only the next compiling reads: counts that impacts were made of
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kb.index.blob import Blob, Mapped, Strings, load

Wide = npt.NDArray[np.int64]


class Former:
    """Arrays and byte strings by name."""

    def __init__(self, folder: Path | None) -> None:
        self.served = Mapped(folder / "snapshot") if folder else None
        self._tables = Mapped(folder / "tables") if folder else None

    def _files(self, name: str) -> Mapped | None:
        return self.served if self.served and name in self.served else self._tables

    def array(self, name: str, kind: npt.DTypeLike = np.int32) -> Any:
        files = self._files(f"{name}.npy")
        return np.zeros(0, kind) if files is None else load(files, name)

    def offsets(self, name: str) -> Wide:
        found: Wide = np.zeros(1, np.int64) if self.served is None else self.array(name)
        return found

    def items(self, name: str) -> list[bytes]:
        files = self._files(f"{name}.blob")
        return [] if files is None else list(Blob(files, name))

    def meta(self) -> dict[str, Any]:
        """Of meta.json; nothing where there is none."""
        found: dict[str, Any] = msgspec.json.decode(self.served["meta.json"]) if self.served else {}
        return found

    def strings(self, name: str) -> Strings:
        """The items of a blob where they lie."""
        files = self._files(f"{name}.blob")
        data = b"" if files is None else files[f"{name}.blob"]
        return Strings(self.offsets(f"{name}_ptr"), np.frombuffer(data, np.uint8))
