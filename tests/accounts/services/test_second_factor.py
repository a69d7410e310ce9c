"""The second factor of staff: set up, asked for, recovered, removed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from accounts import codes
from accounts.errors import CodeRefused, NoSecondFactor, TooManyCodes
from accounts.models import RecoveryCode, SecondFactor
from accounts.services.second_factor import (
    factor_enrol,
    factor_remove,
    factor_verify,
    recovery_codes_renew,
    secrets_reseal,
)
from config.kit.errors import Invalid
from config.kit.sealing import SealingKeyMissing
from history.models import Event

pytestmark = pytest.mark.django_db
SECRET = b"12345678901234567890"


@pytest.fixture
def enrol(issuer, at):
    def do(secret=SECRET, when=at):
        code = codes.code_at(secret, when)
        return factor_enrol(user=issuer, secret=secret, code=code, actor=f"user:{issuer.pk}", at=when)

    return do


def code(at, *, later: int = 0):
    return codes.code_at(SECRET, at + timedelta(seconds=later))


def test_enrolling_keeps_the_secret_sealed_and_the_codes_as_hashes(enrol, issuer):
    """D15: nothing in the table lets anybody make a code."""
    factor, texts = enrol()
    assert SECRET not in bytes(factor.secret_sealed)
    assert len(texts) == 10
    assert set(RecoveryCode.objects.values_list("code_sha256", flat=True)) == set(
        map(codes.recovery_hash, texts)
    )
    event = Event.objects.get(kind="second_factor.added")
    assert (event.subject, event.data) == (f"user:{issuer.pk}", {"replaced": False})


def test_an_app_that_shows_another_code_is_not_taken(issuer, at):
    with pytest.raises(Invalid) as refused:
        factor_enrol(user=issuer, secret=SECRET, code="000000", actor="cli:test", at=at)
    assert refused.value.errors[0].field == "code"
    assert not SecondFactor.objects.exists()


def test_a_code_is_taken_once(enrol, issuer, at):
    """D15: a replay is refused, and so is the code that enrolled."""
    enrol()
    with pytest.raises(CodeRefused):
        factor_verify(user=issuer, code=code(at), at=at)
    later = at + timedelta(seconds=30)
    assert factor_verify(user=issuer, code=code(later), at=later).user_id == issuer.pk
    with pytest.raises(CodeRefused):
        factor_verify(user=issuer, code=code(later), at=later + timedelta(seconds=1))


def test_another_user_s_code_is_refused(enrol, make_user, at):
    enrol()
    other = make_user("support")
    with pytest.raises(NoSecondFactor):
        factor_verify(user=other, code=code(at, later=30), at=at)


def test_wrong_codes_cost_time_even_when_the_next_is_right(enrol, issuer, at):
    """D15: throttled. The refusal is committed, for it stands in the row."""
    enrol()
    for _ in range(3):
        with pytest.raises(CodeRefused):
            factor_verify(user=issuer, code="000000", at=at)
    with pytest.raises(TooManyCodes) as refused:
        factor_verify(user=issuer, code=code(at, later=30), at=at)
    assert refused.value.retry_after == 3
    later = at + timedelta(seconds=30)
    assert factor_verify(user=issuer, code=code(later), at=later).failures == 0


def test_a_recovery_code_works_once_and_leaves_an_event(enrol, issuer, at):
    """D15: the lost device."""
    _, texts = enrol()
    factor_verify(user=issuer, code=texts[0].upper(), at=at)
    event = Event.objects.get(kind="second_factor.used")
    assert (event.actor, event.data) == (f"user:{issuer.pk}", {"codes_left": 9})
    with pytest.raises(CodeRefused):
        factor_verify(user=issuer, code=texts[0], at=at)


@pytest.mark.parametrize("typed", ["", "aaaa-aaaa-aaaa-aaaa", "\x00", "\ud800", "x" * 5000])
def test_nonsense_is_refused_as_a_wrong_code(enrol, issuer, at, typed):
    enrol()
    with pytest.raises(CodeRefused):
        factor_verify(user=issuer, code=typed, at=at)


def test_a_new_app_ends_the_old_one_and_its_codes(enrol, issuer, at):
    old, texts = enrol()
    new, _ = enrol(secret=b"another secret here!", when=at + timedelta(hours=1))
    assert SecondFactor.objects.get().pk == new.pk != old.pk
    with pytest.raises(CodeRefused):
        factor_verify(user=issuer, code=texts[0], at=at)
    assert Event.objects.filter(kind="second_factor.added").latest("id").data == {"replaced": True}


def test_new_recovery_codes_end_the_old_ones(enrol, issuer, at):
    _, texts = enrol()
    fresh = recovery_codes_renew(user=issuer, actor=f"user:{issuer.pk}", at=at)
    with pytest.raises(CodeRefused):
        factor_verify(user=issuer, code=texts[1], at=at)
    factor_verify(user=issuer, code=fresh[1], at=at)
    assert Event.objects.filter(kind="recovery_codes.created").count() == 1


def test_removing_says_whose_hand_it_was(enrol, issuer, superadmin, at):
    """D15: a superadmin removes another's factor."""
    enrol()
    factor_remove(user=issuer, actor=f"user:{superadmin.pk}", at=at)
    assert Event.objects.get(kind="second_factor.removed").data == {"own": False}
    with pytest.raises(NoSecondFactor):
        factor_remove(user=issuer, actor=f"user:{superadmin.pk}", at=at)


def test_without_the_sealing_key_nothing_is_judged(enrol, issuer, at, settings):
    enrol()
    settings.KEY_ENCRYPTION_KEYS = ["b3RoZXIta2V5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGU="]
    with pytest.raises(SealingKeyMissing), transaction.atomic():
        factor_verify(user=issuer, code=code(at, later=30), at=at)


def test_secrets_are_sealed_again_under_a_new_key(enrol, issuer, at, settings):
    enrol()
    old = settings.KEY_ENCRYPTION_KEYS
    settings.KEY_ENCRYPTION_KEYS = ["b3RoZXIta2V5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGU=", *old]
    assert secrets_reseal() == 1
    settings.KEY_ENCRYPTION_KEYS = settings.KEY_ENCRYPTION_KEYS[:1]
    assert factor_verify(user=issuer, code=code(at, later=30), at=at)
