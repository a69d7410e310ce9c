"""Opening and changing packages of evidence. What is approved never changes: a change makes the next version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from history.domain.canonical import canonical
from history.domain.kinds import Kind
from trials.domain.evidence.gates import Field, FieldKind
from trials.domain.evidence.references import UnfitReference, check_reference
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName
from trials.evidence_errors import NoPackage, NotSuperseded, PredecessorMissing
from trials.models import EvidencePackage, Handoff, Trial
from trials.services.evidence.evaluating import ACTOR, chain_evaluate, record_package


def package_open(
    *, trial: Trial, stage: StageName, values: Mapping[str, Any] | None = None, actor: str, at: datetime
) -> EvidencePackage:
    """Open the first version of a stage's package; return the one that is there when there is one (B2).

    `values` are checked like a change's. Raises Invalid, PredecessorMissing.
    """
    checked = check_values(stage, values or {})
    with transaction.atomic():
        trial = trial_lock(trial)
        known = latest_of(trial, stage)
        if known is not None:
            return known
        row = EvidencePackage(
            trial=trial, stage=stage, values=checked, author=actor, created_at=at, changed_at=at
        )
        _build_on(row, demanded=True)
        row.digest = digest_of(row)
        row.save(force_insert=True)
        record_package(Kind.EVIDENCE_DRAFTED, row, {}, actor=actor, at=at)
        _rebuild_after(row, at)
        chain_evaluate(trial=trial, at=at)
        row.refresh_from_db()
    return row


def package_change(
    *, package: EvidencePackage, values: Mapping[str, Any], actor: str, at: datetime
) -> EvidencePackage:
    """Set members of a package; an empty text clears one. It is then built on the newest predecessor.

    An approved version stays as it is and the next one carries the change (B19). Returns the version that has it.
    Raises Invalid with one entry a member, NotSuperseded.
    """
    checked = check_values(StageName(package.stage), values)
    with transaction.atomic():
        row = version_to_write(package, actor=actor, at=at)
        row.values = {name: text for name, text in {**row.values, **checked}.items() if text}
        package_keep(row, {"members": sorted(checked)}, actor=actor, at=at)
    return row


def version_to_write(package: EvidencePackage, *, actor: str, at: datetime) -> EvidencePackage:
    """The version that a change may go into, its trial locked: this one, or the next when this one was decided.

    Handoffs are carried over. Call inside a transaction, and end with `package_keep`. Raises NotSuperseded.
    """
    trial = trial_lock(package.trial)
    row = EvidencePackage.objects.get(pk=package.pk)
    row.trial = trial
    if not row.latest:
        raise NotSuperseded
    if not row.approvals.exists():
        return row
    EvidencePackage.objects.filter(pk=row.pk).update(latest=False)
    handoffs = list(row.handoffs.all())
    following = EvidencePackage(
        trial=trial, stage=row.stage, version=row.version + 1, values=dict(row.values),
        predecessor=row.predecessor, predecessor_digest=row.predecessor_digest,
        author=actor, created_at=at, changed_at=at,
    )  # fmt: skip
    following.digest = digest_of(following)
    following.save(force_insert=True)
    for handoff in handoffs:
        handoff.pk, handoff.package, handoff.created_at = None, following, at
        handoff._state.adding = True
        handoff.save(force_insert=True)
    return following


def package_keep(row: EvidencePackage, data: dict[str, Any], *, actor: str, at: datetime) -> None:
    """Save what changed on a version, with digest, event and a new look at the whole chain."""
    _build_on(row)
    row.author, row.changed_at = actor, at
    row.digest = digest_of(row)
    row.save(update_fields=["values", "predecessor", "predecessor_digest", "digest", "author", "changed_at"])
    record_package(Kind.EVIDENCE_CHANGED, row, data, actor=actor, at=at)
    _rebuild_after(row, at)
    chain_evaluate(trial=row.trial, at=at)
    row.refresh_from_db()


def _rebuild_after(changed: EvidencePackage, at: datetime) -> None:
    """Build what follows a package on what it is now, as far as nobody has decided on it.

    A decision holds for what it was built on: a decided package stays blocked until somebody saves it again (B8).
    """
    for name in list(STAGES)[list(STAGES).index(StageName(changed.stage)) + 1 :]:
        row = latest_of(changed.trial, name)
        if row is None or row.approvals.exists():
            continue
        row.trial, built_on = changed.trial, row.predecessor_digest
        _build_on(row)
        if row.predecessor is None or row.predecessor_digest == built_on:
            continue
        row.digest, row.changed_at = digest_of(row), at
        row.save(update_fields=["predecessor", "predecessor_digest", "digest", "changed_at"])
        data = {"built_on": str(row.predecessor.uid)}
        record_package(Kind.EVIDENCE_CHANGED, row, data, actor=ACTOR, at=at)


def trial_lock(trial: Trial) -> Trial:
    """Lock the trial: whatever changes its chain does so one after the other."""
    rows = Trial.objects.select_related("account", "program", "license")
    return locked(rows.filter(pk=trial.pk)).get()


def latest_of(trial: Trial, stage: StageName) -> EvidencePackage | None:
    """The newest version of a stage's package."""
    return EvidencePackage.objects.filter(trial=trial, stage=stage, latest=True).first()


