"""Trials that ended and nobody saw to, in the morning mail of staff (B17, D13)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.admin.digests import _consequences, _notes
from notifications.models import Message
from notifications.parts import parts_unseal
from notifications.services.digest_runs import digest_preview, digest_run
from tests.trials.conftest import ask, make_program, program, running
from trials.services.evidence.daily import evidence_tend
from trials.services.running import trial_sweep

__all__ = ["ask", "make_program", "program", "running"]  # fixtures
pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(running):
    """A trial past its end, with its drafts; the license of it is out of every list by now."""
    at = running.ends_at + timedelta(hours=1)
    trial_sweep(at=at)
    evidence_tend(at=at)
    return running


@pytest.fixture
def mail(ended, make_digest):
    """The mail of so many days after the end; None when there is none."""

    def make(days, **fields):
        at = ended.ends_at + timedelta(days=days, hours=2)
        digest = make_digest(created_at=at - timedelta(hours=3), days_ahead=1, **fields)
        digest_run(digest=digest, day=at.date(), actor="cli:test", at=at)
        return Message.objects.filter(template="expiry_digest").first()

    return make


def test_follow_ups_that_are_late_make_a_digest_with_the_lists_behind_the_numbers(mail):
    """B17: also on a day without a license in it."""
    told = mail(4)
    assert "1 trial follow-up late" in told.subject
    parts = parts_unseal(bytes(told.parts))
    for text in (parts.text, parts.html.replace("&amp;", "&")):
        assert "/admin/trials/evidencepackage/silent/" in text
        assert "/admin/trials/evidencepackage/?stage__exact=follow_up&standing=blocked" in text
    assert "* 1 expired without a follow-up, or blocked for more than 3 days" in parts.text
    assert "* 1 follow-up blocked, all together" in parts.text


def test_what_is_blocked_and_not_late_makes_no_mail_of_its_own(mail):
    assert mail(2) is None


def test_a_digest_that_leaves_trials_out_says_nothing_of_them(mail):
    """D14: kinds included."""
    assert mail(4, kinds=["commercial"], weekdays=list(range(7))) is None


def test_the_page_promises_the_mail_that_is_sent(ended, make_digest):
    """D14: follow-ups alone make a digest, and the page does not deny it."""
    at = ended.ends_at + timedelta(days=4, hours=2)
    digest = make_digest(created_at=at - timedelta(hours=3), days_ahead=1)
    says = " ".join(_consequences(digest, at.date(), at))
    assert "no mail is sent" not in says
    assert "1 trial follow-up late" in says
    shown = digest_preview(digest=digest, day=at.date(), at=at)
    assert not any("no mail" in note for note in _notes(digest, shown))
