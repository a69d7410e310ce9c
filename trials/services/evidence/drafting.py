"""Drafts of evidence from what is known, so that no trial ends silently (B16, B17)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from history.domain.kinds import Kind
from history.models import Event
from licenses.selectors import latest_issuance
from trials.domain.evidence.stages import HANDOFFS
from trials.domain.evidence.words import (
    GOES_ON,
    ExpiryOutcome,
    ReleaseApproval,
    RenewalTerm,
    StageName,
    State,
)
from trials.models import EvidencePackage, Handoff, Trial, TrialProgram
from trials.services.evidence.approvals import package_approve_by_policy
from trials.services.evidence.evaluating import ACTOR
from trials.services.evidence.packages import (
    latest_of,
    package_change,
    package_keep,
    package_open,
    trial_lock,
)
from trials.services.running import engagement_refresh

BATCH = 200
log = structlog.get_logger(__name__)


def evidence_draft(*, at: datetime, limit: int = 100_000) -> int:
    """Open what is missing for every trial that is past its end: access, expiry and follow-up (B17).

    Small batches by key, each trial under its lock: safe to run twice, late and in parallel. One that fails is
    logged, stays in the report of what ended silently, and keeps none of the others. Returns how many got drafts.
    """
    drafted = after = 0
    while drafted < limit:
        rows = list(trials_without_follow_up(at).filter(pk__gt=after).order_by("pk")[:BATCH])
        if not rows:
            break
        after = rows[-1].pk
        drafted += sum(_drafted(row, at) for row in rows)
    return drafted


def _drafted(row: Trial, at: datetime) -> bool:
    try:
        return trial_draft(trial=row, at=at)
    except Exception:
        log.exception("evidence_draft_failed", trial=str(row.uid))
        return False


def trials_without_follow_up(at: datetime) -> QuerySet[Trial]:
    """Trials past their end that have no follow-up package: what ended silently."""
    followed = EvidencePackage.objects.filter(trial=OuterRef("pk"), stage=StageName.FOLLOW_UP)
    over = Q(ends_at__lte=at) | Q(ended_at__lte=at)
    return Trial.objects.filter(over, ~Exists(followed)).select_related("account", "program", "license")


def trial_draft(*, trial: Trial, at: datetime) -> bool:
    """Open the three packages of one trial, as far as its facts go; say whether anything was missing.

    A trial past its end is ended first: one that could still be extended would have a second end, and no draft of that.
    """
    with transaction.atomic():
        engagement_refresh(trial=trial, at=at)
        row = trial_lock(trial)
        if latest_of(row, StageName.FOLLOW_UP) is not None:
            return False
        access = access_draft(trial=row, at=at)
        values = _expiry_values(row, access)
        package_open(trial=row, stage=StageName.EXPIRY, values=values, actor=ACTOR, at=at)
        package_open(trial=row, stage=StageName.FOLLOW_UP, actor=ACTOR, at=at)
        follow_up_complete(trial=row, at=at)
    return True


def access_draft(*, trial: Trial, at: datetime) -> EvidencePackage:
    """The access package of a trial, opened from its facts; of a self-serve trial approved by policy."""
    row = package_open(trial=trial, stage=StageName.ACCESS, values=_access_values(trial), actor=ACTOR, at=at)
    self_serve = trial.program.approval == TrialProgram.Approval.SELF_SERVE
    if self_serve and row.state == State.READY and not row.approvals.exists():
        package_approve_by_policy(package=row, at=at)
    return row


def evidence_begin(*, trial: Trial, at: datetime) -> None:
    """Draft one trial at a person's word: its access while it runs, expiry and follow-up too past its end."""
    if trial.ends_at <= at or (trial.ended_at is not None and trial.ended_at <= at):
        trial_draft(trial=trial, at=at)
    else:
        access_draft(trial=trial, at=at)


def evidence_open(
    *, trial: Trial, stage: StageName, values: Mapping[str, Any] | None = None, actor: str, at: datetime
) -> EvidencePackage:
    """Open a stage as a person, with what is known; a follow-up gets what the outcome asks for (B16).

    What every interface calls. Raises what `package_open` raises.
    """
    with transaction.atomic():
        known = _known_values(trial_lock(trial), stage)
        row = package_open(trial=trial, stage=stage, values={**known, **(values or {})}, actor=actor, at=at)
        if stage == StageName.FOLLOW_UP:
            follow_up_complete(trial=row.trial, at=at)
            row.refresh_from_db()
    return row


def evidence_change(
    *, package: EvidencePackage, values: Mapping[str, Any], actor: str, at: datetime
) -> EvidencePackage:
    """Change a package as a person; an outcome completes the follow-up with what it asks for (B16).

    What every interface calls. Raises what `package_change` raises.
    """
    with transaction.atomic():
        row = package_change(package=package, values=values, actor=actor, at=at)
        if row.stage == StageName.EXPIRY and "outcome" in values:
            follow_up_complete(trial=row.trial, at=at)
    return row


