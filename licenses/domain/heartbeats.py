"""Heartbeats (A17, A18): what an installation may tell, and what it is told back.

The list of members is closed: counts and the shape of a deployment, never a host name, an address, a person
or a text of the customer's. What does not fit is refused whole.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from licenses.domain.enums import LicenseStatus, NodeCapState, Posture
from licenses.domain.posture import PostureView

LARGEST: Final = 2**31 - 1
MOST_SIGNALS: Final = 20
HOUR: Final = 3600
PER_HOUR: Final = 60
"""Beats of one license that are accepted in an hour (C24)."""

_INSTALL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")
_VERSION = re.compile(r"v?[0-9][A-Za-z0-9.+-]{0,62}")
_SYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9 ._+()/-]{0,63}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SIGNAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")
MEMBERS: Final = frozenset(
    {"install_id", "version", "os", "nodes", "operator_node_cap", "seats_used", "signals"}
)
SIGNAL_TYPES: Final = ("granted", "cleared", "denied", "posture_changed")
_SIGNAL_MEMBERS: Final = frozenset({"id", "type", "reason", "limit", "used", "from", "to"})


class HeartbeatError(ValueError):
    """A body that is not a heartbeat; `field` is a dotted path, `code` is stable."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.code, self.detail = field, code, detail


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happened at the customer's side since the last beat (A13); `id` is said once."""

    id: str
    type: str
    reason: str = ""
    limit: int | None = None
    used: int | None = None
    before: str = ""
    after: str = ""

    def data(self) -> dict[str, Any]:
        """What history keeps of it: words of closed lists and counts."""
        said = {"reason": self.reason, "limit": self.limit, "used": self.used}
        said |= {"from": self.before, "to": self.after}
        return {name: value for name, value in said.items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat. `nodes` in use; `operator_node_cap` a lower cap of the customer's own (None: none)."""

    install_id: str
    version: str
    operating_system: str
    nodes: int
    operator_node_cap: int | None = None
    seats_used: int | None = None
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the customer's own operators: stable `code`, `level` info, warning or error, a sentence."""

    code: str
    level: str
    text: str


def read_beat(body: object) -> Beat:
    """A heartbeat from decoded JSON. Raises HeartbeatError for any other member, type or range (A18)."""
    if not isinstance(body, Mapping):
        raise HeartbeatError("", "not_an_object", "A heartbeat is an object.")
    unknown = sorted(str(name) for name in body.keys() - MEMBERS)
    if unknown:
        raise HeartbeatError(unknown[0], "unknown_field", "A heartbeat has no such member.")
    signals = body.get("signals", [])
    if not isinstance(signals, list) or len(signals) > MOST_SIGNALS:
        raise HeartbeatError("signals", "invalid", f"A list of at most {MOST_SIGNALS} signals.")
    return Beat(
        install_id=_text(body, "install_id", _INSTALL_ID, "8 to 64 letters, digits, hyphens, underscores."),
        version=_text(body, "version", _VERSION, "A version such as 2.4.1, 63 characters at most."),
        operating_system=_text(body, "os", _SYSTEM, "A system such as Linux 6.1, 64 characters at most."),
        nodes=_count(body, "nodes"),
        operator_node_cap=_optional(body, "operator_node_cap"),
        seats_used=_optional(body, "seats_used"),
        signals=tuple(_signal(signal, number) for number, signal in enumerate(signals)),
    )


def _signal(body: object, number: int) -> Signal:
    where = f"signals.{number}"
    if not isinstance(body, Mapping):
        raise HeartbeatError(where, "not_an_object", "A signal is an object.")
    unknown = sorted(str(name) for name in body.keys() - _SIGNAL_MEMBERS)
    if unknown:
        raise HeartbeatError(f"{where}.{unknown[0]}", "unknown_field", "A signal has no such member.")
    kind = body.get("type")
    if kind not in SIGNAL_TYPES:
        raise HeartbeatError(f"{where}.type", "invalid", f"One of {', '.join(SIGNAL_TYPES)}.")
    try:
        return Signal(
            id=_text(body, "id", _SIGNAL_ID, "8 to 64 letters, digits, hyphens, underscores."),
            type=str(kind),
            reason=_text(body, "reason", _CODE, "A code in lower case, 40 characters at most.", missing=""),
            limit=_optional(body, "limit"),
            used=_optional(body, "used"),
            before=_posture(body, "from"),
            after=_posture(body, "to"),
        )
    except HeartbeatError as error:
        raise HeartbeatError(f"{where}.{error.field}", error.code, error.detail) from error


def _text(
    body: Mapping[str, Any], name: str, pattern: re.Pattern[str], detail: str, *, missing: str | None = None
) -> str:
    value = body.get(name, missing)
    if value is None:
        raise HeartbeatError(name, "required", "This is needed.")
    if isinstance(value, str) and ((value == "" and missing == "") or pattern.fullmatch(value)):
        return value
    raise HeartbeatError(name, "invalid", detail)


def _count(body: Mapping[str, Any], name: str) -> int:
    if name not in body:
        raise HeartbeatError(name, "required", "This is needed.")
    value = body[name]
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise HeartbeatError(name, "invalid", "A whole number, 0 or more.")
    return value


def _optional(body: Mapping[str, Any], name: str) -> int | None:
    return None if body.get(name) is None else _count(body, name)


def _posture(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or value not in {posture.value for posture in Posture}:
        raise HeartbeatError(name, "invalid", "A posture.")
    return value


def next_beat_seconds(install_id: str, installations: int) -> int:
    """How long to wait before the next beat: an hour, longer where many share one license.

    So many that all of them stay within `PER_HOUR` together, with up to a tenth more by install id, so that
    installations that were started together do not beat together.
    """
    base = max(HOUR, 2 * installations * HOUR // PER_HOUR)
    return base + zlib.crc32(install_id.encode()) % (base // 10)


def notices(
    view: PostureView, status: LicenseStatus, node_cap: NodeCapState, *, cap: int, nodes: int, current: bool
) -> Iterator[Notice]:
    """What the customer's operators should read, the gravest first. Overage is said, never punished (A15)."""
    if status is not LicenseStatus.ACTIVE:
        yield Notice(f"license_{status}", "error", f"This license is {status}. Please contact your vendor.")
    elif view.posture is Posture.READ_ONLY:
        yield Notice("license_read_only", "error", "The license has expired: protected writes are stopped.")
    elif view.posture is Posture.GRACE:
        yield Notice(
            "license_in_grace", "warning", f"The license has expired; writes pass until {_day(view)}."
        )
    elif view.posture is Posture.WARNING:
        yield Notice("license_expiring", "warning", f"The license expires in {view.days_left} days.")
    over = f"{nodes} nodes run under a license for {cap}."
    if node_cap is NodeCapState.ESCALATED:
        yield Notice("node_cap_escalated", "warning", f"{over} Please talk to us about a larger license.")
    elif node_cap is NodeCapState.NOTICE:
        yield Notice("node_cap_notice", "info", f"{over} Your deployment is outgrowing its license.")
    if not current:
        yield Notice(
            "license_superseded", "info", "A newer key of this license was issued; install that one."
        )


def _day(view: PostureView) -> str:
    until: datetime | None = view.grace_until
    return until.strftime("%Y-%m-%d %H:%M UTC") if until else "further notice"
