"""A kombu transport over `config.broker.store`: direct, topic and fanout exchanges, no server.

Transport options:

* ``path`` (needed): the database file.
* ``polling_interval``: seconds between looks for work, 0.1.
* ``sweep_interval``: seconds between looks for processes that died, 2.
* ``message_retention``: seconds after which a message that nobody took is dropped, 14 days.
* ``temporary_queue_length``: messages that a reply, control or event queue keeps, 1,000.

There is no visibility timeout. A message that was taken stays with the process that took it for as
long as that process lives, however long the task runs or waits for its time, and comes back within a
sweep when it died. So a task is never run twice because it was slow, and a process that hangs keeps
its messages until somebody ends it. Acknowledged late, a task whose worker is killed runs again:
tasks must be safe to run twice. Higher priorities go first, as in AMQP (and unlike Redis).

All processes must be on one machine: WAL needs shared memory.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import base, virtual
from kombu.utils.json import dumps, loads

from config.broker.store import Store, store_at

DAY = 86_400.0


class QoS(virtual.QoS):
    """What this channel's consumers hold. Delivery tags are the store's message numbers."""

    channel: Channel
    _delivered: OrderedDict[str, Any]
    _dirty: set[str]

    def ack(self, delivery_tag: str) -> None:
        self.channel.store.acknowledge(int(delivery_tag))
        super().ack(delivery_tag)
        self._make_room()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        # Marked first: once released it may come straight back to this channel under the same tag.
        super().ack(delivery_tag)
        if requeue:
            self.channel.store.release([int(delivery_tag)])
        else:
            self.channel.store.acknowledge(int(delivery_tag))
        self._make_room()

    def _make_room(self) -> None:
        # Acknowledged from another thread while the consumer waits because its prefetch is used up.
        transport: Any = self.channel.connection
        if transport is not None:
            transport.stirred.set()

    def restore_unacked(self) -> None:
        """Give back what was taken and not acknowledged."""
        held = [int(tag) for tag in list(self._delivered) if tag not in self._dirty]
        self._delivered.clear()
        if held:
            self.channel.store.release(held)

    def restore_unacked_once(self, stderr: object = None) -> None:
        self.restore_unacked()


class Channel(virtual.Channel):
    """One kombu channel; all channels of a process share one `Store`."""

    QoS = QoS
    supports_fanout = True

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        given = connection.client.transport_options
        self._path = Path(given["path"]).absolute()
        self._retention = float(given.get("message_retention", 14 * DAY))
        self._max_length = int(given.get("temporary_queue_length", 1000))
        self._sweep_interval = float(given.get("sweep_interval", 2.0))
        self._swept_at = float("-inf")
        self._unacknowledged: set[str] = set()
        self._temporary: set[str] = set()

    @property
    def store(self) -> Store:
        """Asked for each time, because a fork makes the earlier one unusable."""
        return store_at(self._path, retention=self._retention, max_length=self._max_length)

    def prepare_queue_arguments(self, arguments: dict[str, Any] | None, **options: Any) -> dict[str, Any]:
        prepared: dict[str, Any] = base.to_rabbitmq_queue_arguments(arguments or {}, **options)  # type: ignore[attr-defined] # not in the stubs
        return prepared

    def _new_queue(self, queue: str, **options: Any) -> None:
        milliseconds = (options.get("arguments") or {}).get("x-message-ttl")
        temporary = bool(options.get("exclusive") or options.get("auto_delete"))
        if temporary:
            self._temporary.add(queue)
        ttl = None if milliseconds is None else milliseconds / 1000
        self.store.declare(queue, temporary=temporary, ttl=ttl)

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return self.store.has_queue(queue)

    def _size(self, queue: str) -> int:
        return self.store.size(queue)

    def _purge(self, queue: str) -> int:
        return self.store.purge(queue)

    def queue_delete(self, queue: str, *_: object, if_empty: bool = False, **__: object) -> None:
        """Delete `queue` with everything in it."""
        if not (if_empty and self._size(queue)):
            self._temporary.discard(queue)
            self.store.delete(queue)

    def queue_bind(
        self, queue: str, exchange: str | None = None, routing_key: str = "", arguments: Any = None, **_: Any
    ) -> None:
        """Let `queue` receive what `exchange` routes to it, for every process."""
        self.store.bind(*self._binding(queue, exchange, routing_key, arguments))

    def queue_unbind(
        self, queue: str, exchange: str | None = None, routing_key: str = "", arguments: Any = None, **_: Any
    ) -> None:
        """Undo `queue_bind`."""
        self.store.unbind(*self._binding(queue, exchange, routing_key, arguments))

    def _binding(
        self, queue: str, exchange: str | None, routing_key: str, arguments: Any
    ) -> tuple[str, str, str, str]:
        exchange = exchange or "amq.direct"
        kind: Any = self.typeof(exchange)
        key, pattern, _queue = kind.prepare_bind(queue, exchange, routing_key, arguments)
        return exchange, key or "", pattern or "", queue

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        return self.store.bindings(exchange)

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        if not self._put_all([queue], message) and not message["properties"]["delivery_info"]["exchange"]:
            # Sent to a queue by its name: it is waited for, so it comes into being.
            self.store.declare(queue)
            self._put_all([queue], message)

    def _put_fanout(self, exchange: str, message: dict[str, Any], *_: Any, **__: Any) -> None:
        self._put_all(sorted({queue for _, _, queue in self.get_table(exchange)}), message)

    def _put_all(self, queues: list[str], message: dict[str, Any]) -> int:
        if not queues:
            return 0
        expiration = message["properties"].get("expiration")
        return self.store.put(
            queues,
            dumps(message),
            urgency=self._get_message_priority(message, reverse=True),
            ttl=None if expiration is None else float(expiration) / 1000,
            at=time.time(),
        )

    def basic_consume(self, queue: str, no_ack: bool, *arguments: Any, **options: Any) -> Any:  # noqa: FBT001 - kombu's signature
        """Consume from `queue`; without acknowledgements a message is gone when it is taken."""
        (self._unacknowledged.add if no_ack else self._unacknowledged.discard)(queue)
        return super().basic_consume(queue, no_ack, *arguments, **options)

    def basic_get(self, queue: str, no_ack: bool = False, **_: Any) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        raw = self._take(queue, keep=not no_ack)
        if raw is None:
            return None
        message = self.Message(raw, channel=self)
        if not no_ack:
            self.qos.append(message, raw["properties"]["delivery_tag"])
        return message

    def _get(self, queue: str, *_: Any, **__: Any) -> dict[str, Any]:
        self._sweep_when_due()
        raw = self._take(queue, keep=queue not in self._unacknowledged)
        if raw is None:
            raise Empty
        return raw

    def _take(self, queue: str, *, keep: bool) -> dict[str, Any] | None:
        taken = self.store.take(queue, at=time.time(), keep=keep)
        if taken is None:
            return None
        message: dict[str, Any] = loads(taken.body)
        message["properties"]["delivery_tag"] = str(taken.id)
        if taken.redelivered:
            message["properties"]["delivery_info"]["redelivered"] = True
        return message

    def _sweep_when_due(self) -> None:
        if time.monotonic() - self._swept_at >= self._sweep_interval:
            self._swept_at = time.monotonic()
            self.store.sweep(time.time())

    def close(self) -> None:
        """Give back what is held and drop the temporary queues made here."""
        if not self.closed:
            super().close()
            self.store.delete_own(sorted(self._temporary))


class Transport(virtual.Transport):
    """What kombu finds under ``signet-sqlite://``."""

    Channel = Channel
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct", "topic", "fanout"]))
    default_port = 0
    driver_type = "sqlite"
    driver_name = "sqlite3"
    polling_interval = 0.1
    # A file that stayed locked beyond the store's patience is tried again, as a lost server would be.
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.OperationalError)

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self.stirred = threading.Event()

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """Deliver one message; raises `TimeoutError` after `timeout` seconds without one.

        Unlike kombu's own this does not sleep out the polling interval once there is room for more work.
        """
        cycle: Any = self.cycle
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self.stirred.clear()
            try:
                cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = self.polling_interval if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError from None
                self.stirred.wait(min(left, self.polling_interval))
            else:
                return

    @property
    def default_connection_params(self) -> dict[str, Any]:
        """Nothing: there is no host to name, nor to warn about when it is missing."""
        return {}

    def driver_version(self) -> str:
        return sqlite3.sqlite_version
