"""Names of trials and requests, for the lists of what happened."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from config.kit.display import page_of
from history.naming import Named, Naming, naming_register
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName
from trials.models import EvidencePackage, Trial, TrialRequest

MOST = 20


def _uid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _names(model: Any) -> Callable[[Sequence[str]], dict[str, Named]]:
    def names(ids: Sequence[str]) -> dict[str, Named]:
        uids = [uid for uid in map(_uid, ids) if uid is not None]
        return {str(row.uid): Named(row.email, page_of(row)) for row in model.objects.filter(uid__in=uids)}

    return names


def _find(model: Any) -> Callable[[str], list[str]]:
    def find(text: str) -> list[str]:
        rows = model.objects.filter(email__iexact=text).order_by("-pk")
        return [str(uid) for uid in rows.values_list("uid", flat=True)[:MOST]]

    return find


def _packages(ids: Sequence[str]) -> dict[str, Named]:
    uids = [uid for uid in map(_uid, ids) if uid is not None]
    rows = EvidencePackage.objects.filter(uid__in=uids)
    return {
        str(row.uid): Named(f"{STAGES[StageName(row.stage)].title} evidence", page_of(row)) for row in rows
    }


def _nothing(_text: str) -> list[str]:
    return []


naming_register("evidence", Naming(_packages, _nothing))
naming_register("trial", Naming(_names(Trial), _find(Trial)))
naming_register("trial_request", Naming(_names(TrialRequest), _find(TrialRequest)))
