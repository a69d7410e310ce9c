"""What may be shown of a trial's evidence in public: labels, states, opaque references, times and counts (B20).

The document says itself what it leaves out. Each package carries the position of the newest event that holds its digest
and a proof that it stands in the history, which a reader outside checks against a checkpoint (RFC 6962). Schema:
evidence.schema.json beside this file, served to everybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse

from config.kit.errors import NotFound
from history.domain.kinds import Kind
from history.models import Event
from history.services.proving import NotYetProvable, inclusion_prove
from trials.domain.evidence.gates import Evaluation, Field, FieldKind, PackageFacts, evaluate
from trials.domain.evidence.references import UnfitReference, check_reference
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName
from trials.evidence_facts import chain_of
from trials.models import BlockedAccessCheck, EvaluatorNotification, EvidencePackage, Trial
from trials.services.events import record_trial

SCHEMA = "signet.evidence/1"
_SCHEMA_FILE = Path(__file__).with_name("evidence.schema.json")
REDACTED = "[redacted]"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,15}(?:\+00:00|Z)")
LEFT_OUT = (
    "customer_records",
    "crm_payloads_and_credentials",
    "license_keys",
    "signing_keys",
    "registry_tokens_and_pull_secrets",
    "tenant_secrets",
    "license_service_code",
    "trial_artifact_bytes",
    "paid_policy_packs",
)
"""The nine classes that no export ever holds (B20)."""


def schema_address() -> str:
    """Where everybody finds the schema of the document."""
    return f"{settings.BASE_URL}/api/v1/evidence/schema.json"


@cache
def schema_text() -> bytes:
    """The schema under its address."""
    kept = json.loads(_SCHEMA_FILE.read_text())
    return json.dumps({"$schema": kept.pop("$schema"), "$id": schema_address(), **kept}, indent=2).encode()


def evidence_export(*, trial: Trial, actor: str, at: datetime) -> dict[str, Any]:
    """The public-safe document of one trial, and an event that it was made. Raises NotFound without packages."""
    with transaction.atomic():
        row = Trial.objects.select_related("account", "program", "license").get(pk=trial.pk)
        document = evidence_document(row, at=at)
        data = {"packages": len(document["packages"]), "redacted": document["counts"]["redacted"]}
        record_trial(Kind.EVIDENCE_EXPORTED, row, data, actor=actor, at=at)
    return document


def evidence_document(trial: Trial, *, at: datetime) -> dict[str, Any]:
    """As `evidence_export`, without the event."""
    chain = chain_of(trial.pk)
    if not chain:
        raise NotFound("This trial has no evidence yet.")
    rows = {row.stage: row for row in EvidencePackage.objects.filter(trial=trial, latest=True)}
    safe = _Safe()
    packages = [_package(rows[name], facts, safe) for name, facts in chain.items()]
    checks = [_check(row, safe) for row in _newest_checks(trial)]
    return {
        "$schema": schema_address(),
        "schema": SCHEMA,
        "exported_at": _time(at),
        "trial": f"trial:{trial.uid}",
        "organisation": f"customer:{trial.account.customer_id}",
        "outcome": trial.outcome or "running",
        "packages": packages,
        "access_checks": checks,
        "counts": {
            "packages": len(packages),
            "ready": sum(package["state"] == "ready" for package in packages),
            "approved": sum(package["approved"] for package in packages),
            "blockers": sum(len(package["blockers"]) for package in packages),
            "access_checks": len(checks),
            "redacted": safe.redacted,
        },
        "left_out": dict.fromkeys(LEFT_OUT, True),
    }


class _Safe:
    """Lets opaque references through. They were checked when they came in; here nothing else gets out."""

    def __init__(self) -> None:
        self.redacted = 0

    def __call__(self, text: str) -> str:
        if not text:
            return ""
        try:
            check_reference(text)
        except UnfitReference:
            self.redacted += 1
            return REDACTED
        return text

    def member(self, field: Field, text: str) -> str:
        """A word of its list, an instant, or a reference."""
        if field.kind is FieldKind.REFERENCE:
            return self(text)
        if field.kind is FieldKind.CHOICE:
            fits = text in {word.value for word in field.words or ()}
        else:
            fits = _INSTANT.fullmatch(text) is not None
        self.redacted += not fits
        return text if fits else REDACTED


def _package(row: EvidencePackage, facts: PackageFacts, safe: _Safe) -> dict[str, Any]:
    stage = STAGES[StageName(row.stage)]
    said: Evaluation = evaluate(facts, STAGES)
    by_kind: dict[FieldKind, dict[str, str]] = {kind: {} for kind in FieldKind}
    for field in stage.fields:
        text = row.values.get(field.name, "")
        if text:
            by_kind[field.kind][field.name] = safe.member(field, text)
    decisions = list(row.approvals.order_by("id"))
    return {
        "package": f"evidence:{row.uid}",
        "stage": row.stage,
        "title": stage.title,
        "version": row.version,
        "digest": row.digest,
        "predecessor_digest": row.predecessor_digest,
        "state": said.state.value,
        "approved": any(decision.approved for decision in decisions),
        "blockers": [
            {"code": blocker.code, "says": blocker.says, "clears": blocker.clears} for blocker in said.blockers
        ],
        "labels": by_kind[FieldKind.CHOICE],
        "times": {**by_kind[FieldKind.INSTANT], "opened_at": _time(row.created_at)},
        "references": by_kind[FieldKind.REFERENCE],
        "decisions": [
            {
                "approved": decision.approved, "by": decision.by, "approver": safe(decision.approver),
                "digest": decision.digest, "at": _time(decision.decided_at),
            }
            for decision in decisions
        ],
        "handoffs": [
            {
                "kind": handoff.kind, "owner": safe(handoff.owner_ref), "next_action": safe(handoff.next_action_ref),
                "tracking_kind": handoff.tracking_kind, "tracking": safe(handoff.tracking_ref),
            }
            for handoff in row.handoffs.order_by("kind")
        ],
        "notifications": [
            {"channel": told.channel, "state": told.state, "at": _time(told.state_at)}
            for told in _notifications(row)
        ],
        "history": _proof(row),
    }  # fmt: skip


def _notifications(row: EvidencePackage) -> list[EvaluatorNotification]:
    if row.stage != StageName.FOLLOW_UP:
        return []
    return list(EvaluatorNotification.objects.filter(package__trial_id=row.trial_id).order_by("id"))


def _proof(row: EvidencePackage) -> dict[str, Any]:
    """The newest event that a checkpoint covers and that holds the digest shown; `pending` while there is none.

    An event of an earlier state would prove something that the document does not show.
    """
    told = Event.objects.filter(subject=f"evidence:{row.uid}", data__digest=row.digest)
    for event in told.order_by("-id")[:20]:
        try:
            proof = inclusion_prove(event_id=event.pk)
        except (NotYetProvable, NotFound):
            continue
        return {"event": f"event:{event.uid}", "position": proof.position, "proof": proof.document()}
    return {"pending": "No checkpoint covers this state of the package yet: one is made every minute."}


def _newest_checks(trial: Trial) -> list[BlockedAccessCheck]:
    newest = {row.check_name: row for row in BlockedAccessCheck.objects.filter(trial=trial).order_by("id")}
    return [newest[name] for name in sorted(newest)]


def _check(row: BlockedAccessCheck, safe: _Safe) -> dict[str, Any]:
    return {
        "check": row.check_name,
        "expected": "blocked",
        "result": row.result,
        "passed": row.result == "blocked",
        "by": row.by,
        "reason": safe(row.reason),
        "reference": safe(row.reference),
        "at": _time(row.checked_at),
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


# --- Markdown -------------------------------------------------------------------------------------------


def evidence_markdown(document: dict[str, Any]) -> str:
    """The same document for people: one heading a stage, what is missing in plain words."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: dict[str, Any]) -> Iterator[str]:
    counts = document["counts"]
    yield f"# Evidence of {document['trial']}"
    yield ""
    yield f"Organisation {document['organisation']}, outcome: {document['outcome']}."
    yield f"Exported {document['exported_at']}."
    yield f"{counts['ready']} of {counts['packages']} packages ready, {counts['approved']} approved."
    yield ""
    for package in document["packages"]:
        yield from _package_lines(package)
    if document["access_checks"]:
        yield "## Blocked-access checks"
        yield ""
        yield "| check | expected | result | by | at |"
        yield "|---|---|---|---|---|"
        for check in document["access_checks"]:
            yield f"| {check['check']} | {check['expected']} | {check['result']} | {check['by']} | {check['at']} |"
        yield ""
    yield "## Left out"
    yield ""
    yield (
        "This document never holds: "
        + ", ".join(name.replace("_", " ") for name in document["left_out"])
        + "."
    )


