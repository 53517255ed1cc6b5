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

from kb.index.blob import Blob, load

Wide = npt.NDArray[np.int64]


class Former:
    """Arrays and byte strings by name."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def _place(self, file: str) -> Path | None:
        if self.folder is None:
            return None
        served = self.folder / "snapshot"
        return served if (served / file).exists() else self.folder / "tables"

    def array(self, name: str, kind: npt.DTypeLike = np.int32) -> Any:
        place = self._place(f"{name}.npy")
        return np.zeros(0, kind) if place is None else load(place, name)

    def offsets(self, name: str) -> Wide:
        found: Wide = np.zeros(1, np.int64) if self.folder is None else self.array(name)
        return found

    def items(self, name: str) -> list[bytes]:
        place = self._place(f"{name}.blob")
        return [] if place is None else list(Blob(place, name))

    def meta(self) -> dict[str, Any]:
        """Of meta.json; nothing where there is none."""
        if self.folder is None:
            return {}
        found: dict[str, Any] = msgspec.json.decode((self.folder / "snapshot" / "meta.json").read_bytes())
        return found

    def data(self, name: str) -> npt.NDArray[np.uint8]:
        """The bytes of all items of a blob, one after the other."""
        place = self._place(f"{name}.blob")
        file = None if place is None else place / f"{name}.blob"
        return (
            np.zeros(0, np.uint8)
            if file is None or not file.stat().st_size
            else np.memmap(file, np.uint8, "r")
        )
