"""Follow-up over HTTP: handoffs, telling the evaluator, and the lists over all trials' evidence."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from config.kit.api.inspector import listed
from config.kit.api.pagination import CursorPage
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation
from licenses.api.fields import accept
from trials.api import evidence_examples as examples
from trials.api import evidence_shapes as shapes
from trials.api.evidence import TAGS, EvidenceOperation, step_answer
from trials.api.evidence_filters import NoFilter, NoPackageFilter, PackageFilter
from trials.domain.evidence.words import (
    DeliveryState,
    HandoffKind,
    NotificationChannel,
    StageName,
    TrackingKind,
)
from trials.evidence_lists import expired_without_follow_up, newest_packages, waiting_for_approval
from trials.evidence_path import notification_of
from trials.listings import trials_for
from trials.models import EvidencePackage, Trial
from trials.services.evidence.handoffs import handoff_drop, handoff_set
from trials.services.evidence.notifying import evaluator_notify, notification_state_set


class HandoffList(EvidenceOperation):
    required_scope = Scope.TRIALS_READ

    @extend_schema(
        operation_id="evidence_handoffs_list",
        tags=TAGS,
        summary="List the handoffs of a trial's follow-up (B15)",
        responses=shapes.HandoffOutput(many=True),
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        rows = self.package(uid, StageName.FOLLOW_UP).handoffs.all()
        return Response(shapes.HandoffOutput(rows, many=True).data)


class HandoffSet(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_handoffs_set",
        tags=TAGS,
        summary="Write one handoff, replacing the one of its kind (B12, B15)",
        request=shapes.HandoffInput,
        responses=shapes.StepOutput,
        examples=[*examples.HANDOFF, *examples.STEP],
    )
    def put(self, request: Request, uid: uuid.UUID, kind: str) -> Response:
        values = accept(shapes.HandoffInput, request)
        package = self.package(uid, StageName.FOLLOW_UP)
        tracking = TrackingKind(values.pop("tracking_kind"))
        handoff_set(package=package, kind=HandoffKind(kind), tracking_kind=tracking, **values, **self.by)
        return step_answer(package.trial, StageName.FOLLOW_UP)


class HandoffDrop(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_handoffs_drop",
        tags=TAGS,
        summary="Take one handoff out of the follow-up",
        responses=shapes.StepOutput,
        examples=examples.STEP,
    )
    def delete(self, request: Request, uid: uuid.UUID, kind: str) -> Response:
        package = self.package(uid, StageName.FOLLOW_UP)
        handoff_drop(package=package, kind=HandoffKind(kind), **self.by)
        return step_answer(package.trial, StageName.FOLLOW_UP)


class EvaluatorNotify(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_notify",
        tags=TAGS,
        summary="Tell the evaluator (B14, B18)",
        description=(
            "Through `email` Signet writes the mail and follows it; the other channels are worked by people, who "
            "say by `tracking_ref` where. The follow-up then refers to it."
        ),
        request=shapes.NotifyInput,
        responses={201: shapes.NotificationOutput},
        examples=examples.NOTIFY,
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        values = accept(shapes.NotifyInput, request)
        channel = NotificationChannel(values.pop("channel"))
        package = self.package(uid, StageName.FOLLOW_UP)
        row = evaluator_notify(package=package, channel=channel, **values, **self.by)
        return Response(shapes.NotificationOutput(row).data, status=status.HTTP_201_CREATED)


class DeliverySet(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_notification_state",
        tags=TAGS,
        summary="Say how far a notification has come (B18)",
        description=(
            "Of an `email` the send log says so by itself: 409 `delivery_known` for anybody else, and for going back "
            "to `queued`."
        ),
        request=shapes.DeliveryInput,
        responses=shapes.NotificationOutput,
    )
    def post(self, request: Request, uid: uuid.UUID, notification: uuid.UUID) -> Response:
        state = DeliveryState(accept(shapes.DeliveryInput, request)["state"])
        told = notification_of(self.trial(uid), notification)
        row = notification_state_set(uid=str(told.uid), state=state, **self.by)
        return Response(shapes.NotificationOutput(row).data)


class OldestFirst(CursorPage):
    ordering = "id"


@listed(
    operation_id="evidence_packages_list",
    tags=TAGS,
    summary="List the newest packages by stage and state, newest first",
    responses=shapes.PackageOutput(many=True),
)
class PackageList(ListOperation):
    required_scope = Scope.TRIALS_READ
    filterset_class = PackageFilter
    output = shapes.PackageOutput

    def rows(self) -> QuerySet[EvidencePackage]:
        return _seen(self, newest_packages())


@listed(
    operation_id="evidence_inbox",
    tags=TAGS,
    summary="List what waits for an approver, oldest first (B19)",
    responses=shapes.PackageOutput(many=True),
)
class Inbox(ListOperation):
    required_scope = Scope.TRIALS_READ
    pagination_class = OldestFirst
    filterset_class = NoPackageFilter
    output = shapes.PackageOutput

    def rows(self) -> QuerySet[EvidencePackage]:
        return _seen(self, waiting_for_approval())


@listed(
    operation_id="evidence_expired_without_follow_up",
    tags=TAGS,
    summary="List trials that ended without a follow-up, or whose follow-up is late (B17)",
    description="Empty right after the daily job, but for those whose follow-up is blocked for three days.",
    responses=shapes.SilentOutput(many=True),
)
class SilentList(ListOperation):
    required_scope = Scope.TRIALS_READ
    pagination_class = OldestFirst
    filterset_class = NoFilter
    output = shapes.SilentOutput

    def rows(self) -> QuerySet[Trial]:
        rows = expired_without_follow_up(self.at)
        if self.principal.sees_every_group:
            return rows
        return rows.filter(pk__in=trials_for(self.principal).values("pk"))


def _seen(view: Any, rows: QuerySet[EvidencePackage]) -> QuerySet[EvidencePackage]:
    if view.principal.sees_every_group:
        return rows
    return rows.filter(trial__in=trials_for(view.principal).values("pk"))
