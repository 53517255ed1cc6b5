"""From a push to the answer: one article changed among many, until every worker finds it, under requests.

    .venv/bin/python benchmarks/corpus.py /tmp/tree --sections 10000
    .venv/bin/python benchmarks/push.py /tmp/tree [--pushes 10] [--workers 2] [--golden articles]

The tree becomes a repository, is published and served. Each push changes one article and is told by a signed
hook; then all workers are asked for its new word until all find it, while others search all the time.
`--golden`: a folder of articles that is added, for its golden queries.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from kb.publish import status as statuses

SECRET = "secret of the benchmark"
SURE = 24
"""Answers in a row, each on a connection of its own, that must have the new word: all workers have it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--pushes", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--golden", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kb-push-") as name:
        work = Path(name)
        source = work / "source"
        shutil.copytree(given.tree, source)
        if given.golden:
            shutil.copytree(given.golden, source, dirs_exist_ok=True)
        git(source, "init", "--quiet", "--initial-branch=main")
        commit(source)
        with Service(work, given.workers) as service:
            measure(service, source, given.pushes)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@example.com", *arguments], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


class Service:
    """`kb publish`, then `kb serve`, each as an operator runs it."""

    def __init__(self, work: Path, workers: int) -> None:
        self.var, self.workers = work / "var", workers
        self.environment = {
            **os.environ, "KB_GIT_URL": str(work / "source"), "KB_GIT_REF": "main",
            "KB_HOOK_SECRET": SECRET, "KB_RATE_LIMIT": "off", "KB_LOG_LEVEL": "warning",
        }  # fmt: skip

    def __enter__(self) -> Service:
        self.run("publish")
        command = [sys.executable, "-m", "kb", "serve", "--var", str(self.var), "--port", "0",
                   "--workers", str(self.workers)]  # fmt: skip
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.port = int(line.split("127.0.0.1:")[1].split()[0].rstrip("/"))
        time.sleep(6)  # what begins later has begun
        return self

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "kb", *arguments, "--var", str(self.var)], check=True,
                       env=self.environment)  # fmt: skip

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def push(self) -> None:
        body, stamp = b'{"ref": "refs/heads/main"}', str(int(time.time()))
        mac = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        status, told = self.ask(
            "POST", "/api/v1/hooks/git", body,
            **{"X-KB-Timestamp": stamp, "X-KB-Signature": f"sha256={mac}"},
        )  # fmt: skip
        assert status == 202, told

    def finds(self, word: str, locale: str) -> bool:
        status, body = self.ask("GET", f"/api/v1/search?q={word}&locale={locale}")
        answer = json.loads(body) if status == 200 else {"total": 0}
        # what was pushed before looks like what is pushed now, and would be taken for a slip of it
        return answer["total"] > 0 and not answer["corrected"]


class Readers:
    """Search all the time; what is no 200 is a failure."""

    def __init__(self, service: Service, locale: str) -> None:
        self.service, self.path = service, f"/api/v1/search?q=refund&locale={locale}"
        self.slowest, self.asked, self.failed, self.stop = 0.0, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.stop.wait(0.01):
            began = time.perf_counter()
            try:
                self.failed += self.service.ask("GET", self.path)[0] != 200
            except OSError as error:
                self.failed += 1
                print("reader:", repr(error))
            self.slowest = max(self.slowest, time.perf_counter() - began)
            self.asked += 1


def measure(service: Service, source: Path, pushes: int) -> None:
    article = sorted(source.glob("*/c*/*.md"))[0]
    locale = article.relative_to(source).parts[0]
    readers, all_seconds = Readers(service, locale), []
    for number in range(pushes):
        word = f"zyxw{time.time_ns():x}"
        article.write_text(article.read_text("utf-8") + f"\n\n{word}\n", "utf-8")
        commit(source)
        began = time.perf_counter()
        service.push()
        first, sure = 0.0, 0
        while sure < SURE:
            sure = sure + 1 if service.finds(word, locale) else 0
            first = time.perf_counter() - began if sure == 1 else first
            time.sleep(0.002 if sure else 0.02)
            if time.perf_counter() - began > 300:
                sys.exit("it never came")
        while (status := statuses.last(service.var)) and "check" not in status.steps:
            time.sleep(0.05)
        assert status is not None
        all_seconds.append(first)
        steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in status.steps.items())
        print(f"push {number + 1}: {first:.2f} s until found ({status.searchable_seconds} until the switch: "
              f"{steps}), load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    readers.stop.set()
    readers.thread.join()
    print(f"{pushes} pushes, {status.sections} sections, {status.golden.queries} golden queries: "
          f"median {statistics.median(all_seconds):.2f} s, max {max(all_seconds):.2f} s")  # fmt: skip
    print(f"{readers.asked} searches meanwhile, {readers.failed} failed, the slowest {readers.slowest:.2f} s")
    sys.exit(1 if readers.failed else 0)


if __name__ == "__main__":
    main()
