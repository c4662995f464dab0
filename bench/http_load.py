"""Loads the example services with wrk, in turns, and prints what they reach.

Needs wrk, and a server in DATABASE_URL, in which it works in a schema of its own that is dropped afterwards. Called by
`scripts/bench http`, which provides both. No error is allowed: not one refused or lost request.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
START_TIMEOUT_S = 20
USERS = 10_000
SCHEMA = "copg_bench_http"
# Name in the table, program, options.
SERVICES = [
    ("Beast, 1 thread", "http_beast", ["--threads", "1"]),
    ("Beast, 2 threads", "http_beast", ["--threads", "2"]),
    ("httplib, {connections} threads", "http_httplib", ["--threads", "{connections}"]),
]


@dataclass
class Run:
    rps: float
    p50_us: int
    p99_us: int
    cpu_us: float  # of the service, per request
    errors: dict[str, int]  # kind (connect, read, write, status, timeout) and count


def cpu_s(pid: int) -> float:
    """Processor time of a process and its threads so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime (proc(5))


def wrk(url: str, arguments: argparse.Namespace, seconds: int) -> dict[str, Any]:
    command = [
        "wrk",
        "--threads",
        "1",
        "--connections",
        str(arguments.connections),
        "--duration",
        f"{seconds}s",
        "--script",
        str(HERE / "http_load.lua"),
        url,
    ]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + START_TIMEOUT_S,
        env=os.environ | {"COPG_BENCH_USERS": str(USERS)},
    )
    if ran.returncode != 0:
        raise RuntimeError(f"wrk failed: {ran.stdout}{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def measure(program: str, options: list[str], url: str, arguments: argparse.Namespace) -> Run:
    """One service, started, loaded, ended."""
    command = [str(arguments.bin / program), "--port", "0", "--pool-size", str(arguments.pool_size), *options]
    environment = os.environ | {"DATABASE_URL": url}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as service:
        try:
            word, _, where = (service.stdout.readline() if service.stdout else "").rpartition(" ")
            if word != "listening on":
                raise RuntimeError(f"{program} did not start")
            wrk(where.strip(), arguments, 1)  # connects, prepares statements, fills caches
            before = cpu_s(service.pid)
            result = wrk(where.strip(), arguments, arguments.seconds)
            cpu = cpu_s(service.pid) - before
        finally:
            service.terminate()
        if service.wait() != 0:
            raise RuntimeError(f"{program} ended with {service.returncode}")
    requests = max(result["requests"], 1)
    return Run(
        result["requests"] / result["duration_us"] * 1e6,
        result["p50_us"],
        result["p99_us"],
        cpu / requests * 1e6,
        result["errors"],
    )


def sql(arguments: argparse.Namespace, *statements: str) -> None:
    for statement in statements:
        subprocess.run([str(arguments.bin / "copg"), "exec", statement], check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where the programs are")
    parser.add_argument("--seconds", type=int, default=5, help="of each run (5)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each service; the table has the median (3)")
    parser.add_argument("--connections", type=int, default=64, help="HTTP clients, each on a connection (64)")
    parser.add_argument("--pool-size", type=int, default=10, help="connections to the database (10)")
    arguments = parser.parse_args()
    base = os.environ["DATABASE_URL"]
    url = f"{base}{'&' if '?' in base else '?'}search_path={SCHEMA}"
    services = [
        (name.format(**vars(arguments)), program, [option.format(**vars(arguments)) for option in options])
        for name, program, options in SERVICES
    ]

    sql(
        arguments,
        f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
        f"CREATE SCHEMA {SCHEMA}",
        f"CREATE TABLE {SCHEMA}.users (id bigint PRIMARY KEY, name text NOT NULL, email text)",
        f"INSERT INTO {SCHEMA}.users SELECT n, 'user ' || n, 'user' || n || '@example.org'"
        f" FROM generate_series(1, {USERS}) n",
        f"ANALYZE {SCHEMA}.users",
    )
    runs: dict[str, list[Run]] = {name: [] for name, _, _ in services}
    try:
        for _ in range(arguments.rounds):  # in turns: what else the machine does hits all alike
            for name, program, options in services:
                runs[name].append(measure(program, options, url, arguments))
    finally:
        sql(arguments, f"DROP SCHEMA {SCHEMA} CASCADE")

    print(
        f"GET /users/N: {arguments.connections} clients, {arguments.pool_size} connections to the database, "
        f"{arguments.rounds} runs of {arguments.seconds} s each, medians (least to most requests/s)"
    )
    header = ("service", "requests/s", "(range)", "p50 ms", "p99 ms", "CPU us/req", "errors")
    print("{:<22} {:>10} {:>17} {:>8} {:>8} {:>10}  {}".format(*header))
    for name, results in runs.items():
        rps, p50, p99, cpu = (
            statistics.median(getattr(run, value) for run in results) for value in ("rps", "p50_us", "p99_us", "cpu_us")
        )
        rates = [run.rps for run in results]
        errors = [f"{kind}: {count}" for run in results for kind, count in run.errors.items()]
        print(
            f"{name:<22} {rps:>10,.0f} {f'({min(rates):,.0f}-{max(rates):,.0f})':>17} "
            f"{p50 / 1e3:>8.2f} {p99 / 1e3:>8.2f} {cpu:>10.1f}  {', '.join(errors) or 'none'}"
        )
    return 1 if any(run.errors for results in runs.values() for run in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f"bench/http_load.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
