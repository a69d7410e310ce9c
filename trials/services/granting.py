"""From a request to a running trial: one a group, decided under locks (E21, A21)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.errors import SlugTaken
from accounts.models import Account
from accounts.services.accounts import account_create, slug_for
from config.kit.locks import locked, referable
from history.domain.kinds import Kind as EventKind
from licenses import selectors as licenses_selectors
from licenses.domain.enums import Kind, LicenseStatus
from licenses.models import Channel, License
from licenses.services.artifacts import artifact_text
from licenses.services.issuing import license_grant, license_issue
from licenses.services.renewing import license_renew
from licenses.services.signing import Issued
from trials import selectors
from trials.errors import ProgramClosed, TrialCooldown
from trials.models import Trial, TrialProgram, TrialRequest, TrialUse
from trials.services.events import record_trial


@dataclass(frozen=True, slots=True)
class Granted:
    """The running trial, the text of its license, and whether the trial is new."""

    trial: Trial
    issued: Issued
    created: bool


def subject_hash(program: TrialProgram, name: str) -> str:
    """Keyed hash of an address or company domain: outlives the account and tells nobody who it was."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, f"trial-use:{program.pk}:{name}".encode(), hashlib.sha256).hexdigest()


def subjects_of(request: TrialRequest) -> list[str]:
    """Under which hashes a request counts: its address, and its company's domain."""
    names = [f"address:{request.address}", *([f"domain:{request.domain}"] if request.domain else [])]
    return [subject_hash(request.program, name) for name in names]


def account_for(request: TrialRequest, *, actor: str, at: datetime) -> Account:
    """The account of a requester: by the address, by the company's own domain, or a new prospect (A21).

    A typed company name alone attaches to nothing; it only names the new account.
    """
    found = request.account or selectors.account_of_address(request.address)
    found = found or selectors.account_of_domain(request.domain)
    if found is not None:
        return found
    name = request.company or request.name or request.address.partition("@")[0]
    slug = slug_for(Account(name=name))
    own = f"{slug[:54].rstrip('-')}-{request.uid.hex[-8:]}"  # for the second company of this name
    given: dict[str, Any] = {
        "name": name,
        "email": request.email,
        "domain": request.domain,
        "actor": actor,
        "at": at,
    }
    if Account.objects.filter(slug=slug).exists():
        return account_create(slug=own, **given)
    try:
        return account_create(slug=slug, **given)
    except SlugTaken:
        return account_create(slug=own, **given)


def trial_grant(*, request: TrialRequest, actor: str, at: datetime) -> Granted:
    """Give the requester a trial: the one that runs, or a new one. Call inside a transaction.

    Raises ProgramClosed, TrialCooldown (409). Parallel requests of one group wait for each other: the row
    of each subject is locked, in one order, before anything is decided.
    """
    program = request.program
    if not (program.active and program.plan.active and not program.plan.archived):
        raise ProgramClosed
    # the requester first and the account second, always: two requests never wait for each other
    uses = _lock(program, subjects_of(request), at)
    account = account_for(request, actor=actor, at=at)
    account = referable(Account.objects.filter(pk=account.pk)).get()
    uses |= _lock(program, [subject_hash(program, f"account:{account.customer_id}")], at)
    running = selectors.running_trial(account, program, at)
    if running is None:
        _refuse_in_cooldown(uses.values(), at)
    granted = _again(running, actor, at) if running else _start(request, account, actor, at)
    _keep_uses(uses.values(), granted.trial, at)
    request.account, request.trial, request.state = account, granted.trial, TrialRequest.State.GRANTED
    request.save(update_fields=["account", "trial", "state"])
    return granted


def _lock(program: TrialProgram, subjects: Iterable[str], at: datetime) -> dict[str, TrialUse]:
    """The rows of these subjects, made if need be, under their locks."""
    wanted = sorted(subjects)
    TrialUse.objects.bulk_create(
        [TrialUse(program=program, subject_sha256=subject, until=at, used_at=at) for subject in wanted],
        ignore_conflicts=True,
    )
    rows = TrialUse.objects.filter(program=program, subject_sha256__in=wanted).order_by("subject_sha256")
    return {row.subject_sha256: row for row in locked(rows)}


def _refuse_in_cooldown(uses: Iterable[TrialUse], at: datetime) -> None:
    until = max(row.until for row in uses)
    if until > at:
        raise TrialCooldown(until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _keep_uses(uses: Iterable[TrialUse], trial: Trial, at: datetime) -> None:
    until = trial.ends_at + timedelta(days=trial.program.cooldown_days)
    for row in uses:
        if row.until < until:
            row.until, row.used_at = until, at
            row.save(update_fields=["until", "used_at"])


def _again(trial: Trial, actor: str, at: datetime) -> Granted:
    """The trial that runs, with its newest text: signed anew only when that was not kept."""
    latest = licenses_selectors.latest_issuance(trial.license)
    if latest is not None and latest.artifact is not None:
        return Granted(
            trial, Issued(latest, artifact_text(issuance=latest, actor=actor, at=at)), created=False
        )
    issued = license_issue(license=trial.license, persist=True, channel=Channel.TRIAL, actor=actor, at=at)
    return Granted(trial, issued, created=False)


def _start(request: TrialRequest, account: Account, actor: str, at: datetime) -> Granted:
    program = request.program
    license, issued = _license(program, account, actor, at)  # noqa: A001 - the word of the vocabulary
    assert license.expires_at is not None  # noqa: S101 - a trial has an end
    trial = Trial(
        program=program,
        account=account,
        license=license,
        email=request.email,
        name=request.name,
        owner=account.owner,
        started_at=at,
        engagement_at=at,
        engagement_due_at=at + timedelta(hours=program.stuck_hours),
        first_touch=request.first_touch,
        last_touch=request.last_touch,
        created_at=at,
    )
    trial.place_end(license.expires_at)
    trial.save(force_insert=True)
    record_trial(
        EventKind.TRIAL_STARTED, trial, {"request": str(request.uid), "ends_at": trial.ends_at.isoformat()},
        actor=actor, at=at,
    )  # fmt: skip
    return Granted(trial, issued, created=True)


def _license(program: TrialProgram, account: Account, actor: str, at: datetime) -> tuple[License, Issued]:
    """The customer's license row for this program, prolonged; a new one where there is none to prolong."""
    earlier = Trial.objects.filter(account=account, program=program).order_by("-pk").first()
    row = License.objects.with_relations().filter(pk=earlier.license_id).first() if earlier else None
    if row is not None and row.status == LicenseStatus.ACTIVE and row.expires_at is not None:
        renewed = license_renew(
            license=row, until=_end(program, at), reason="another trial", persist=True,
            channel=Channel.TRIAL, actor=actor, at=at,
        )  # fmt: skip
        return renewed.issued.issuance.license, renewed.issued
    terms = {
        "edition": program.edition, "seats": program.seats, "nodes": program.nodes,
        "expires_at": _end(program, at),
    }  # fmt: skip
    granted = license_grant(
        account=account, plan=program.plan, terms=terms, kind=Kind.TRIAL, origin=License.Origin.TRIAL,
        persist=True, channel=Channel.TRIAL, actor=actor, at=at,
    )  # fmt: skip
    return granted.license, granted.issued


def _end(program: TrialProgram, at: datetime) -> datetime:
    return at.replace(microsecond=0) + timedelta(days=program.duration_days)


def trial_grant_now(*, request: TrialRequest, actor: str, at: datetime) -> Granted:
    """As `trial_grant`, in a transaction of its own."""
    with transaction.atomic():
        return trial_grant(request=request, actor=actor, at=at)
