"""Engines for Node: a process each, which reads the corpus from a file, is asked by lines, times itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peers import QUICK, Answer, Corpus, Missing, Peer, Question, kept, words

PACKAGES = {"minisearch": "minisearch@7.2.0", "orama": "@orama/orama@3.1.18", "lunr": "lunr@2.3.9"}
PROGRAM = Path(__file__).with_name("node.mjs")
MEMORY = 12_000
"""Megabytes that a process may take; lunr takes 9,000 for 200,000 sections."""


@contextmanager
def node(name: str, corpus: Corpus, modules: Path, folder: Path) -> Iterator[Peer]:
    """One of PACKAGES, installed into `modules` unless it stands there. Raises Missing without npm."""
    if not (npm := shutil.which("npm")):
        raise Missing("apt-get install nodejs npm")

    def install(new: Path) -> None:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(new), *PACKAGES.values()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(PROGRAM, new)

    def write(new: Path) -> None:
        with (new / "sections.jsonl").open("w", encoding="utf-8") as file:
            for number, (body, category) in enumerate(zip(corpus.texts, corpus.categories, strict=True)):
                file.write(json.dumps({"id": str(number), "body": body, "category": category}) + "\n")

    program = kept(modules, install) / PROGRAM.name
    shutil.copy(PROGRAM, program)
    sections = kept(folder, write) / "sections.jsonl"
    command = ["node", f"--max-old-space-size={MEMORY}", str(program), name, str(sections)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if not process.stdout or not process.stdout.readline():
                raise Missing(f"{name} cannot hold {len(corpus.texts)} sections in {MEMORY} MB")
            yield Peer(PACKAGES[name], "process", lambda question: _ask(process, question))
        finally:
            process.kill()


def _ask(process: subprocess.Popen[str], question: Question) -> Answer | None:
    if question.excerpts:
        return None
    assert process.stdin
    assert process.stdout
    wanted = {"words": words(question), "category": question.category, "counted": question.counted}
    process.stdin.write(json.dumps({**wanted, "quick": QUICK}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return answer and Answer(**answer)
