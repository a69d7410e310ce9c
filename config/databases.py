"""Turns one database address into Django's configuration, with the options each server needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# WAL lets readers go on while one writes; IMMEDIATE takes the write lock at BEGIN, so that a
# transaction that read first never fails with "database is locked" when it comes to write.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=134217728;"
        "PRAGMA journal_size_limit=27103364;PRAGMA cache_size=2000;PRAGMA foreign_keys=ON;"
    ),
}


def config(url: str, data_dir: Path, *, pool_size: int = 0, prepare: bool = True) -> dict[str, Any]:
    """Return the `DATABASES` entry of `url`; an empty one is SQLite in `data_dir`."""
    if not url:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = f"sqlite:///{data_dir / 'signet.sqlite3'}"
    database: dict[str, Any] = environ.Env.db_url_config(url)
    engine = database.get("ENGINE", "")
    # Opening a connection costs more than the query it is for.
    database |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
    if engine.endswith("sqlite3"):
        database["OPTIONS"] = SQLITE_OPTIONS
    elif engine.endswith("postgresql"):
        _postgresql(database, pool_size, prepare=prepare)
    elif engine.endswith("mysql"):
        _mariadb(database)
    else:
        raise ImproperlyConfigured("SIGNET_DATABASE_URL must name PostgreSQL, MariaDB or SQLite.")
    return database


def _postgresql(database: dict[str, Any], pool_size: int, *, prepare: bool) -> None:
    database["OPTIONS"] = {"prepare_threshold": 5 if prepare else None, "connect_timeout": 5}
    if pool_size:
        database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
        database["CONN_MAX_AGE"] = 0  # the pool keeps connections, and Django allows one keeper only


def _mariadb(database: dict[str, Any]) -> None:
    import pymysql

    pymysql.install_as_MySQLdb()  # pure Python: a machine without a compiler can use it
    database["OPTIONS"] = {
        "charset": "utf8mb4",
        "connect_timeout": 5,
        "isolation_level": "read committed",
        "sql_mode": "STRICT_TRANS_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO",
    }
    database["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"}
