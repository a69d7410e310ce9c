"""From a request to a running trial: one a group, decided under locks (E21, A21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.errors import SlugTaken
from accounts.models import Account
from accounts.services.accounts import account_create, slug_for
from config.kit.locks import referable
from history.domain.kinds import Kind as EventKind
from licenses import selectors as licenses_selectors
from licenses.domain.enums import Kind, LicenseStatus
from licenses.models import Channel, License
from licenses.services.artifacts import artifact_text
from licenses.services.issuing import license_grant, license_issue
from licenses.services.renewing import license_renew
from licenses.services.signing import Issued
from trials import selectors
from trials.errors import ProgramClosed
from trials.models import Trial, TrialProgram, TrialRequest, TrialUse
from trials.services.events import record_trial
from trials.services.running import engagement_refresh
from trials.services.uses import cooldown_refuse, name_of, names_of, uses_keep, uses_lock


@dataclass(frozen=True, slots=True)
class Granted:
    """The running trial, the text of its license, and whether the trial is new."""

    trial: Trial
    issued: Issued
    created: bool


def account_for(request: TrialRequest, *, actor: str, at: datetime) -> Account:
    """The account of a requester, or a new prospect (A21).

    A typed company name alone attaches to nothing; it only names the new account.
    """
    found = selectors.account_of_request(request)
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
    _demand_open(request.program)
    # the requester first and the account second, always: two requests never wait for each other
    uses = uses_lock(request.program, names_of(request), at)
    account, of_account, running = _standing(request, account_for(request, actor=actor, at=at), at)
    if running is None:
        cooldown_refuse([*uses, *of_account], at)
    granted = _again(running, actor, at) if running else _start(request, account, actor, at)
    uses_keep([*uses, *of_account], granted.trial, at)
    _keep(request, account, granted)
    return granted


def trial_grant_again(*, request: TrialRequest, actor: str, at: datetime) -> Granted | None:
    """Give the requester the trial that runs; None when only an operator may begin one (E21).

    Call inside a transaction. Raises ProgramClosed, TrialCooldown (409).
    """
    _demand_open(request.program)
    uses = uses_lock(request.program, names_of(request), at)
    known = selectors.account_of_request(request)
    if known is None:
        cooldown_refuse(uses, at)
        return None
    account, of_account, running = _standing(request, known, at)
    if running is None:
        cooldown_refuse([*uses, *of_account], at)
        return None
    granted = _again(running, actor, at)
    uses_keep([*uses, *of_account], granted.trial, at)
    _keep(request, account, granted)
    return granted


def _demand_open(program: TrialProgram) -> None:
    if not (program.active and program.plan.active and not program.plan.archived):
        raise ProgramClosed


def _standing(
    request: TrialRequest, account: Account, at: datetime
) -> tuple[Account, list[TrialUse], Trial | None]:
    """The account under its lock, its own uses, and the trial that it is in; what is past its end has ended."""
    account = referable(Account.objects.filter(pk=account.pk)).get()
    uses = uses_lock(request.program, [name_of(account)], at)
    for overdue in selectors.overdue_trials(account, request.program, at):
        engagement_refresh(trial=overdue, at=at)
    return account, uses, selectors.running_trial(account, request.program, at)


def _keep(request: TrialRequest, account: Account, granted: Granted) -> None:
    request.account, request.trial, request.state = account, granted.trial, TrialRequest.State.GRANTED
    request.save(update_fields=["account", "trial", "state"])


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
