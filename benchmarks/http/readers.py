"""Independent readers: requests that arrive by chance at a rate, whether those before were answered or not.

    python benchmarks/http/readers.py URL PATHS RATE SECONDS [CONNECTIONS]

Times run from the moment at which a request was due, so waiting for a free connection counts, too (an open
loop; wrk asks again only after an answer). The client is Python on the same machine: its share is in there.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit


async def main() -> None:
    url, file, rate, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    connections = int(sys.argv[5]) if len(sys.argv) > 5 else 32
    server, paths = urlsplit(url), Path(file).read_text("utf-8").splitlines()
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await asyncio.open_connection(server.hostname, server.port))
    times: list[float] = []
    wrong = 0

    async def ask(path: str, due: float) -> None:
        nonlocal wrong
        reader, writer = await free.get()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {server.netloc}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        times.append(time.perf_counter() - due)
        wrong += b" 200 " not in head[:16]
        free.put_nowait((reader, writer))

    chance, asked = random.Random(1), []
    due = time.perf_counter()
    end = due + seconds
    while (due := due + chance.expovariate(rate)) < end:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        asked.append(asyncio.create_task(ask(chance.choice(paths), due)))
    await asyncio.gather(*asked)
    times.sort()
    p50, p99 = (times[int(share * (len(times) - 1))] * 1000 for share in (0.5, 0.99))
    print(f"{len(times) / seconds:.0f} a second, p50 {p50:.2f} ms, p99 {p99:.2f} ms, wrong {wrong}")


asyncio.run(main())
