"""Keeping what the gates say beside the packages, whenever anything near them changes (B13)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import record
from trials.domain.evidence.gates import Evaluation, evaluate
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName, State
from trials.evidence_facts import chains_of
from trials.models import EvidencePackage, Trial

BATCH = 500
ACTOR = "system:evidence"


def chain_evaluate(*, trial: Trial, at: datetime) -> dict[StageName, Evaluation]:
    """Judge every newest package of a trial and keep the answers. Call in the transaction of the change."""
    return _evaluate([trial.pk], at).get(trial.pk, {})


def packages_evaluate(*, at: datetime) -> int:
    """Judge everything again, in batches of trials; return how many packages changed their state.

    Each batch is a transaction of its own that holds its trials, as whatever changes their chains does.
    Time alone changes no gate, so this only mends what a change of the gates themselves left behind.
    """
    changed = after = 0
    trials = (
        EvidencePackage.objects.filter(latest=True).order_by("trial_id").values_list("trial_id", flat=True)
    )
    while ids := list(trials.filter(trial_id__gt=after).distinct()[:BATCH]):
        after = ids[-1]
        with transaction.atomic():
            list(locked(Trial.objects.filter(pk__in=ids)).order_by("pk").values_list("pk"))
            before = _states(ids)
            _evaluate(ids, at)
            changed += sum(before[pk] != state for pk, state in _states(ids).items())
    return changed


def _states(trials: Iterable[int]) -> dict[int, str]:
    rows = EvidencePackage.objects.filter(trial__in=list(trials), latest=True)
    return dict(rows.values_list("pk", "state"))


def _evaluate(trials: list[int], at: datetime) -> dict[int, dict[StageName, Evaluation]]:
    chains = chains_of(trials)
    said = {
        trial: {name: evaluate(package, STAGES) for name, package in chain.items()}
        for trial, chain in chains.items()
    }
    rows = EvidencePackage.objects.filter(trial__in=trials, latest=True)
    stale = []
    for row in rows.select_related("trial__account", "trial__program", "trial__license"):
        answer = said[row.trial_id][StageName(row.stage)]
        if row.state == answer.state and row.blockers == list(answer.codes) and row.evaluated_at:
            continue
        if row.state != answer.state:
            kind = Kind.EVIDENCE_READY if answer.state is State.READY else Kind.EVIDENCE_BLOCKED
            record_package(kind, row, {"blockers": len(answer.blockers)}, actor=ACTOR, at=at)
        row.state, row.blockers, row.evaluated_at = answer.state.value, list(answer.codes), at
        stale.append(row)
    done = [row.trial_id for row in stale if row.stage == StageName.FOLLOW_UP and row.state == State.READY]
    if done:  # blocked again it is late anew, and somebody is told anew
        Trial.objects.filter(pk__in=done, overdue_at__isnull=False).update(overdue_at=None)
    EvidencePackage.objects.bulk_update(stale, ["state", "blockers", "evaluated_at"], batch_size=BATCH)
    return said


def record_package(
    kind: Kind, row: EvidencePackage, data: dict[str, Any], *, actor: str, at: datetime
) -> None:
    """Write one event about a package: its stage, version and digest, never what its members say."""
    record(
        kind=kind,
        subject=f"evidence:{row.uid}",
        account=row.trial.account.customer_id,
        actor=actor,
        data={
            "trial": str(row.trial.uid), "stage": row.stage, "version": row.version, "digest": row.digest, **data
        },
        at=at,
    )  # fmt: skip
