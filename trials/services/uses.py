"""Who has had a trial, and until when no other follows: one cooldown for all programs of a product (E21)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Account
from config.kit.locks import locked
from trials.errors import TrialCooldown
from trials.models import Trial, TrialProgram, TrialRequest, TrialUse


def subject_hash(program_pk: int, name: str) -> str:
    """Keyed hash of an address or company domain: outlives the account and tells nobody who it was."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, f"trial-use:{program_pk}:{name}".encode(), hashlib.sha256).hexdigest()


def names_of(request: TrialRequest) -> list[str]:
    """Under which names a request counts: its address, and its company's domain."""
    return [f"address:{request.address}", *([f"domain:{request.domain}"] if request.domain else [])]


def name_of(account: Account) -> str:
    return f"account:{account.customer_id}"


def uses_lock(program: TrialProgram, names: Iterable[str], at: datetime) -> list[TrialUse]:
    """The rows of these names under every program of the product, made if need be, under their locks.

    Always in one order, so that requests under two programs of a product wait for each other, not forever.
    """
    programs, wanted = _programs(program), set(names)
    rows = [
        TrialUse(program_id=pk, subject_sha256=subject_hash(pk, name), until=at, used_at=at)
        for pk in programs
        for name in wanted
    ]
    rows.sort(key=lambda row: (row.program_id, row.subject_sha256))
    TrialUse.objects.bulk_create(rows, ignore_conflicts=True)
    return _locked(_uses(programs, wanted))


def uses_of_trial(trial: Trial) -> list[TrialUse]:
    """The rows that stand for a trial, under their locks. Ask before the trial itself is locked."""
    names = {name for request in trial.requests.all() for name in names_of(request)}
    return _locked(_uses([trial.program_id], {*names, name_of(trial.account)}))


def uses_keep(uses: Iterable[TrialUse], trial: Trial, at: datetime) -> None:
    """Let the cooldown of a trial run from its end; what is under other programs stays."""
    until = trial.ends_at + timedelta(days=trial.program.cooldown_days)
    for row in uses:
        if row.program_id == trial.program_id and row.until < until:
            row.until, row.used_at = until, at
            row.save(update_fields=["until", "used_at"])


def cooldown_refuse(uses: Iterable[TrialUse], at: datetime) -> None:
    """Raises TrialCooldown."""
    until = max(row.until for row in uses)
    if until > at:
        raise TrialCooldown(until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))


def cooldown_end(request: TrialRequest, account: Account | None, at: datetime) -> datetime | None:
    """Until when a request would be refused, for a page that says so; None when it would not."""
    names = {*names_of(request), *([name_of(account)] if account else [])}
    latest = _uses(_programs(request.program), names).filter(until__gt=at).order_by("-until").first()
    return latest.until if latest else None


def _programs(program: TrialProgram) -> list[int]:
    return list(TrialProgram.objects.filter(product=program.product_id).values_list("pk", flat=True))


def _uses(programs: Iterable[int], names: Iterable[str]) -> QuerySet[TrialUse]:
    wanted = list(programs)
    subjects = [subject_hash(pk, name) for pk in wanted for name in names]
    return TrialUse.objects.filter(program__in=wanted, subject_sha256__in=subjects)


def _locked(rows: QuerySet[TrialUse]) -> list[TrialUse]:
    return list(locked(rows.order_by("program_id", "subject_sha256")))