def _package_lines(package: dict[str, Any]) -> Iterator[str]:
    state = "ready" if package["state"] == "ready" else f"blocked ({len(package['blockers'])})"
    approved = "approved" if package["approved"] else "not approved"
    yield f"## {package['title']}: {state}, {approved}"
    yield ""
    yield f"Version {package['version']}, digest `{package['digest']}`."
    yield ""
    for blocker in package["blockers"]:
        yield f"- [ ] {blocker['says']} {blocker['clears']}"
    members = {**package["labels"], **package["times"], **package["references"]}
    for name, text in members.items():
        yield f"- {name}: `{text}`"
    for handoff in package["handoffs"]:
        yield f"- handoff to {handoff['kind']}: owner `{handoff['owner']}`, next `{handoff['next_action']}`"
    for decision in package["decisions"]:
        word = "approved" if decision["approved"] else "rejected"
        yield f"- {word} by `{decision['approver']}` ({decision['by']}) at {decision['at']}"
    for told in package["notifications"]:
        yield f"- notification by {told['channel']}: {told['state']} at {told['at']}"
    history = package["history"]
    if "position" in history:
        yield f"- history: `{history['event']}` at position {history['position']}, proof in the JSON export"
    yield ""


def export_file(document: dict[str, Any], *, markdown: bool, name: str) -> HttpResponse:
    """The document as a file."""
    if markdown:
        text, kind, ending = evidence_markdown(document), "text/markdown; charset=utf-8", "md"
    else:
        text, kind, ending = json.dumps(document, indent=2, ensure_ascii=False), "application/json", "json"
    disposition = f'attachment; filename="{name}.{ending}"'
    return HttpResponse(text.encode(), content_type=kind, headers={"Content-Disposition": disposition})
