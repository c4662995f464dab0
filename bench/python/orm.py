"""SQLAlchemy's ORM reads rows by their key through an engine's pool: copg's dialect beside psycopg's with QueuePool.

Each read is a Session of its own, as in a web request. The two take turns, on 1 thread and on 10. Needs a server in
DATABASE_URL. Called by `scripts/bench orm`, which provides it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

ROWS = 1000
DRIVERS = ("psycopg", "copg")
WANTED = 1.3


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "bench_orm_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


def read(engine: Any, count: int) -> None:
    for i in range(count):
        with Session(engine) as session:
            assert session.execute(select(User).where(User.id == i % ROWS + 1)).scalar_one().name


def read_on(threads: int, engine: Any, count: int) -> None:
    running = [threading.Thread(target=read, args=(engine, count // threads)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench orm", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--count", type=int, default=2000, help="reads of a turn (2000)")
    arguments = parser.parse_args()
    url = os.environ["DATABASE_URL"]
    engines = {
        driver: create_engine(url.replace("postgresql://", f"postgresql+{driver}://", 1), pool_size=10, max_overflow=0)
        for driver in DRIVERS
    }
    Base.metadata.drop_all(engines["psycopg"])
    Base.metadata.create_all(engines["psycopg"])
    with Session(engines["psycopg"]) as session, session.begin():
        session.add_all([User(id=i, name=f"name {i}", email=f"{i}@example.org") for i in range(1, ROWS + 1)])
    reached = True
    for threads in (1, 10):
        rates: dict[str, list[float]] = {driver: [] for driver in DRIVERS}
        cpus: dict[str, list[float]] = {driver: [] for driver in DRIVERS}
        for turn in range(arguments.rounds + 1):
            for driver, engine in engines.items():
                wall, cpu = time.perf_counter(), time.process_time()
                read_on(threads, engine, arguments.count if turn else arguments.count // 10)
                if turn:  # the first warms up
                    rates[driver].append(arguments.count / (time.perf_counter() - wall))
                    cpus[driver].append((time.process_time() - cpu) / arguments.count)
        for driver in DRIVERS:
            rate, cpu = statistics.median(rates[driver]), statistics.median(cpus[driver])
            print(f"{threads:2} thread(s), {driver:7} {rate:8,.0f} reads/s, {1e6 * cpu:6.0f} us of CPU each")
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["copg"], rates["psycopg"]))
        reached = reached and ratio >= WANTED
        print(f"{threads:2} thread(s): copg {ratio:.2f} x as many; to be reached: {WANTED}")
    Base.metadata.drop_all(engines["psycopg"])
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
