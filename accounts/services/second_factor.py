"""The second factor of staff: set up, asked for, replaced by a recovery code, taken away.

The tables of django-otp keep secrets and recovery codes in clear and read the clock themselves. Ours keep the
secret sealed and the recovery codes as hashes; of the library we use the arithmetic (`accounts.codes`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from accounts import codes
from accounts.errors import CodeRefused, NoSecondFactor, TooManyCodes
from accounts.models import RecoveryCode, SecondFactor, User
from config.kit import actors
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.sealing import reseal, seal, unseal
from history.services import record


def factor_enrol(
    *, user: User, secret: bytes, code: str, actor: str, at: datetime
) -> tuple[SecondFactor, list[str]]:
    """Make an app the user's second factor, once a code has proved it; return it and its recovery codes.

    The codes are shown this once. An app that the user had before counts no more, nor do its codes. Raises
    Invalid at `code`, SealingKeyMissing (503).
    """
    step = codes.step_of(secret, code, at=at)
    if step is None:
        detail = "The app shows another code at this moment. Check the clock of your device."
        raise Invalid([FieldError("code", "wrong_code", detail)])
    with transaction.atomic():
        if locked(User.objects.filter(pk=user.pk)).first() is None:
            raise NotFound
        replaced = SecondFactor.objects.filter(user=user).delete()[0] > 0
        factor = SecondFactor.objects.create(
            user=user, secret_sealed=seal(secret), last_step=step, created_at=at
        )
        texts = _codes_make(factor)
        _record("second_factor.added", user, {"replaced": replaced}, actor, at)
    return factor, texts


def recovery_codes_renew(*, user: User, actor: str, at: datetime) -> list[str]:
    """Make ten new recovery codes; the old ones work no more. Raises NoSecondFactor (409)."""
    with transaction.atomic():
        factor = _locked(user)
        factor.codes.all().delete()
        texts = _codes_make(factor)
        _record("recovery_codes.created", user, {"count": len(texts)}, actor, at)
    return texts


def factor_verify(*, user: User, code: str, at: datetime) -> SecondFactor:
    """Take a code of the app, or a recovery code, for this user. No code is taken twice.

    Wrong ones cost time: after the third, nothing is tried for a while that doubles each time. Raises
    CodeRefused, TooManyCodes (429), NoSecondFactor (409), SealingKeyMissing (503).
    """
    with transaction.atomic():
        factor = _locked(user)
        _refuse_while_waiting(factor, at)
        accepted = _take(factor, user, code, at)
        if accepted:
            factor.failures, factor.failed_at = 0, None
        else:  # committed, though it is refused below: the next try must know
            factor.failures, factor.failed_at = min(factor.failures + 1, 1000), at
        factor.save(update_fields=["last_step", "failures", "failed_at"])
    if not accepted:
        raise CodeRefused
    return factor


def factor_remove(*, user: User, actor: str, at: datetime) -> None:
    """Take a user's second factor away, with its recovery codes. Raises NoSecondFactor (409)."""
    with transaction.atomic():
        _locked(user).delete()
        _record("second_factor.removed", user, {"own": actor == actors.user(user)}, actor, at)


def secrets_reseal() -> int:
    """Seal every secret again under the first key-encryption key; return how many."""
    with transaction.atomic():
        rows = list(locked(SecondFactor.objects.order_by("pk")))
        for row in rows:
            row.secret_sealed = reseal(bytes(row.secret_sealed))
            row.save(update_fields=["secret_sealed"])
    return len(rows)


def _take(factor: SecondFactor, user: User, code: str, at: datetime) -> bool:
    if codes.is_app_code(code):
        step = codes.step_of(unseal(bytes(factor.secret_sealed)), code, at=at, after=factor.last_step)
        factor.last_step = factor.last_step if step is None else step
        return step is not None
    unused = factor.codes.filter(used_at=None)
    if not unused.filter(code_sha256=codes.recovery_hash(code)).update(used_at=at):
        return False
    _record("second_factor.used", user, {"codes_left": unused.count()}, actors.user(user), at)
    return True


def _refuse_while_waiting(factor: SecondFactor, at: datetime) -> None:
    if factor.failed_at is None:
        return
    left = factor.failed_at + codes.wait_after(factor.failures) - at
    if left > timedelta():
        seconds = int(left.total_seconds()) + 1
        raise TooManyCodes(f"Too many wrong codes. Try again in {_span(seconds)}.", retry_after=seconds)


def _span(seconds: int) -> str:
    minute = 60
    if seconds <= minute:
        return f"{seconds} seconds"
    return f"{-(-seconds // minute)} minutes"


def _codes_make(factor: SecondFactor) -> list[str]:
    texts = codes.recovery_codes_new()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, code_sha256=codes.recovery_hash(text)) for text in texts
    )
    return texts


def _locked(user: User) -> SecondFactor:
    factor = locked(SecondFactor.objects.filter(user=user)).first()
    if factor is None:
        raise NoSecondFactor
    return factor


def _record(kind: str, user: User, data: dict[str, object], actor: str, at: datetime) -> None:
    record(kind=kind, subject=f"user:{user.pk}", actor=actor, data=data, at=at)
