"""What the tables of evidence can hold at all."""

from __future__ import annotations

import pytest
from django.db import models

from trials.domain.evidence.gates import FieldKind
from trials.domain.evidence.stages import STAGES
from trials.models import (
    BlockedAccessCheck,
    EvaluatorNotification,
    EvidenceApproval,
    EvidencePackage,
    GraceApproval,
    Handoff,
)

TABLES = (
    EvidencePackage, EvidenceApproval, Handoff, EvaluatorNotification, GraceApproval, BlockedAccessCheck,
)  # fmt: skip
SAFE = (
    models.BigAutoField, models.UUIDField, models.ForeignKey, models.PositiveIntegerField, models.BooleanField,
    models.DateTimeField,
)  # fmt: skip
# who did it (`user:7`), digests, references (checked), a code, and the comment that is screened word by word
TEXTS = {
    "author", "approver", "actor", "requested_by", "digest", "predecessor_digest", "owner_ref", "next_action_ref",
    "tracking_ref", "reference", "reason", "comment",
}  # fmt: skip
CHECKED = {"values", "blockers"}
"""JSON whose members are checked one by one by `check_values`, and codes that the gates make."""


@pytest.mark.parametrize("table", TABLES)
def test_no_field_holds_free_personal_data(table):
    """B1: ids, instants, flags and words of closed lists; another column is a defect, or belongs in these lists."""
    for field in table._meta.concrete_fields:
        if isinstance(field, SAFE) or field.choices:
            continue
        allowed = CHECKED if isinstance(field, models.JSONField) else TEXTS
        assert field.name in allowed, f"{table.__name__}.{field.name}"
        assert not isinstance(field, models.TextField), field.name


def test_every_member_of_a_package_is_a_reference_a_word_or_an_instant():
    """B1: and a word always has its closed list."""
    for stage in STAGES.values():
        for field in stage.fields:
            assert (field.kind is FieldKind.CHOICE) == (field.words is not None), field.name
            assert field.kind is not FieldKind.REFERENCE or field.name.endswith("_ref"), field.name
            assert field.kind is not FieldKind.INSTANT or field.name.endswith("_at"), field.name
