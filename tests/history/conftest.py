"""A little history to work with."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from history.domain.kinds import Kind
from history.models import Event
from history.services import checkpoint, feed, record, sequence
from history.triggers import without_protection


@pytest.fixture(autouse=True)
def _only_the_readers_of_the_test(monkeypatch):
    """Other apps follow the history, too; what they do is their tests' matter."""
    monkeypatch.setattr(feed, "_subscriptions", {})


@pytest.fixture
def happen(at):
    """Records events, each about a license of its own, and commits them."""

    def happen(count=1, **facts) -> list[Event]:
        event = {
            "kind": Kind.LICENSE_ISSUED,
            "account": "C-ACME",
            "actor": "user:1",
            "data": {"seats": 10},
            "at": at,
        }
        with transaction.atomic():
            return [record(**({"subject": f"license:L-{number}"} | event | facts)) for number in range(count)]

    return happen


@pytest.fixture
def history_of(happen, at):
    """Makes a history of so many sequenced events under a signed checkpoint; returns the checkpoint."""

    def history_of(count):
        happen(count)
        sequence(at=at)
        return checkpoint(at=at)

    return history_of


@pytest.fixture
def tamper():
    """Runs SQL as somebody would who owns the database and takes its triggers away first."""

    def tamper(*statements):
        # A test's transaction holds deferred constraints back: SQLite would not notice, PostgreSQL would
        # refuse to drop a trigger while they wait.
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with without_protection(connection):
                for statement in statements:
                    cursor.execute(statement)

    return tamper
