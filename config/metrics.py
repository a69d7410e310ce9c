"""Prometheus metrics: those that the code counts, and gauges read from rows when somebody asks.

Counters live in the process that counts. With several web processes set PROMETHEUS_MULTIPROC_DIR to an
empty folder before they start: each writes its counters there, and any of them answers for all. The
gauges come from the database and are the same whichever process answers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import structlog
from django.db import DatabaseError, models
from django.db.models import Count
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.models import IdempotentRequest
from config.heartbeat import beat_age
from config.kit.clock import now
from history.models import Checkpoint, Event, ParkedEvent, Reader, TreeHead
from licenses.models import License, SigningKey
from notifications.models import Message
from notifications.selectors.messages import messages_failed

FRESH_SECONDS = 15.0
"""How long a reading of the gauges serves: however often one asks, the database is read once in this time."""

log = structlog.get_logger(__name__)
Rows = Iterable[tuple[tuple[str, ...], float]]


def _by(model: type[models.Model], *fields: str) -> Rows:
    rows = model._default_manager.order_by().values_list(*fields).annotate(n=Count("pk"))
    return [(tuple(map(str, row[:-1])), float(row[-1])) for row in rows]


def _single(value: float | None) -> Rows:
    return [] if value is None else [((), float(value))]


def _head() -> TreeHead:
    return TreeHead.objects.filter(pk=TreeHead.ONLY).first() or TreeHead()


def _waiting() -> Rows:
    # Events above the greatest one that is in the tree: exact but for those of transactions that committed
    # late, which would cost a look through the whole table.
    return _single(Event.objects.filter(id__gt=_head().last_id).count())


def _lag() -> Rows:
    size = _head().size
    return [((reader.name,), float(max(size - reader.position, 0))) for reader in Reader.objects.all()]


def _checkpoint_size() -> Rows:
    last = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first()
    return _single(last or 0)


def _beat() -> Rows:
    age = beat_age(at=now())
    return _single(None if age is None else age.total_seconds())


def _parked() -> Rows:
    rows = ParkedEvent.objects.filter(state=ParkedEvent.State.PARKED).order_by()
    return [((name,), float(n)) for name, n in rows.values_list("reader").annotate(n=Count("pk"))]


def _mail() -> Rows:
    waiting = Message.objects.filter(due_at__isnull=False).count()
    return [
        (("waiting",), float(waiting)),
        (("failed",), float(messages_failed(at=now()).order_by().count())),
    ]


GAUGES: tuple[tuple[str, str, tuple[str, ...], Callable[[], Rows]], ...] = (
    ("signet_licenses", "Licenses", ("status",), partial(_by, License, "status")),
    ("signet_signing_keys", "Keys", ("algorithm", "state"), partial(_by, SigningKey, "algorithm", "state")),
    ("signet_history_size", "Events in the tree", (), lambda: _single(_head().size)),
    ("signet_history_waiting", "Events that wait for their place in the tree", (), _waiting),
    ("signet_history_checkpoint_size", "Events under the last signed checkpoint", (), _checkpoint_size),
    ("signet_history_reader_lag", "Events that a reader has not read", ("reader",), _lag),
    ("signet_history_parked", "Events that a reader gave up on", ("reader",), _parked),
    ("signet_beat_age_seconds", "Seconds since the last tick of beat ran in a worker", (), _beat),
    ("signet_mail", "Messages that wait, and that failed and wait for a person", ("state",), _mail),
    ("signet_idempotent_requests", "Kept answers", (), lambda: _single(IdempotentRequest.objects.count())),
)


class RowGauges(Collector):
    """The gauges, read at most once in FRESH_SECONDS. `signet_database_up` says whether they could be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._metrics: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._metrics = self._read()
                self._read_at = time.monotonic()
            found = self._metrics
        yield from found

    def forget(self) -> None:
        """Read anew next time."""
        self._read_at = float("-inf")

    def _read(self) -> list[Metric]:
        found: list[Metric] = []
        up = 1.0
        try:
            found = [self._family(*row) for row in GAUGES]
        except DatabaseError as error:
            log.warning("metrics_without_database", error=repr(error))
            up = 0.0
        return [*found, GaugeMetricFamily("signet_database_up", "Whether the gauges could be read", value=up)]

    def _family(self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Rows]) -> Metric:
        family = GaugeMetricFamily(name, text, labels=labels)
        for values, number in read():
            family.add_metric(values, number)
        return family


gauges = RowGauges()


def render(accept: str) -> tuple[bytes, str]:
    """Return body and content type of the metrics, in the format that the Accept header asks for."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # prometheus_client types it in part
    else:
        registry.register(_Existing())
    registry.register(gauges)
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no version
        encode, content_type = choose_encoder("")
    return encode(registry), content_type


class _Existing(Collector):
    """What the process-wide registry holds."""

    def collect(self) -> Iterable[Metric]:
        return REGISTRY.collect()
