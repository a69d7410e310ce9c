"""The evidence on the page of a trial: how far each stage is, and the button that drafts it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from config.kit.display import label, page_of
from trials.admin.evidence import TONES, standing_word
from trials.admin.evidence_actions import EDIT
from trials.admin.parts import Asked, Dialog, Section, dialog_register, needs, section_register
from trials.evidence_path import path_of
from trials.models import EvidencePackage, Trial
from trials.services.evidence.drafting import evidence_begin


def _content(_request: HttpRequest, trial: Trial, _at: datetime) -> Mapping[str, Any]:
    steps = [step for step in path_of(trial) if step.row is not None]
    lines = [
        (
            step.stage.title,
            label(word := standing_word(step), TONES.get(word, "")),
            len(step.evaluation.blockers),
        )
        for step in steps
        if step.evaluation is not None
    ]
    first = steps[0].row if steps else None
    return {"lines": lines, "url": page_of(first) if first is not None else ""}


def _draft(asked: Asked, _data: Mapping[str, Any]) -> str:
    evidence_begin(trial=asked.row, at=asked.at)
    return "The evidence is drafted from what is known."


section_register(
    Section(
        slug="evidence", title="Evidence", order=60, template="admin/signet/evidence_section.html",
        content=_content, allowed=needs("trials.view_evidencepackage"),
    )
)  # fmt: skip
dialog_register(
    Dialog(
        slug="draft", title="Draft evidence", icon="fact_check", order=60, allowed=needs(EDIT), act=_draft,
        fits=lambda row: not EvidencePackage.objects.filter(trial=row).exists(), submit="Draft it",
        says=lambda _asked: [
            "The access of a running trial is written down; of one past its end also expiry and follow-up.",
            "What the facts do not say is left for you to fill in.",
        ],
    )
)  # fmt: skip
