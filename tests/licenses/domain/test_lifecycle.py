from __future__ import annotations

import pytest

from licenses.domain.enums import LicenseStatus
from licenses.domain.lifecycle import TABLE, Command, TransitionError, decide, require

ACTIVE, SUSPENDED, REVOKED = LicenseStatus


def test_the_table_answers_every_command_in_every_state():
    assert {(command, status) for command, row in TABLE.items() for status in row} == {
        (command, status) for command in Command for status in LicenseStatus
    }


@pytest.mark.parametrize(
    ("status", "command", "after"),
    [
        (ACTIVE, Command.SUSPEND, SUSPENDED),
        (SUSPENDED, Command.REINSTATE, ACTIVE),
        (ACTIVE, Command.REVOKE, REVOKED),
        (SUSPENDED, Command.REVOKE, REVOKED),
        (ACTIVE, Command.ISSUE, ACTIVE),
        (ACTIVE, Command.RENEW, ACTIVE),
        (SUSPENDED, Command.CHANGE, SUSPENDED),
    ],
)
def test_a_command_leads_to_its_state(status, command, after):
    """C25: suspended is reversible, revoked is terminal, un-suspend restores."""
    decision = require(status, command)
    assert (decision.changes, decision.status, decision.code) == (True, after, None)


@pytest.mark.parametrize(
    ("status", "command", "code"),
    [
        (REVOKED, Command.REVOKE, "already_revoked"),
        (SUSPENDED, Command.SUSPEND, "already_suspended"),
        (ACTIVE, Command.REINSTATE, "already_active"),
    ],
)
def test_doing_it_again_changes_nothing(status, command, code):
    """C25: revoke after revoke changes nothing."""
    decision = require(status, command)
    assert (decision.allowed, decision.changes, decision.status, decision.code) == (True, False, status, code)


@pytest.mark.parametrize("command", [command for command in Command if command is not Command.REVOKE])
def test_revoked_is_final(command):
    """A27: issue and renew then fail with license_revoked."""
    with pytest.raises(TransitionError) as refused:
        require(REVOKED, command)
    assert refused.value.reason == "license_revoked"
    assert decide(REVOKED, command).status is REVOKED


@pytest.mark.parametrize("command", [Command.ISSUE, Command.REISSUE, Command.RENEW, Command.ACTIVATE])
def test_nothing_is_signed_while_suspended(command):
    """C25: what is signed now would outlive the suspension offline."""
    with pytest.raises(TransitionError) as refused:
        require(SUSPENDED, command)
    assert refused.value.reason == "license_suspended"
