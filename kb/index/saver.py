"""New files of arrays and byte strings, written beside what is computed next. `blob` reads them.

The checksum is that of what was to be written, so whoever compares it finds what the disk made of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from kb.index.blob import offsets
from kb.index.sums import FileSum, remember

Given = TypeVar("Given")

THREADS = 4
"""Writing, hashing and waiting for the disk leave the interpreter to others."""


class Saver:
    """A folder that is being filled. What is given is not to be changed any more."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor, begun: list[Future[None]]) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._pool, self._begun = folder, pool, begun

    def save(self, name: str, array: npt.NDArray[Any]) -> None:
        """As `np.save` does."""
        head = BytesIO()
        np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
        self.put(f"{name}.npy", [head.getvalue(), np.ascontiguousarray(array).reshape(-1).view(np.uint8)])

    def save_blob(self, name: str, items: Sequence[bytes]) -> None:
        """Byte strings for `Blob`: one file of bytes and one of offsets (`<name>_ptr`)."""
        self.save_parts(name, offsets([len(item) for item in items]), [b"".join(items)])

    def save_parts(self, name: str, ptr: npt.NDArray[np.int64], parts: Sequence[Any]) -> None:
        """The same from stretches of bytes, which hold many strings each."""
        self.save(f"{name}_ptr", ptr)
        self.put(f"{name}.blob", parts)

    def beside(self, make: Callable[[Given], None], given: Given) -> None:
        """Have `make` run by another thread; what it saves is waited for, too."""
        self._begun.append(self._pool.submit(make, given))

    def put(self, file: str, parts: Sequence[Any]) -> None:
        """A file of these bytes."""
        self._begun.append(self._pool.submit(_write, self._folder / file, parts))

    def link(self, file: str, source: Path) -> None:
        """A file that another generation has, too."""
        link(source, self._folder / file)


def link(source: Path, target: Path) -> None:
    """A second name of a file that never changes; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def saving(*folders: Path) -> Iterator[list[Saver]]:
    """One for each folder; at the end all is on the disk, with checksums that this process remembers.

    Raises OSError.
    """
    begun: list[Future[None]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        yield [Saver(folder, pool, begun) for folder in folders]
        # what runs beside may begin more
        while begun:
            begun.pop().result()


def _write(file: Path, parts: Sequence[Any]) -> None:
    digest = hashlib.sha256()
    with file.open("xb") as stream:
        for part in parts:
            stream.write(part)
            digest.update(part)
        stream.flush()
        os.fsync(stream.fileno())
        status = os.fstat(stream.fileno())
    remember(status, FileSum(status.st_size, digest.hexdigest()))
