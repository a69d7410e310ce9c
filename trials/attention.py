"""Trials and requests that wait for a person: sources of "Needs attention" (A19, E21)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from trials.domain.evidence.words import StageName
from trials.evidence_lists import LATE_DAYS, doors_open, follow_ups_late
from trials.models import Trial, TrialRequest
from trials.services.evidence.drafting import trials_without_follow_up

MANAGE = "trials.manage_trial"
APPROVE = "trials.approve_trial"
DAY = timedelta(days=1)


def register() -> None:
    """Called once, when the app starts."""
    for source in (REQUESTS, TRIALS, EVIDENCE, DOORS):
        source_register(source)


def _requests(_at: datetime) -> Iterator[Problem]:
    """Requests for an operator's word, the newest first."""
    rows = TrialRequest.objects.select_related("program").filter(state=TrialRequest.State.WAITING)
    for row in rows.order_by("-pk").iterator(chunk_size=100):
        yield Problem(
            key=f"{row.pk}",
            title=f"{row.email} asks for a trial",
            cause=f"{row.program.name}: approve it, ask for more, or decline it.",
            since=row.created_at,
            url=page_of(row),
            retryable=False,
        )


REQUESTS = Source(
    name="trial-requests",
    title="Requests for a trial",
    find=_requests,
    permissions=(APPROVE,),
    manage=APPROVE,
    lasting=True,
    url=lambda: (
        reverse("admin:trials_trialrequest_changelist") + f"?state__exact={TrialRequest.State.WAITING}"
    ),
)

CAUSES = {
    Trial.Attention.STUCK: "It began {days} days ago, and its installation was never heard. Ask what is in the way.",
    Trial.Attention.DORMANT_PAID: "It led to a purchase, and nothing was heard for weeks. Ask how they get on.",
}


def _trials(at: datetime) -> Iterator[Problem]:
    """Trials that are stuck for long, and customers that fell silent; one problem for each spell."""
    rows = Trial.objects.select_related("account", "program").exclude(attention="")
    for row in rows.order_by("-pk").iterator(chunk_size=100):
        since = row.attention_at
        yield Problem(
            key=f"{row.pk}-{row.attention}-{int(since.timestamp()) if since else 0}",
            title=f"{row.account.name}: {row.program.name}",
            cause=CAUSES[Trial.Attention(row.attention)].format(days=(at - row.started_at).days),
            since=since,
            url=page_of(row),
            retryable=False,
        )


TRIALS = Source(
    name="trials",
    title="Trials and customers gone silent",
    find=_trials,
    permissions=(MANAGE,),
    manage=MANAGE,
    url=lambda: reverse("admin:trials_trial_board"),
)

EDIT = "trials.edit_evidence"


def _evidence(at: datetime) -> Iterator[Problem]:
    """Follow-ups that are blocked for days, and trials that the daily job left without one (B17)."""
    for late in follow_ups_late(at).iterator(chunk_size=100):
        number = len(late.blockers)
        yield Problem(
            key=f"late-{late.trial_id}",
            title=f"{late.trial.account.name}: the follow-up is late",
            cause=f"It is open for more than {LATE_DAYS} days, and {number} "
            f"{'thing is' if number == 1 else 'things are'} missing.",
            since=late.created_at,
            url=f"{page_of(late)}#stage-{StageName.FOLLOW_UP}",
            urgent=True,
            retryable=False,
        )
    silent = trials_without_follow_up(at - DAY).order_by("-ends_at", "-pk")
    for row in silent.iterator(chunk_size=100):
        yield Problem(
            key=f"silent-{row.pk}",
            title=f"{row.account.name}: ended without a follow-up",
            cause="The daily job has not drafted its evidence. Does beat run? The button on its page drafts it, too.",
            since=row.ended_at or row.ends_at,
            url=page_of(row),
            retryable=False,
        )


EVIDENCE = Source(
    name="evidence",
    title="Trials without a finished follow-up",
    find=_evidence,
    permissions=(EDIT,),
    manage=EDIT,
    lasting=True,
    url=lambda: reverse("admin:trials_evidencepackage_silent"),
)


def _doors(_at: datetime) -> Iterator[Problem]:
    """Doors that were found open to a revoked trial (B25)."""
    for trial, check, account, since, expiry in doors_open().iterator(chunk_size=100):
        yield Problem(
            key=f"{trial}-{check}",
            title=f"{account}: {check.replace('_', ' ')} is still allowed",
            cause="The trial was revoked. Shut this door, then try it again.",
            since=since,
            url=f"{reverse('admin:trials_evidencepackage_change', args=[expiry])}#checks",
            urgent=True,
            retryable=False,
        )


DOORS = Source(
    name="evidence-doors",
    title="Doors still open to revoked trials",
    find=_doors,
    permissions=(EDIT,),
    manage=EDIT,
    lasting=True,
)
