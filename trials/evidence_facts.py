"""Rows of evidence as the gates see them: many trials at once, a fixed number of queries a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from django.utils.dateparse import parse_datetime

from trials.domain.evidence.gates import (
    ApprovalFacts,
    FieldKind,
    HandoffFacts,
    PackageFacts,
    Value,
)
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.stages.follow_up import GRACE, NOTIFICATION
from trials.domain.evidence.words import AccessCheck, CheckResult, DeliveryState, HandoffKind, StageName
from trials.models import (
    BlockedAccessCheck,
    EvaluatorNotification,
    EvidenceApproval,
    EvidencePackage,
    GraceApproval,
    Handoff,
)

Chain: TypeAlias = dict[StageName, PackageFacts]
"""The newest package of each stage of one trial, in the order of the chain."""


def chains_of(trial_ids: Iterable[int]) -> dict[int, Chain]:
    """The chain of each trial. Six queries, however many trials."""
    ids = list(trial_ids)
    rows: dict[int, dict[StageName, EvidencePackage]] = defaultdict(dict)
    for row in EvidencePackage.objects.filter(trial__in=ids, latest=True):
        rows[row.trial_id][StageName(row.stage)] = row
    packages = [row.pk for stages in rows.values() for row in stages.values()]
    beside = _Beside(ids, packages)
    return {trial: _chain(stages, beside) for trial, stages in rows.items()}


def chain_of(trial_id: int) -> Chain:
    """The chain of one trial; empty while it has none."""
    return chains_of([trial_id]).get(trial_id, {})


def values_of(stage: StageName, stored: Mapping[str, str]) -> dict[str, Value]:
    """Stored values with their instants as such."""
    instants = {field.name for field in STAGES[stage].fields if field.kind is FieldKind.INSTANT}
    return {name: _instant(text) if name in instants else text for name, text in stored.items()}


def _instant(text: str) -> datetime | None:
    return parse_datetime(text) if text else None


class _Beside:
    """What stands beside packages: decisions, handoffs, notifications, checks."""

    def __init__(self, trials: list[int], packages: list[int]) -> None:
        self.approvals: dict[int, ApprovalFacts] = {}
        decisions = EvidenceApproval.objects.filter(package__in=packages).order_by("id")
        for package, digest, yes in decisions.values_list("package_id", "digest", "approved"):
            self.approvals[package] = ApprovalFacts(digest, yes)
        self.handoffs: dict[int, list[HandoffFacts]] = defaultdict(list)
        handoffs = Handoff.objects.filter(package__in=packages).order_by("kind")
        for package, kind, *refs in handoffs.values_list(
            "package_id", "kind", "owner_ref", "next_action_ref", "tracking_ref"
        ):
            self.handoffs[package].append(HandoffFacts(HandoffKind(kind), *refs))
        self.rows: dict[int, set[str]] = defaultdict(set)
        self.deliveries: dict[int, DeliveryState] = {}
        told = EvaluatorNotification.objects.filter(package__trial__in=trials).order_by("id")
        for trial, uid, state in told.values_list("package__trial_id", "uid", "state"):
            self.rows[trial].add(f"{NOTIFICATION}{uid}")
            self.deliveries[trial] = DeliveryState(state)
        for trial, uid in GraceApproval.objects.filter(trial__in=trials).values_list("trial_id", "uid"):
            self.rows[trial].add(f"{GRACE}{uid}")
        self.checks: dict[int, dict[AccessCheck, CheckResult]] = defaultdict(dict)
        checks = BlockedAccessCheck.objects.filter(trial__in=trials).order_by("id")
        for trial, name, result in checks.values_list("trial_id", "check_name", "result"):
            self.checks[trial][AccessCheck(name)] = CheckResult(result)


def _chain(rows: dict[StageName, EvidencePackage], beside: _Beside) -> Chain:
    chain: Chain = {}
    for name in STAGES:  # in the order of the chain: a predecessor is made before its successor
        row = rows.get(name)
        if row is not None:
            chain[name] = _facts(row, name, chain, beside)
    return chain


def _facts(row: EvidencePackage, name: StageName, chain: Chain, beside: _Beside) -> PackageFacts:
    before = next((chain[stage] for stage in STAGES[name].after if stage in chain), None)
    return PackageFacts(
        stage=name,
        values=values_of(name, row.values),
        digest=row.digest,
        approval=beside.approvals.get(row.pk),
        predecessor=before,
        predecessor_digest=row.predecessor_digest,
        handoffs=tuple(beside.handoffs[row.pk]),
        delivery=beside.deliveries.get(row.trial_id) if name is StageName.FOLLOW_UP else None,
        checks=beside.checks[row.trial_id] if name is StageName.CLOSEOUT else {},
        rows=frozenset(beside.rows[row.trial_id]) if name is StageName.FOLLOW_UP else frozenset(),
    )
