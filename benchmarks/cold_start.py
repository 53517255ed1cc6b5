"""Seconds from starting `kb serve --articles articles` to the first answer: cold, and when the index stands.

.venv/bin/python benchmarks/cold_start.py [--articles articles] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

QUERY = "/api/v1/search?q=%E8%BF%94%E9%87%91&locale=ja"


def seconds_to_answer(articles: Path, var: Path) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "kb",
        "serve",
        "--articles",
        str(articles),
        "--var",
        str(var),
        "--port",
        str(port),
    ]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while time.perf_counter() - started < 120:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{QUERY}", timeout=5) as answer:
                    if json.load(answer)["hits"]:
                        return time.perf_counter() - started
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise SystemExit("no answer in 120 s")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    cold, warm = [], []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
            cold.append(seconds_to_answer(args.articles, Path(folder) / "var"))
            warm.append(seconds_to_answer(args.articles, Path(folder) / "var"))
    for name, times in (("cold", cold), ("index stands", warm)):
        print(f"{name}: median {statistics.median(times):.2f} s, all {[round(t, 2) for t in times]}")


if __name__ == "__main__":
    main()