def package_by_uid(uid: str) -> EvidencePackage:
    """Raises NoPackage."""
    row = EvidencePackage.objects.filter(uid=uid).select_related("trial__account").first()
    if row is None:
        raise NoPackage
    return row


def digest_of(row: EvidencePackage) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of everything that an approval approves (B8, B19)."""
    handoffs = [] if row.pk is None else [
        {"kind": h.kind, "owner": h.owner_ref, "next": h.next_action_ref, "via": h.tracking_kind, "at": h.tracking_ref}
        for h in Handoff.objects.filter(package=row).order_by("kind")
    ]  # fmt: skip
    bound = {
        "trial": str(row.trial.uid),
        "stage": str(row.stage),
        "version": row.version,
        "predecessor": row.predecessor_digest,
        "values": dict(row.values),
        "handoffs": handoffs,
    }
    return hashlib.sha256(canonical(bound)).hexdigest()


def check_values(stage: StageName, values: Mapping[str, Any]) -> dict[str, str]:
    """Members as they are stored: opaque references, words of their lists, instants in RFC 3339 UTC (B1, B21).

    Raises Invalid with one entry a member: unknown_member, unknown_word, not_an_instant, or a code of
    `references.check_reference`.
    """
    fields = {field.name: field for field in STAGES[stage].fields}
    checked, errors = {}, []
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            errors.append(
                FieldError(name, "unknown_member", f"The stage {stage} has no member of that name.")
            )
            continue
        try:
            checked[name] = _checked(field, value)
        except UnfitReference as unfit:
            errors.append(FieldError(name, unfit.code, str(unfit)))
    if errors:
        raise Invalid(errors)
    return checked


def _checked(field: Field, value: Any) -> str:
    if value is None or value == "":
        return ""
    if field.kind is FieldKind.INSTANT:
        return _instant(value)
    if not isinstance(value, str):
        raise UnfitReference("not_text", "This is a text.")
    if field.words is not None:
        if value not in {word.value for word in field.words}:
            words = ", ".join(word.value for word in field.words)
            raise UnfitReference("unknown_word", f"One of: {words}.")
        return value
    check_reference(value)
    return value


def _instant(value: Any) -> str:
    try:
        found = value if isinstance(value, datetime) else parse_datetime(str(value))
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # no such day, or beyond the calendar in UTC
        pass
    raise UnfitReference("not_an_instant", "An instant is written as RFC 3339, as 2026-11-30T12:00:00Z.")


def _build_on(row: EvidencePackage, *, demanded: bool = False) -> None:
    """Take the newest package of the stage before as predecessor. Raises PredecessorMissing when demanded."""
    stage = STAGES[StageName(row.stage)]
    before = next((found for name in stage.after if (found := latest_of(row.trial, name))), None)
    if before is None and stage.after and demanded:
        raise PredecessorMissing
    row.predecessor = before
    row.predecessor_digest = before.digest if before else ""
