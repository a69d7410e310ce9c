"""The state machine of a license: active and suspended go both ways, revoked is final (C25, A27)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from licenses.domain.enums import LicenseStatus
from licenses.domain.errors import DomainError


class Command(StrEnum):
    """What can be asked of a license."""

    ISSUE = "issue"
    REISSUE = "reissue"
    RENEW = "renew"
    CHANGE = "change"
    ACTIVATE = "activate"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a command: refused with ``code``, or allowed with the state that follows.

    Allowed with a ``code`` (``already_revoked`` …) means that nothing is left to do: the caller writes
    nothing and says so.
    """

    allowed: bool
    status: LicenseStatus
    code: str | None = None

    @property
    def changes(self) -> bool:
        """Whether the status is to be written."""
        return self.allowed and self.code is None


class TransitionError(DomainError):
    """A command that the state of the license does not allow."""


_ACTIVE, _SUSPENDED, _REVOKED = LicenseStatus.ACTIVE, LicenseStatus.SUSPENDED, LicenseStatus.REVOKED


def _goes(status: LicenseStatus) -> Decision:
    return Decision(True, status)


def _idle(status: LicenseStatus, code: str) -> Decision:
    return Decision(True, status, code)


def _refuses(status: LicenseStatus, code: str) -> Decision:
    return Decision(False, status, code)


_ON_SUSPENDED: Final = _refuses(_SUSPENDED, "license_suspended")
_ON_REVOKED: Final = _refuses(_REVOKED, "license_revoked")

TABLE: Final[Mapping[Command, Mapping[LicenseStatus, Decision]]] = {
    # Signing anything for a suspended license would outlive the suspension offline.
    Command.ISSUE: {_ACTIVE: _goes(_ACTIVE), _SUSPENDED: _ON_SUSPENDED, _REVOKED: _ON_REVOKED},
    Command.REISSUE: {_ACTIVE: _goes(_ACTIVE), _SUSPENDED: _ON_SUSPENDED, _REVOKED: _ON_REVOKED},
    Command.RENEW: {_ACTIVE: _goes(_ACTIVE), _SUSPENDED: _ON_SUSPENDED, _REVOKED: _ON_REVOKED},
    Command.ACTIVATE: {_ACTIVE: _goes(_ACTIVE), _SUSPENDED: _ON_SUSPENDED, _REVOKED: _ON_REVOKED},
    Command.CHANGE: {_ACTIVE: _goes(_ACTIVE), _SUSPENDED: _goes(_SUSPENDED), _REVOKED: _ON_REVOKED},
    Command.SUSPEND: {
        _ACTIVE: _goes(_SUSPENDED),
        _SUSPENDED: _idle(_SUSPENDED, "already_suspended"),
        _REVOKED: _ON_REVOKED,
    },
    Command.REINSTATE: {
        _ACTIVE: _idle(_ACTIVE, "already_active"),
        _SUSPENDED: _goes(_ACTIVE),
        _REVOKED: _ON_REVOKED,
    },
    Command.REVOKE: {
        _ACTIVE: _goes(_REVOKED),
        _SUSPENDED: _goes(_REVOKED),
        _REVOKED: _idle(_REVOKED, "already_revoked"),
    },
}


def decide(status: LicenseStatus, command: Command) -> Decision:
    """What ``command`` does to a license in ``status``: one look into the table."""
    return TABLE[Command(command)][LicenseStatus(status)]


def require(status: LicenseStatus, command: Command) -> Decision:
    """As ``decide``; raises TransitionError with the code when the command is refused."""
    decision = decide(status, command)
    if not decision.allowed:
        raise TransitionError(decision.code or "", f"a {status} license cannot {command}")
    return decision
