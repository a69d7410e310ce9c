"""Reads of programs, requests and trials."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db.models import Max, Min

from accounts.models import Account
from accounts.searching import accounts_of_email
from licenses.domain.enums import LicenseStatus
from licenses.models import Installation, InstallationDay, License, NodeCapEpisode, Product
from trials.domain.addresses import AddressError, read_address
from trials.domain.engagement import Outcome, Paid, Thresholds, TrialFacts
from trials.errors import NoProgram
from trials.models import Trial, TrialProgram, TrialRequest

MOST_ALIKE = 50
"""Accounts whose e-mail contains an address, among which its own is looked for."""


def program_of(product: Product) -> TrialProgram:
    """The program that serves requests which name the product alone. Raises NoProgram."""
    rows = TrialProgram.objects.select_related("product", "plan").filter(product=product, active=True)
    row = rows.order_by("-default", "pk").first()
    if row is None:
        raise NoProgram
    return row


def program_get(slug: str) -> TrialProgram:
    """Raises NoProgram."""
    row = TrialProgram.objects.select_related("product", "plan").filter(slug=slug[:63]).first()
    if row is None:
        raise NoProgram
    return row


def running_trial(account: Account, program: TrialProgram, at: datetime) -> Trial | None:
    """The trial of the program's product that an account is in, whatever program it began under."""
    rows = Trial.objects.select_related("license__account", "license__product", "program")
    open_ = rows.filter(account=account, program__product=program.product_id, ended_at=None)
    return open_.filter(ends_at__gt=at).order_by("pk").first()


def overdue_trials(account: Account, program: TrialProgram, at: datetime) -> list[Trial]:
    """The account's trials of the program's product that are past their end and not ended yet."""
    rows = Trial.objects.filter(account=account, program__product=program.product_id, ended_at=None)
    return list(rows.filter(ends_at__lte=at).order_by("pk"))


def request_by_uid(uid: uuid.UUID) -> TrialRequest | None:
    return (
        TrialRequest.objects.select_related("program__product", "program__plan", "account")
        .filter(uid=uid)
        .first()
    )


def account_of_request(request: TrialRequest) -> Account | None:
    """Whose a request is: the group that was named, the address's, or the company's with this domain (A21)."""
    found = request.account or account_of_address(request.address)
    if found is None and request.address_proven:
        found = account_of_email(request.email, request.address)
    return found or account_of_domain(request.domain)


def account_of_address(address: str) -> Account | None:
    """Whose requests came from this canonical address (A21)."""
    rows = TrialRequest.objects.filter(address=address, account__merged_into=None).exclude(account=None)
    row = rows.select_related("account").order_by("-pk").first()
    return row.account if row else None


def account_of_email(typed: str, address: str) -> Account | None:
    """The only open account with this e-mail address; for whoever has proven that it is his."""
    local, _, domain = typed.rpartition("@")
    plain = f"{local.partition('+')[0]}@{domain}"  # as people type it into an account
    rows = accounts_of_email(typed) | accounts_of_email(address) | accounts_of_email(plain)
    found = rows.filter(merged_into=None).order_by("pk")[:MOST_ALIKE]
    same = [row for row in found if _canonical(row.email) == address]
    return same[0] if len(same) == 1 else None


def _canonical(email: str) -> str:
    try:
        return read_address(email).canonical
    except AddressError:
        return ""


def account_of_domain(domain: str) -> Account | None:
    """The company of a domain of its own; the caller has made sure that it is no free mail."""
    rows = Account.objects.filter(domain=domain, merged_into=None) if domain else Account.objects.none()
    return rows.order_by("pk").first()


def thresholds_of(program: TrialProgram) -> Thresholds:
    """The settings of A19 as the program has them."""
    return Thresholds(
        stuck=timedelta(hours=program.stuck_hours),
        stuck_task=timedelta(days=program.stuck_task_days),
        dormant=timedelta(days=program.dormant_days),
        dormant_paid=timedelta(days=program.dormant_paid_days),
        ready_days=program.ready_days,
        ready_window_days=program.ready_window_days,
    )


def facts_of(trials: Iterable[Trial], at: datetime) -> dict[int, TrialFacts]:
    """What is known of these trials, by their id: three queries, however many there are."""
    rows = list(trials)
    ids = [row.license_id for row in rows]
    installed = Installation.objects.filter(license__in=ids, set_aside_at=None)
    seen = {
        license_id: (first, last)
        for license_id, first, last in installed.values_list("license").annotate(
            Min("first_seen_at"), Max("last_seen_at")
        )
    }
    over = set(
        NodeCapEpisode.objects.filter(installation__in=installed, ended_at=None).values_list(
            "installation__license", flat=True
        )
    )
    days = _beat_days(ids, at.date())
    return {row.pk: _facts(row, seen.get(row.license_id), days.get(row.license_id), over) for row in rows}


def _beat_days(license_ids: list[int], today: date) -> dict[int, set[date]]:
    since = today - timedelta(days=31)
    rows = InstallationDay.objects.filter(installation__license__in=license_ids, day__gte=since)
    found: dict[int, set[date]] = {}
    for license_id, day in rows.values_list("installation__license", "day").distinct():
        found.setdefault(license_id, set()).add(day)
    return found


def _facts(
    row: Trial, seen: tuple[datetime, datetime] | None, days: set[date] | None, over: set[int]
) -> TrialFacts:
    """A license may have served an earlier trial: only what was heard since this one began counts."""
    first, last = seen or (None, None)
    if last is not None and last < row.started_at:
        first = last = None
    if first is not None:
        first = max(first, row.started_at)
    return TrialFacts(
        started_at=row.started_at,
        ends_at=row.ends_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        first_beat_at=first,
        last_beat_at=last,
        beat_days=frozenset(day for day in days or () if day >= row.started_at.date()),
        over_cap=row.license_id in over,
    )


def paid_facts_of(trials: Iterable[Trial], at: datetime) -> dict[int, Paid]:
    """What is known of customers who tried before they bought, by the id of the trial; one query."""
    rows = [row for row in trials if row.ended_at is not None]
    ids = {key for row in rows for key in (row.license_id, row.converted_by_id) if key is not None}
    seen = Installation.objects.filter(license__in=ids, set_aside_at=None).order_by()
    last = dict(seen.values_list("license").annotate(Max("last_seen_at")))
    found = {}
    for row in rows:
        beats = [last[key] for key in (row.license_id, row.converted_by_id) if key in last]
        # since when it counts as converted: later than its end where the purchase was
        found[row.pk] = Paid(row.engagement_at, max(beats, default=None), _holds(row.converted_by, at))
    return found


def _holds(bought: License | None, at: datetime) -> bool:
    if bought is None or bought.status != LicenseStatus.ACTIVE:
        return False
    return bought.expires_at is None or bought.expires_at > at


def trials_of_license(row: License) -> list[Trial]:
    return list(Trial.objects.filter(license=row).order_by("-pk"))
