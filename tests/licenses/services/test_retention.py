"""Texts of ended trials go, their records stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from history.models import Event
from licenses.models import Issuance
from licenses.services.retention import artifacts_expire

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def ended(make_license, trial, issue):
    """A trial license with two kept texts, and the instant from which they are removed."""
    row = make_license(trial)
    issue(row)
    issue(row)
    return row, row.expires_at + 30 * DAY


def kept() -> int:
    return Issuance.objects.filter(artifact__isnull=False).count()


def test_texts_of_a_trial_go_thirty_days_after_its_end(ended):
    """E34: keep days 30; the issuance history stays."""
    _row, then = ended
    assert artifacts_expire(at=then - timedelta(seconds=1)) == 0
    assert kept() == 2
    assert artifacts_expire(at=then) == 1
    assert (kept(), Issuance.objects.count()) == (0, 2)
    assert all(issuance.text_sha256 for issuance in Issuance.objects.all())
    assert Event.objects.get(kind="trial.erased").data == {"texts": 2}


def test_a_second_run_removes_nothing(ended):
    artifacts_expire(at=ended[1])
    assert artifacts_expire(at=ended[1] + DAY) == 0
    assert Event.objects.filter(kind="trial.erased").count() == 1


@pytest.mark.parametrize(("every_kind", "left"), [(False, 1), (True, 0)])
def test_other_licenses_are_left_alone_unless_asked(granted, settings, every_kind, left):
    """E34: trials only by default."""
    settings.RETENTION_ALL_KINDS = every_kind
    artifacts_expire(at=granted.license.expires_at + 31 * DAY)
    assert kept() == left


def test_the_days_are_a_setting(ended, settings):
    settings.TRIAL_KEEP_DAYS = 5
    assert artifacts_expire(at=ended[1] - 25 * DAY) == 1
