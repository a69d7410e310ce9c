"""Routes of evidence, mounted under /api/v1/ with those of trials."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from config.kit.api.routing import by_method
from trials.api import evidence, evidence_follow_up
from trials.domain.evidence.words import HandoffKind, StageName


class Stage(StringConverter):
    regex = "|".join(StageName)


class Kind(StringConverter):
    regex = "|".join(HandoffKind)


register_converter(Stage, "evidence_stage")
register_converter(Kind, "handoff_kind")

OF_TRIAL = "trials/<uuid:uid>/evidence"

urlpatterns = [
    path(OF_TRIAL, by_method(get=evidence.ChainRead, post=evidence.ChainDraft), name="evidence"),
    path(f"{OF_TRIAL}/export", evidence.EvidenceExport.as_view(), name="evidence-export"),
    path(f"{OF_TRIAL}/graces", evidence.GraceApprove.as_view(), name="evidence-graces"),
    path(
        f"{OF_TRIAL}/checks",
        by_method(get=evidence.CheckList, post=evidence.CheckAttest),
        name="evidence-checks",
    ),
    path(f"{OF_TRIAL}/checks/license", evidence.LicenseCheck.as_view(), name="evidence-license-check"),
    path(
        f"{OF_TRIAL}/follow_up/handoffs", evidence_follow_up.HandoffList.as_view(), name="evidence-handoffs"
    ),
    path(
        f"{OF_TRIAL}/follow_up/handoffs/<handoff_kind:kind>",
        by_method(put=evidence_follow_up.HandoffSet, delete=evidence_follow_up.HandoffDrop),
        name="evidence-handoff",
    ),
    path(
        f"{OF_TRIAL}/follow_up/notify", evidence_follow_up.EvaluatorNotify.as_view(), name="evidence-notify"
    ),
    path(
        f"{OF_TRIAL}/notifications/<uuid:notification>",
        evidence_follow_up.DeliverySet.as_view(),
        name="evidence-delivery",
    ),
    path(
        f"{OF_TRIAL}/<evidence_stage:stage>",
        by_method(get=evidence.StageRead, post=evidence.StageOpen, patch=evidence.StageChange),
        name="evidence-stage",
    ),
    path(f"{OF_TRIAL}/<evidence_stage:stage>/decide", evidence.StageDecide.as_view(), name="evidence-decide"),
    path("evidence/schema.json", evidence.EvidenceSchema.as_view(), name="evidence-schema"),
    path("evidence/packages", evidence_follow_up.PackageList.as_view(), name="evidence-packages"),
    path("evidence/inbox", evidence_follow_up.Inbox.as_view(), name="evidence-inbox"),
    path(
        "evidence/expired-without-follow-up", evidence_follow_up.SilentList.as_view(), name="evidence-silent"
    ),
]
