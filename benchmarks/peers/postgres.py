"""PostgreSQL full text on a server of its own, started for the benchmark and stopped after it.

Timed is the processor's time of the server's process that answers, as Linux tells it; sending is not counted.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from peers import QUICK, Answer, Corpus, Missing, Peer, Question, words

BEST = """SELECT id FROM section, to_tsquery('simple', %s) q WHERE words @@ q {}
ORDER BY ts_rank_cd(words, q) DESC LIMIT 10"""
EXCERPTS = f"""SELECT id, ts_headline('simple', body, to_tsquery('simple', %s), 'MaxWords=40, MinWords=30')
FROM section WHERE id = ANY(ARRAY(SELECT id FROM ({BEST.format("")}) found))"""
COUNTS = "SELECT category, count(*) FROM section WHERE words @@ to_tsquery('simple', %s) GROUP BY category"


@contextmanager
def postgres(corpus: Corpus) -> Iterator[Peer]:
    """Raises Missing where it is not installed."""
    with _server() as folder, psycopg.connect(f"postgresql://kb@/postgres?host={folder}") as connection:
        _fill(connection, corpus)
        version = connection.info.server_version // 10_000
        yield Peer(f"PostgreSQL {version}", "server", _asker(connection), slow=True)


def _asker(connection: psycopg.Connection[Any]) -> Any:
    spent = Path(f"/proc/{connection.info.backend_pid}/schedstat")

    def once(question: Question) -> int:
        query = " | ".join(words(question))
        if question.category:
            only = BEST.format("AND category = %s")
            return len(connection.execute(only, (query, question.category)).fetchall())
        if question.excerpts:
            return len(connection.execute(EXCERPTS, (query, query)).fetchall())
        found = len(connection.execute(BEST.format(""), (query,)).fetchall())
        if question.counted:
            return sum(count for _, count in connection.execute(COUNTS, (query,)))
        return found

    def timed(question: Question) -> float:
        started = int(spent.read_text().split()[0])
        once(question)
        return (int(spent.read_text().split()[0]) - started) / 1000

    def ask(question: Question) -> Answer:
        found, times = once(question), [timed(question)]
        if times[0] < QUICK:
            times += [timed(question), timed(question)]
        return Answer(statistics.median(times), found)

    return ask


def _fill(connection: psycopg.Connection[Any], corpus: Corpus) -> None:
    connection.autocommit = True
    # helpers would do their part of the work in processes that are not timed
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET jit = off")
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("SET work_mem = '64MB'")
    connection.execute("CREATE TABLE section(id int PRIMARY KEY, category text, body text, words tsvector)")
    connection.execute("CREATE TEMPORARY TABLE raw(id int, category text, body text)")
    with connection.cursor() as cursor, cursor.copy("COPY raw FROM STDIN") as copy:
        for number, row in enumerate(zip(corpus.categories, corpus.texts, strict=True)):
            copy.write_row((number, *row))
    connection.execute("INSERT INTO section SELECT id, category, body, to_tsvector('simple', body) FROM raw")
    connection.execute("DROP TABLE raw")
    connection.execute("CREATE INDEX ON section USING gin(words)")
    connection.execute("CREATE INDEX ON section(category)")
    connection.execute("VACUUM ANALYZE section")


@contextmanager
def _server() -> Iterator[Path]:
    # PostgreSQL does not run as root, nor in a folder that is root's alone
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="kb-bench-postgres-"))
    data = str(folder / "data")

    def run(name: str, *rest: str) -> None:
        places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        program = shutil.which(name) or (places and str(places[-1]))
        if not program:
            raise Missing("apt-get install postgresql")
        subprocess.run([program, *rest], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    try:
        if user:
            shutil.chown(folder, user)
        run("initdb", "-D", data, "-U", "kb", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=2GB -c max_wal_size=4GB"
        run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
