"""`manage.py second_factor`: the way out for who is locked out."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import SecondFactor
from history.models import Event

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("second_factor", *words, stdout=out)
    return out.getvalue()


def test_it_says_who_has_one(signed_in, issuer, auditor):
    signed_in(issuer)
    lines = run("list").splitlines()
    assert f"{auditor.email}: none" in lines
    assert any(line.startswith(f"{issuer.email}: since ") for line in lines)


def test_it_takes_one_away_and_history_tells_whose_hand_it_was(signed_in, superadmin):
    """D15: removing for a locked-out admin."""
    signed_in(superadmin)
    assert "is removed" in run("remove", superadmin.email.upper())
    assert not SecondFactor.objects.exists()
    assert Event.objects.get(kind="second_factor.removed").actor.startswith("cli:")


@pytest.mark.parametrize("email", ["nobody@signet.example", "superadmin@signet.example"])
def test_it_refuses_in_a_sentence(superadmin, email):
    with pytest.raises(CommandError, match=r"There is no user|has no second factor"):
        run("remove", email)
