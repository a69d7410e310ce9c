"""The settings of digests."""

from __future__ import annotations

import pytest

from config.kit.errors import Invalid
from history.models import Event
from notifications.models import ExpiryDigest
from notifications.services.digests import default_digest_ensure, digest_create, digest_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def create(at):
    """Return a maker of digests: `create(hour=8)`."""

    def make(**fields):
        return digest_create(**{"name": "Daily", "actor": "cli:test", "at": at, **fields})

    return make


@pytest.fixture
def update(at):
    def change(digest, **fields):
        return digest_update(digest=digest, actor="cli:test", at=at, **fields)

    return change


def test_a_digest_has_the_defaults_of_the_requirements(create):
    """D14: thirty days before expiry, enabled, every kind, without internal licenses."""
    digest = create()

    assert (digest.enabled, digest.days_ahead, digest.include_internal, digest.send_empty) == (
        True, 30, False, False,
    )  # fmt: skip
    assert digest.kinds == ["commercial", "trial", "test"]


def test_the_history_says_what_changed_and_names_nobody(create, update):
    """An event holds names of fields and counts, never an address."""
    digest = update(create(), hour=9, recipients=["ada@signet.example"])

    event = Event.objects.latest("pk")
    assert (event.kind, event.subject) == ("setting.changed", f"digest:{digest.pk}")
    assert event.data == {"fields": ["hour", "recipients"], "enabled": True, "recipients": 1}


def test_a_change_that_changes_nothing_is_no_event(create, update):
    digest = create(hour=9)
    before = Event.objects.count()

    update(digest, hour=9)

    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hour", 24),
        ("hour", -1),
        ("hour", True),
        ("hour", "7"),
        ("days_ahead", 366),
        ("days_ahead", -1),
        ("zone", "Europe/Atlantis"),
        ("zone", ""),
        ("weekdays", []),
        ("weekdays", [7]),
        ("kinds", []),
        ("kinds", ["commercial", "gift"]),
        ("recipients", ["ada"]),
        ("recipients", ["ada@signet.example\nBcc: eve@evil.example"]),
        ("recipients", [f"ada{number}@signet.example" for number in range(51)]),
        ("name", " "),
        ("name", "x" * 101),
    ],
)
def test_nonsense_is_refused_at_its_field(create, update, field, value):
    """D14: each setting says what it takes."""
    digest = create()

    with pytest.raises(Invalid) as refused:
        update(digest, **{field: value})

    assert {error.field for error in refused.value.errors} == {field}
    assert ExpiryDigest.objects.get() == digest


def test_a_refused_digest_is_not_there(create):
    with pytest.raises(Invalid):
        create(zone="Mars/Base")

    assert not ExpiryDigest.objects.exists()


def test_names_are_taken_once(create):
    create()

    with pytest.raises(Invalid, match="already"):
        create()


def test_a_setting_that_is_none_is_refused(create):
    with pytest.raises(Invalid, match="cannot be set"):
        create(created_at=None)


def test_recipients_are_kept_once_and_tidy(create):
    digest = create(recipients=[" ada@signet.example", "", "ADA@signet.example", "bob@signet.example"])

    assert digest.recipients == ["ada@signet.example", "bob@signet.example"]


def test_kinds_and_days_are_kept_in_order(create):
    digest = create(kinds=["test", "commercial", "test"], weekdays=[4, 0, 4])

    assert (digest.kinds, digest.weekdays) == (["commercial", "test"], [0, 4])


def test_an_installation_begins_with_one_digest(at):
    """D13: there without anybody having to think of it; nobody receives it until somebody is named."""
    made = default_digest_ensure(recipients=(), actor="cli:test", at=at)

    assert made is not None
    assert (made.enabled, made.recipients) == (True, [])
    assert default_digest_ensure(recipients=("ada@signet.example",), actor="cli:test", at=at) is None
