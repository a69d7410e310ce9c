"""Evidence over HTTP: the chain of a trial, its packages and decisions, and the lists over all of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from config.kit.api.permissions import PUBLIC, Scope
from config.kit.api.views import Operation
from config.kit.errors import FieldError, Invalid
from licenses.api.fields import accept
from trials.api import evidence_examples as examples
from trials.api import evidence_shapes as shapes
from trials.domain.evidence.words import AccessCheck, CheckResult, StageName
from trials.evidence_export import evidence_export, export_file, schema_text
from trials.evidence_path import checks_of, graces_of, path_of, step_of
from trials.listings import trial_get
from trials.models import EvidencePackage, Trial
from trials.services.evidence.approvals import package_decide
from trials.services.evidence.checks import access_check_attest, license_check_run
from trials.services.evidence.drafting import evidence_begin, evidence_change, evidence_open
from trials.services.evidence.graces import grace_approve

TAGS = ["trials"]


class EvidenceOperation(Operation):
    """An operation on the evidence of one trial that the caller may see."""

    def trial(self, uid: uuid.UUID) -> Trial:
        return trial_get(uid, self.principal)

    def package(self, uid: uuid.UUID, stage: str) -> EvidencePackage:
        """The newest version of a stage. Raises NotFound, NoPackage."""
        row = step_of(self.trial(uid), StageName(stage)).row
        assert row is not None  # noqa: S101 - step_of raises without one
        return row

    @property
    def by(self) -> dict[str, Any]:
        """Who and when, as services take them."""
        return {"actor": self.principal.actor, "at": self.at}


def step_answer(trial: Trial, stage: str, code: int = status.HTTP_200_OK) -> Response:
    return Response(shapes.StepOutput(step_of(trial, StageName(stage))).data, status=code)


@contextmanager
def under(member: str) -> Iterator[None]:
    """Let the pointers of a refusal lead into that member of the body."""
    try:
        yield
    except Invalid as refusal:
        errors = [
            FieldError(f"{member}{error['pointer'].replace('/', '.')}", error["code"], error["detail"])
            for error in refusal.members["errors"]
        ]
        raise Invalid(errors) from refusal


def chain_answer(trial: Trial, code: int = status.HTTP_200_OK) -> Response:
    steps = path_of(trial)
    told = {
        "trial": trial.uid,
        "packages": [step for step in steps if step.row is not None],
        "openable": [step.stage.name for step in steps if step.openable],
        "graces": graces_of(trial),
        "access_checks": checks_of(trial),
    }
    return Response(shapes.ChainOutput(told).data, status=code)


class ChainRead(EvidenceOperation):
    required_scope = Scope.TRIALS_READ

    @extend_schema(
        operation_id="evidence_read",
        tags=TAGS,
        summary="Read a trial's evidence with every blocker (B2, B13)",
        description="Each blocker says in plain words what is missing, what would clear it, and where (`href`).",
        responses=shapes.ChainOutput,
        examples=examples.CHAIN,
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return chain_answer(self.trial(uid))


class ChainDraft(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_draft",
        tags=TAGS,
        summary="Draft a trial's evidence from what is known (B16, B17)",
        description=(
            "Of a running trial its access, of one past its end also expiry and follow-up. What is there stays. "
            "The daily job does the same for every trial past its end."
        ),
        request=None,
        responses={201: shapes.ChainOutput},
        examples=examples.CHAIN,
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = self.trial(uid)
        evidence_begin(trial=row, at=self.at)
        return chain_answer(row, status.HTTP_201_CREATED)


class StageRead(EvidenceOperation):
    required_scope = Scope.TRIALS_READ

    @extend_schema(
        operation_id="evidence_stage_read",
        tags=TAGS,
        summary="Read one stage's newest package",
        responses=shapes.StepOutput,
        examples=examples.STEP,
    )
    def get(self, request: Request, uid: uuid.UUID, stage: str) -> Response:
        return step_answer(self.trial(uid), stage)


class StageOpen(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_stage_open",
        tags=TAGS,
        summary="Open a stage (B2)",
        description="409 `predecessor_missing` before the stage it is built on. One that is open stays as it is.",
        request=shapes.MembersInput,
        responses={201: shapes.StepOutput},
        examples=[*examples.MEMBERS, *examples.STEP],
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID, stage: str) -> Response:
        values = accept(shapes.MembersInput, request).get("values", {})
        row = self.trial(uid)
        with under("values"):
            evidence_open(trial=row, stage=StageName(stage), values=values, **self.by)
        return step_answer(row, stage, status.HTTP_201_CREATED)


class StageChange(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_stage_change",
        tags=TAGS,
        summary="Change members of a package (B19)",
        description=(
            "What was decided on stays as it is: the change makes the next version, which waits for its own "
            "decision. The package is then built on the newest one before it."
        ),
        request=shapes.MembersInput,
        responses=shapes.StepOutput,
        examples=[*examples.MEMBERS, *examples.STEP],
    )
    def patch(self, request: Request, uid: uuid.UUID, stage: str) -> Response:
        values = accept(shapes.MembersInput, request).get("values", {})
        package = self.package(uid, stage)
        with under("values"):
            row = evidence_change(package=package, values=values, **self.by)
        return step_answer(row.trial, stage)


class StageDecide(EvidenceOperation):
    required_scope = Scope.EVIDENCE_APPROVE

    @extend_schema(
        operation_id="evidence_stage_decide",
        tags=TAGS,
        summary="Approve or reject a package (B19)",
        description=(
            "403 `four_eyes` for whoever wrote it (an API key is somebody of its own); 409 `digest_differs` when it "
            "changed since it was read, `package_blocked` with its `blockers`, or `already_approved`."
        ),
        request=shapes.DecisionInput,
        responses=shapes.StepOutput,
        examples=[*examples.DECISION, *examples.STEP],
    )
    def post(self, request: Request, uid: uuid.UUID, stage: str) -> Response:
        values = accept(shapes.DecisionInput, request)
        package = self.package(uid, stage)
        package_decide(package=package, **values, **self.by)
        return step_answer(package.trial, stage)


class GraceApprove(EvidenceOperation):
    required_scope = Scope.EVIDENCE_APPROVE

    @extend_schema(
        operation_id="evidence_grace_approve",
        tags=TAGS,
        summary="Approve a grace period (B10)",
        description="Extends nothing by itself; with `renew` the license gets that end, too.",
        request=shapes.GraceInput,
        responses={201: shapes.GraceOutput},
        examples=examples.GRACE,
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        values = accept(shapes.GraceInput, request)
        row = grace_approve(trial=self.trial(uid), **values, **self.by)
        return Response(shapes.GraceOutput(row).data, status=status.HTTP_201_CREATED)


class CheckList(EvidenceOperation):
    required_scope = Scope.TRIALS_READ

    @extend_schema(
        operation_id="evidence_checks_list",
        tags=TAGS,
        summary="List the newest answer of each door that was tried (B25)",
        responses=shapes.CheckOutput(many=True),
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return Response(shapes.CheckOutput(checks_of(self.trial(uid)), many=True).data)


class CheckAttest(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_checks_attest",
        tags=TAGS,
        summary="Attest whether a door is shut (B25)",
        description="Expected is always `blocked`; `allowed` keeps the closeout blocked until it is tried again.",
        request=shapes.AttestInput,
        responses={201: shapes.CheckOutput},
        examples=examples.CHECK,
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        values = accept(shapes.AttestInput, request)
        row = access_check_attest(
            trial=self.trial(uid), check=AccessCheck(values["check"]), result=CheckResult(values["result"]),
            reference=values["reference"], **self.by,
        )  # fmt: skip
        return Response(shapes.CheckOutput(row).data, status=status.HTTP_201_CREATED)


class LicenseCheck(EvidenceOperation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="evidence_checks_license",
        tags=TAGS,
        summary="Try the trial's license against our own validation (B25)",
        request=None,
        responses={201: shapes.CheckOutput},
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = license_check_run(trial=self.trial(uid), **self.by)
        return Response(shapes.CheckOutput(row).data, status=status.HTTP_201_CREATED)


class EvidenceExport(EvidenceOperation):
    required_scope = Scope.TRIALS_READ

    @extend_schema(
        operation_id="evidence_export",
        tags=TAGS,
        summary="Export a trial's evidence so that it may be shown in public (B20)",
        description=(
            "JSON, or Markdown for `?format=markdown` or `Accept: text/markdown`. Labels, states, opaque references, "
            "times and counts; with positions in the history and proofs. Its schema is at "
            "`/api/v1/evidence/schema.json`; the document names the address."
        ),
        parameters=[OpenApiParameter("format", str, enum=["json", "markdown"])],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT, (200, "text/markdown"): OpenApiTypes.STR,
        },
    )  # fmt: skip
    def get(self, request: Request, uid: uuid.UUID) -> HttpResponse:
        wanted = request.query_params.get("format") or _accepted(request)
        if wanted not in ("json", "markdown"):
            raise Invalid([FieldError("format", "unknown_format", "One of: json, markdown.")])
        document = evidence_export(trial=self.trial(uid), **self.by)
        return export_file(document, markdown=wanted == "markdown", name=f"evidence-{uid}")


class EvidenceSchema(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="evidence_schema",
        tags=TAGS,
        summary="Read the JSON Schema of exported evidence (B20)",
        responses={(200, "application/schema+json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(schema_text(), content_type="application/schema+json")


def _accepted(request: Request) -> str:
    return "markdown" if "text/markdown" in request.headers.get("Accept", "") else "json"