def follow_up_complete(*, trial: Trial, at: datetime) -> None:
    """Give the follow-up the handoffs and the record that the outcome asks for (B15, B16). Keeps what is there.

    An approved follow-up is left alone: its outcome was decided with it.
    """
    expiry, row = latest_of(trial, StageName.EXPIRY), latest_of(trial, StageName.FOLLOW_UP)
    if expiry is None or row is None or row.approvals.exists():
        return
    outcome = expiry.values.get("outcome", "")
    row.trial = trial
    there = set(row.handoffs.values_list("kind", flat=True))
    wanted = [kind for kind in HANDOFFS.get(outcome, ()) if kind not in there]
    Handoff.objects.bulk_create(Handoff(package=row, kind=kind, created_at=at) for kind in wanted)
    values = dict(row.values)
    values.setdefault("follow_up_ref", f"follow-up:{row.uid}")
    if outcome == ExpiryOutcome.REVOKED:
        values.setdefault("closeout_handoff_ref", f"handoff:{row.uid}")
    grace = trial.graces.first() if outcome in GOES_ON else None
    if grace is not None:  # approved before there was a follow-up
        values.setdefault("grace_ref", f"grace:{grace.uid}")
        values.setdefault("grace_approval_ref", f"grace:{grace.uid}")
    if wanted or values != row.values:
        row.values = values
        package_keep(row, {"outcome": outcome, "handoffs": len(wanted)}, actor=ACTOR, at=at)


def _known_values(trial: Trial, stage: StageName) -> dict[str, Any]:
    if stage == StageName.ACCESS:
        return _access_values(trial)
    access = latest_of(trial, StageName.ACCESS)
    return _expiry_values(trial, access) if stage == StageName.EXPIRY and access is not None else {}


def _access_values(trial: Trial) -> dict[str, Any]:
    program, license_ = trial.program, trial.license
    issuance = latest_issuance(license_)
    self_serve = program.approval == TrialProgram.Approval.SELF_SERVE
    values = {
        "release_ref": program.release_ref or f"program:{program.slug}",
        "release_approval": ReleaseApproval.APPROVED if self_serve else ReleaseApproval.PENDING,
        "license_ref": f"license:{license_.public_id}",
        "issuance_ref": f"issuance:{issuance.jti}" if issuance else "",
        "entitlement_ref": f"plan:{license_.plan_code}",
        "evaluator_ref": f"evaluator:{trial.uid}",
        "organisation_ref": f"customer:{trial.account.customer_id}",
        "channel": program.access_channel,
        "artifact_ref": program.artifact_ref,
        "access_grant_ref": f"trial:{trial.uid}",
        "support_owner_ref": program.support_owner_ref,
        "onboarding_ref": program.onboarding_ref,
        "revocation_ref": f"license-revocation:{license_.public_id}",
        "issued_at": trial.started_at,
        "license_expires_at": license_.expires_at,
        "access_expires_at": trial.ends_at,
    }
    return {name: value for name, value in values.items() if value}


def _expiry_values(trial: Trial, access: EvidencePackage) -> dict[str, Any]:
    approval = access.approvals.order_by("id").last()
    values = {
        "access_evidence_ref": f"evidence:{access.uid}",
        "access_approval_ref": f"approval:{approval.pk}" if approval else "",
        "license_ref": f"license:{trial.license.public_id}",
        "evaluator_ref": f"evaluator:{trial.uid}",
        "organisation_ref": f"customer:{trial.account.customer_id}",
        "original_expires_at": trial.ends_at,
        **_outcome_values(trial),
    }
    return {name: value for name, value in values.items() if value}


def _outcome_values(trial: Trial) -> dict[str, Any]:
    """What the facts decide by themselves: a revocation, and a purchase. The rest is for a person to say."""
    if trial.outcome == Trial.Outcome.REVOKED:
        revoked = _event(Kind.LICENSE_REVOKED, f"license:{trial.license.public_id}")
        ended = _event(Kind.TRIAL_ENDED, f"trial:{trial.uid}")
        return {
            "outcome": ExpiryOutcome.REVOKED,
            "license_revocation_ref": f"event:{revoked.uid}" if revoked else "",
            "access_revocation_ref": f"event:{ended.uid}" if ended else "",
            "action_owner_ref": revoked.actor if revoked else "",
            "action_at": revoked.at if revoked else None,
        }
    if trial.outcome == Trial.Outcome.CONVERTED and trial.converted_by:
        ends_at = trial.converted_by.expires_at
        converted = _event(Kind.TRIAL_CONVERTED, f"trial:{trial.uid}")
        return {
            "outcome": ExpiryOutcome.RENEWED,
            "renewal_ref": f"license:{trial.converted_by.public_id}",
            "renewal_term": RenewalTerm.LIMITED if ends_at else RenewalTerm.PERPETUAL,
            "new_expires_at": ends_at,
            "action_owner_ref": converted.actor if converted else "",
            "action_at": converted.at if converted else None,
        }
    return {}


def _event(kind: Kind, subject: str) -> Event | None:
    return Event.objects.filter(kind=kind, subject=subject).order_by("-id").first()
