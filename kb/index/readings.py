"""Kana → the terms that are read or written like that: looked up where they lie, then kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kb.index.blob import Blob
from kb.text.kana import is_kana

BEGINNING = 3
"""Kana by which they are looked up: some ten readings begin with the same."""
_MOST = 16384
"""Beginnings that are kept; there are some thousand, and people type others."""
_KANA = "\u3041".encode(), "\u30ff".encode()
"""Between these lies what begins with kana."""

Terms = tuple[int, ...]
"""Numbers, the most frequent first."""


class Readings(Mapping[str, Terms]):
    """Of one snapshot. All at once they take 0.4 s to decode, and each publish makes another snapshot."""

    def __init__(
        self, lexicon: Blob, ptr: npt.NDArray[np.int64], read: npt.NDArray[np.int32], terms: Blob,
        df: npt.NDArray[np.int32],
    ) -> None:  # fmt: skip
        self._lexicon, self._ptr, self._read, self._terms, self._df = lexicon, ptr, read, terms, df
        self._begun: dict[str, dict[str, Terms]] = {}

    def beginning(self, kana: str) -> Mapping[str, Terms]:
        """Those that begin with so many kana (`BEGINNING`)."""
        found = self._begun.get(kana)
        if found is None:
            if len(self._begun) >= _MOST:
                self._begun.clear()
            first = kana.encode("utf-8", "replace")
            found = self._begun[kana] = self._between(first, first + b"\xff")
        return found

    def _between(self, first: bytes, end: bytes) -> dict[str, Terms]:
        found: dict[str, list[int]] = {}
        begin, stop = self._lexicon.bisect(first), self._lexicon.bisect(end)
        places = pairwise(self._ptr[begin : stop + 1].tolist())
        for reading, place in zip(self._lexicon.between(begin, stop), places, strict=True):
            found[reading.decode()] = self._read[slice(*place)].tolist()
        begin, stop = self._terms.bisect(first), self._terms.bisect(end)
        for number, term in enumerate(map(bytes.decode, self._terms.between(begin, stop)), begin):
            if is_kana(term):
                found.setdefault(term, []).append(number)
        often = self._df.item
        return {
            kana: tuple(sorted(numbers, key=lambda each: -often(each))) for kana, numbers in found.items()
        }

    def __getitem__(self, kana: str) -> Terms:
        if len(kana) >= BEGINNING:
            return self.beginning(kana[:BEGINNING])[kana]
        alone = kana.encode("utf-8", "replace")
        return self._between(alone, alone + b"\0")[kana]

    @cached_property
    def _names(self) -> list[str]:
        begin, stop = map(self._terms.bisect, _KANA)
        written = filter(is_kana, map(bytes.decode, self._terms.between(begin, stop)))
        return list(dict.fromkeys([*map(bytes.decode, self._lexicon), *written]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
