"""A pool that is too small, what `db.advise()` says of it, and a pool of the advised size under the same load.

Requests come at their own pace, whether the pool keeps up or not: by chance, or several at once. What counts is the
part of the requests that wait in the second pool, beside the part that the advice has promised. Needs a server in
DATABASE_URL. Called by `scripts/bench advise`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys

import pycopg

STATEMENT = "SELECT pg_sleep(0.01)"


async def load(size: int, rate: float, together: int, seconds: float) -> pycopg.SizeAdvice:
    """What the pool says of itself at the end."""
    chance = random.Random(4711)
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[object]] = set()
    url = os.environ["DATABASE_URL"]
    async with pycopg.AsyncPooledDatabase.from_url(url, min_size=size, max_size=size, share=False, timeout=60) as db:
        await db.wait()
        before = db.metrics()
        end = loop.time() + seconds
        due = loop.time()
        while due < end:
            await asyncio.sleep(due - loop.time())
            for _ in range(together):
                task = asyncio.ensure_future(db.execute(STATEMENT))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            due += chance.expovariate(rate / together)
        await asyncio.gather(*tasks)
        return db.metrics().since(before).advise()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench advise", description=__doc__)
    parser.add_argument("--rate", type=float, default=400, help="requests a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of each pool (%(default)s)")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    print(f"{STATEMENT}, {arguments.rate:.0f} times a second\n")
    for together in (1, 4):
        busy = arguments.rate * 0.0105
        for full in (0.95, 0.8, 0.65):
            size = max(1, round(busy / full))
            advice = asyncio.run(load(size, arguments.rate, together, arguments.seconds))
            print(f"{together} at once, {size} connections, {advice.busy:.1f} busy: {advice}")
            if advice.verdict in ("too_small", "saturated"):
                then = asyncio.run(load(advice.max_size, arguments.rate, together, arguments.seconds))
                print(f"    {advice.max_size}: {then.waited:.2%} waited; promised {advice.waited_then:.2%}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
