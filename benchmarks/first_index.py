"""Seconds and peak memory of a first index of N Japanese sections of about 400 characters.

    .venv/bin/python benchmarks/first_index.py [--sections 10000] [--source articles]

The text is cut from the articles of a tree and shuffled by a fixed seed, so that words and their
frequencies are real while no two sections are alike. Everything is counted: reading the Markdown,
analysis, Whoosh, the snapshot, checksums and fsync.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SENTENCE = re.compile(r"[^。\n]+。")


def write_tree(source: Path, target: Path, sections: int, length: int = 400, seed: int = 7) -> None:
    """Articles of five sections each, made of sentences of the source's Japanese text."""
    text = "\n".join(p.read_text("utf-8") for p in sorted(source.glob("ja/**/*.md")))
    text = re.sub(r"^---\n.*?\n---\n", "", text, flags=re.S | re.M)
    sentences = [s.strip() for s in SENTENCE.findall(text) if not s.startswith(("#", "|", "-"))]
    chance = random.Random(seed)
    folder = target / "ja" / "bench"
    folder.mkdir(parents=True)
    for number in range(sections // 5):
        parts = [f"# {chance.choice(sentences)[:30]} {number}"]
        for part in range(5):
            body = ""
            while len(body) < length:
                body += chance.choice(sentences)
            parts.append((f"## {chance.choice(sentences)[:20]} {part}\n\n" if part else "") + body)
        (folder / f"a{number:05d}.md").write_text("\n\n".join(parts), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sections", type=int, default=10_000)
    parser.add_argument("--source", type=Path, default=Path("articles"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
        root = Path(folder)
        write_tree(args.source, root / "articles", args.sections)
        command = [
            sys.executable,
            "-m",
            "kb",
            "index",
            "--articles",
            str(root / "articles"),
            "--var",
            str(root / "var"),
        ]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        size = sum(p.stat().st_size for p in (root / "var").rglob("*") if p.is_file())
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(done.stdout.strip())
        figures = {
            "sections": args.sections,
            "seconds": round(seconds, 1),
            "sections_per_s": round(args.sections / seconds),
            "peak_mb_of_largest_process": round(peak),
            "var_mb": round(size / 1e6),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
