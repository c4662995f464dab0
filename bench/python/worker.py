"""One run of one contender, in a process of its own, ended with one line of JSON. Started by run.py.

usage: worker.py SCENARIO CONTENDER threads|tasks SECONDS POOL_SIZE
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import importlib
import json
import os
import sys
from typing import Any

import load
import round_trips
import scenarios
import statements


def warm_up_s(seconds: float) -> float:
    """Connects, prepares statements, fills caches."""
    return min(0.5, seconds / 3)


def measure_threads(scenario: scenarios.Scenario, client: Any, seconds: float) -> load.Measurement:
    call = call_of(scenario, client)
    options = {"calls_per_time": scenario.calls_per_time, "items": scenario.items}
    load.by_threads(call, scenario.callers, warm_up_s(seconds), **options)
    gc.collect()
    return load.by_threads(call, scenario.callers, seconds, **options)


async def measure_tasks(scenario: scenarios.Scenario, client: Any, seconds: float) -> load.Measurement:
    await client.open()
    call = call_of(scenario, client)
    await load.by_tasks(call, scenario.callers, warm_up_s(seconds), scenario.items)
    gc.collect()
    measured = await load.by_tasks(call, scenario.callers, seconds, scenario.items)
    await client.close()
    return measured


def call_of(scenario: scenarios.Scenario, client: Any) -> Any:
    method = getattr(client, scenario.method)
    if scenario.method == "fetch_rows":
        return lambda _number: method()
    if scenario.method == "insert_rows":
        rows = statements.many_rows()
        return lambda _number: method(rows)
    return method


def main() -> None:
    name, contender_name, kind, seconds, size = sys.argv[1:]
    url = os.environ["DATABASE_URL"]
    contender = scenarios.Contender(contender_name, tasks=kind == "tasks")
    module, class_name = contender.client
    client_class = getattr(importlib.import_module(module), class_name)
    if name == scenarios.TRIPS:
        count = round_trips.of_tasks if contender.tasks else round_trips.of_threads
        print(json.dumps(count(client_class, url)))
        return
    scenario = scenarios.named(name)
    if scenario.method == "insert_rows":
        statements.empty_added(url)
    client = client_class(url, int(size))
    if contender.tasks:
        measured = asyncio.run(measure_tasks(scenario, client, float(seconds)))
    else:
        measured = measure_threads(scenario, client, float(seconds))
        client.close()
    print(json.dumps(dataclasses.asdict(measured)))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
