"""The whole double: accounts by their keys, where webhooks go, and what is to go wrong next."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.stripe_double import sessions
from tests.stripe_double.hooks import Courier
from tests.stripe_double.refusals import Refused, missing
from tests.stripe_double.shapes import shaped
from tests.stripe_double.store import API_VERSION, Clock, Shape, Store

KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{3,}")


@dataclass
class Fault:
    """What to do instead of answering: `status` (0: hang up), how often, for which paths.

    `after`: do the work first, so that only the answer is lost. `html`: the body of a proxy, not of Stripe.
    `seconds`: wait so long before.
    """

    path: str = ""
    method: str = ""
    status: int = 500
    times: int = 1
    after: bool = False
    html: bool = False
    seconds: float = 0.0


@dataclass
class World:
    """What stands behind the HTTP server. Whoever reads or changes it holds `lock`."""

    base: str = ""
    webhook: str = ""
    secret: str = ""
    file: Path | None = None
    clock: Clock = field(default_factory=Clock)
    stores: dict[str, Store] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Shape] = field(default_factory=list)
    held: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)
    courier: Courier = field(default_factory=Courier)
    sent: dict[str, int] = field(default_factory=dict)

    def store(self, key: str) -> Store:
        """The account of a secret key. Raises Refused (401)."""
        if not KEY.fullmatch(key):
            shown = f"{key[:8]}***{key[-4:]}" if len(key) > 16 else "***"
            raise Refused(401, f"Invalid API Key provided: {shown}")
        if key not in self.stores:
            self.stores[key] = Store(key, self.clock)
        return self.stores[key]

    def owner(self, name: str) -> tuple[Store, Shape]:
        """The account that has an object, and the object. Raises Refused (404)."""
        for store in self.stores.values():
            shape = store.find(name)
            if shape is not None:
                return store, shape
        raise missing("object", name)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The first fault that is meant for this request; it counts as used."""
        for fault in self.faults:
            if fault.path in path and fault.method in {"", method}:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def settle(self, *, save: bool = True) -> None:
        """After each change: close what is due, send new events on, write the state down."""
        for store in self.stores.values():
            sessions.expire_due(store)
            events = [*store.tables.get("event", {}).values()]
            fresh = events[self.sent.get(store.key, 0) :]
            self.sent[store.key] = len(events)
            for event in [] if self.held else fresh:
                self._dispatch(store, event)
        if save:
            self._save()

    def _dispatch(self, store: Store, event: Shape) -> None:
        for url, secret, version in self.addresses(store, event["type"]):
            self.courier.send(event["id"], shaped(store, event, version), url, secret)

    def addresses(self, store: Store, kind: str) -> list[tuple[str, str, str]]:
        """Where an event of this type goes: address, secret, API version."""
        found = [(self.webhook, self.secret, API_VERSION)] if self.webhook else []
        return found + [
            (endpoint["url"], endpoint["_secret"], endpoint["api_version"] or API_VERSION)
            for endpoint in store.all("webhook_endpoint", status="enabled")
            if {"*", kind} & set(endpoint["enabled_events"]) and endpoint["url"] != self.webhook
        ]

    def reset(self) -> None:
        """Begin anew; the webhook's address stays."""
        for table in (self.stores, self.faults, self.requests, self.sent):
            table.clear()
        self.clock.offset, self.clock.standing, self.held = 0.0, None, False
        self.courier.forget()

    def load(self) -> None:
        if self.file is None or not self.file.exists():
            return
        kept: dict[str, Any] = json.loads(self.file.read_text())
        for key, tables in kept.items():
            store = self.store(key)
            store.tables = tables
            self.sent[key] = len(tables.get("event", {}))

    def _save(self) -> None:
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({key: store.tables for key, store in self.stores.items()}))
        fresh.replace(self.file)
