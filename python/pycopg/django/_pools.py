"""The pools of this process: one for each database and its settings, made when it is first used."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import NO_DB_ALIAS

from ..config import Config
from ..connection import Connection
from ..pool import PooledDatabase

# What Django decides itself.
_DJANGOS = {"config", "open", "autocommit", "row_factory"}
_NAMES = inspect.signature(PooledDatabase).parameters.keys() - _DJANGOS
_CALL_TIMEOUT = "call_timeout"
_PATIENCE_S = 0.5  # with the database `postgres`, which not everybody may connect to

_lock = threading.Lock()
_pools: dict[str, dict[str, PooledDatabase]] = {}  # by alias and settings
_closings = 0  # how often pools were closed
_KNOWN = "_pycopg_pool"  # an attribute of a DatabaseWrapper: its pool, and the settings that this belongs to


def options_of(given: Any) -> dict[str, Any]:
    """`OPTIONS["pool"]` as a dict: True, False and None mean the defaults. ImproperlyConfigured names what is wrong."""
    if given is None or isinstance(given, bool):
        return {}
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"OPTIONS['pool'] is True or a dict of options, not {type(given).__name__}")
    for name in given:
        if name not in _NAMES and name != _CALL_TIMEOUT:
            raise ImproperlyConfigured(
                f"OPTIONS['pool'] has {name!r}, which is no option of pycopg's PooledDatabase, or one that Django sets"
            )
    return dict(given)


def call_timeout_of(given: Any) -> float:
    """The seconds that a call on a leased connection may take. Without the option: any time."""
    limit = options_of(given).get(_CALL_TIMEOUT)
    return math.inf if limit is None else float(limit)


def pool_of(wrapper: Any) -> PooledDatabase:
    """The pool of a DatabaseWrapper, for its alias and its settings of this moment."""
    known = wrapper.__dict__.get(_KNOWN)
    seen = (_closings, wrapper.alias, wrapper.settings_dict, wrapper.timezone_name, wrapper.timezone)
    if known is None or known[0] != seen:
        # The number first: if pools are closed meanwhile, the next lease looks again.
        seen = (_closings, wrapper.alias, _copied(wrapper.settings_dict), wrapper.timezone_name, wrapper.timezone)
        known = wrapper.__dict__[_KNOWN] = (seen, _looked_up(wrapper))
    pool: PooledDatabase = known[1]
    return pool


def _copied(settings: Any) -> Any:
    """Settings, whose dicts and lists may be changed in place, as tests do."""
    if isinstance(settings, dict):
        return {name: _copied(value) for name, value in settings.items()}
    return [_copied(value) for value in settings] if isinstance(settings, list) else settings


def _looked_up(wrapper: Any) -> PooledDatabase:
    given = wrapper.settings_dict["OPTIONS"].get("pool")
    parameters = wrapper.get_connection_params()
    role = wrapper.settings_dict["OPTIONS"].get("assume_role")
    key = repr((sorted(parameters.items()), given, role, wrapper.timezone_name, wrapper.timezone, type(wrapper)))
    pool = _pools.get(wrapper.alias, {}).get(key)
    if pool is None:
        with _lock:
            pools = _pools.setdefault(wrapper.alias, {})
            pool = pools.get(key)
            if pool is None:
                if wrapper.settings_dict.get("CONN_MAX_AGE", 0) != 0:
                    raise ImproperlyConfigured(
                        "Pooling doesn't support persistent connections. Leave CONN_MAX_AGE at 0: the pool keeps them."
                    )
                pool = pools[key] = _made(wrapper, parameters, options_of(given))
    return pool


def close_pools(alias: str) -> None:
    """Closes the pools of a database. Connections that are leased go on until they are given back."""
    global _closings
    with _lock:
        pools = _pools.pop(alias, {})
        _closings += 1
    for pool in pools.values():
        if pool.stats["leased"] == 0:
            pool.close()
        else:
            pool.resize(min_size=0, max_size=pool.stats["pool_max"])
            pool.drain()


def _made(wrapper: Any, parameters: dict[str, Any], options: dict[str, Any]) -> PooledDatabase:
    options.pop(_CALL_TIMEOUT, None)
    options = {"min_size": 0, "name": wrapper.alias, "origin_skip": ("django", "asgiref"), **options}
    if wrapper.alias == NO_DB_ALIAS:  # Django tries another database if this one can't be had
        options.update(min_size=0, min_idle=0, outage_patience=_PATIENCE_S)
    # One of its own: a pool that kept the wrapper of a thread would keep its lease.
    settings = {**wrapper.settings_dict, "OPTIONS": {**wrapper.settings_dict["OPTIONS"]}}
    own = type(wrapper)(settings, wrapper.alias)
    own.timezone_name = wrapper.timezone_name
    users = options.get("configure")

    def configure(connection: Connection) -> None:
        own._configure_connection(connection)
        if users is not None:
            users(connection)

    options["configure"] = configure
    return PooledDatabase(config_of(parameters), **options)


def config_of(parameters: Mapping[str, Any]) -> Config:
    """Of libpq's keywords. What is not given comes from the environment, a service file or libpq, as Django has it."""
    keywords = {name: str(value) for name, value in parameters.items() if value is not None}
    return Config(host="", port=0, database="", user="", options=keywords)
