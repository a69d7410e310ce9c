"""Asking for a trial, by storefronts and by strangers; reading and steering trials by scripts."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from accounts.models import Account
from config.kit.addresses import address_of
from config.kit.api.inspector import listed
from config.kit.api.permissions import PUBLIC, MissingScope, Scope
from config.kit.api.throttling import ClientThrottle
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import FieldError, Invalid, NotFound, Unauthenticated
from licenses import listings
from licenses import selectors as licenses_selectors
from licenses.api.fields import accept
from licenses.api.shapes.licenses import ReasonInput
from trials import listings as trial_listings
from trials import selectors
from trials.api import shapes
from trials.api.filters import TrialFilter
from trials.models import Trial, TrialProgram
from trials.services.requesting import Asking, Requested, request_confirm, trial_request
from trials.services.running import trial_end, trial_extend, trial_revoke
from trials.strangers import Received, asking_of, stranger_asks

TAGS = ["trials"]


class TrialThrottle(ClientThrottle):
    """Strangers are counted by address, and never go uncounted (trust: API limits)."""

    open_in_outage = False
    anonymous_limit = "TRIAL_LIMIT"


class TrialCreate(Operation):
    required_scope = PUBLIC
    throttle_classes = (TrialThrottle,)

    @extend_schema(
        operation_id="trials_create",
        tags=TAGS,
        summary="Ask for a trial (A21)",
        description=(
            "With a credential of scope `trials:request`: 201 with a new trial, 200 with the one that runs, 202 "
            "while it waits for an operator. Without one, for programs that are public: 202, always, and "
            "everything else by mail. 409 `trial_used` inside the cooldown."
        ),
        request=shapes.TrialRequestInput,
        responses={
            201: shapes.RequestedOutput, 200: shapes.RequestedOutput, 202: shapes.ReceivedOutput,
        },
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        values = accept(shapes.TrialRequestInput, request)
        program = _program(values)
        if not self.principal.is_authenticated:
            return self._stranger(request, program, values)
        if Scope.TRIALS_REQUEST not in self.principal.scopes:
            raise MissingScope(
                f"This needs the scope {Scope.TRIALS_REQUEST}.", scope=str(Scope.TRIALS_REQUEST)
            )
        asked = trial_request(
            program=program, asking=asking_of(values, trusted=True), account=self._account(values),
            actor=self.principal.actor, at=self.at,
        )  # fmt: skip
        return _requested(asked)

    def _account(self, values: dict[str, Any]) -> Account | None:
        """Whom the trial is for: the group that is named, or the one that the credential belongs to."""
        caller = self.principal
        if "group" in values:
            return listings.account_named(values["group"], caller, field="group")
        if caller.sees_every_group or not caller.groups:
            return None
        if len(caller.groups) > 1:
            raise Invalid([FieldError("group", "required", "Name the group: this credential has several.")])
        return listings.account_named(next(iter(caller.groups)), caller, field="group")

    def _stranger(self, request: Request, program: TrialProgram, values: dict[str, Any]) -> Response:
        if "Authorization" in request.headers:  # a storefront with a broken key learns so
            raise Unauthenticated
        if "group" in values:
            raise Invalid([FieldError("group", "not_yours", "Only a storefront may name a group.")])
        address = address_of(request._request)  # noqa: SLF001 - DRF's public seam
        return _received(stranger_asks(program=program, values=values, address=address, at=self.at))


class RequestConfirm(Operation):
    required_scope = PUBLIC
    throttle_classes = (TrialThrottle,)
    authentication_classes = ()

    @extend_schema(
        operation_id="trial_requests_confirm",
        tags=TAGS,
        summary="Enter the mailed code of a request",
        description="400 `code_wrong` with `tries_left`; 409 `code_lapsed` after an hour or five tries.",
        request=shapes.ConfirmInput,
        responses={202: shapes.ReceivedOutput},
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = selectors.request_by_uid(uid)
        if row is None:
            raise NotFound
        request_confirm(request=row, code=accept(shapes.ConfirmInput, request)["code"], at=self.at)
        return _received(Received(uid, needs_code=False))


class OperatorTrial(Operation):
    required_scope = Scope.TRIALS_REQUEST

    @extend_schema(
        operation_id="operator_trial",
        tags=["license operator"],
        summary="Issue the trial license of a group, or answer with the one that runs (E21)",
        description=(
            "201 with a new trial, 200 with the active one, 202 while an operator decides, 403 `not_your_group` "
            "for a credential of other groups, 409 `trial_used` inside the cooldown."
        ),
        request=shapes.OperatorTrialInput,
        responses={(201, "text/plain"): OpenApiTypes.STR, (200, "text/plain"): OpenApiTypes.STR},
    )
    @idempotent
    def post(self, request: Request, group: str) -> HttpResponse:
        values = accept(shapes.OperatorTrialInput, request)
        product = licenses_selectors.product_by_key(values["productKey"])
        asked = trial_request(
            program=selectors.program_of(product),
            asking=Asking(
                email=values["email"],
                trusted=True,
                terms_version=values.get("termsVersion", ""),
                answers=values.get("answers"),
            ),
            account=listings.group_account(group, self.principal),
            actor=self.principal.actor,
            at=self.at,
        )
        if asked.granted is None:
            return _requested(asked)
        return HttpResponse(
            asked.granted.issued.text.encode(),
            content_type="text/plain; charset=utf-8",
            status=_status(asked),
        )


@listed(
    operation_id="trials_list",
    tags=TAGS,
    summary="List trials, newest first",
    responses=shapes.TrialOutput(many=True),
)
class TrialList(ListOperation):
    required_scope = Scope.TRIALS_READ
    filterset_class = TrialFilter
    output = shapes.TrialOutput

    def rows(self) -> QuerySet[Trial]:
        return trial_listings.trials_for(self.principal)


class TrialRead(Operation):
    required_scope = Scope.TRIALS_READ

    @extend_schema(
        operation_id="trials_read", tags=TAGS, summary="Read one trial", responses=shapes.TrialOutput
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return Response(shapes.TrialOutput(trial_listings.trial_get(uid, self.principal)).data)


class TrialExtend(Operation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="trials_extend",
        tags=TAGS,
        summary="Extend a trial by what its program allows",
        description="409 `extension_used` or `trial_ended`.",
        request=None,
        responses=shapes.TrialOutput,
    )
    @idempotent
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = trial_listings.trial_get(uid, self.principal)
        trial_extend(trial=row, actor=self.principal.actor, at=self.at)
        return Response(shapes.TrialOutput(trial_listings.trial_get(uid, self.principal)).data)


class TrialEnd(Operation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="trials_end",
        tags=TAGS,
        summary="End a trial that leads nowhere",
        description=(
            "Its license runs out by itself; `revoke` stops it at once. The reason stands in the license's notes."
        ),
        request=ReasonInput,
        responses=shapes.TrialOutput,
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = trial_end(
            trial=trial_listings.trial_get(uid, self.principal),
            **accept(ReasonInput, request), actor=self.principal.actor, at=self.at,
        )  # fmt: skip
        return Response(shapes.TrialOutput(row).data)


class TrialRevoke(Operation):
    required_scope = Scope.TRIALS_MANAGE

    @extend_schema(
        operation_id="trials_revoke",
        tags=TAGS,
        summary="Revoke the license of a trial",
        request=ReasonInput,
        responses=shapes.TrialOutput,
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = trial_revoke(
            trial=trial_listings.trial_get(uid, self.principal),
            **accept(ReasonInput, request), actor=self.principal.actor, at=self.at,
        )  # fmt: skip
        return Response(shapes.TrialOutput(row).data)


def _program(values: dict[str, Any]) -> TrialProgram:
    if values.get("program"):
        return selectors.program_get(values["program"])
    if values.get("product_key"):
        return selectors.program_of(listings.product_get(values["product_key"]))
    raise Invalid([FieldError("product_key", "required", "Name the product or the program.")])


def _requested(asked: Requested) -> Response:
    asked.request.again = asked.granted is not None and not asked.granted.created  # type: ignore[attr-defined] # for the shape
    return Response(shapes.RequestedOutput(asked.request).data, status=_status(asked))


def _status(asked: Requested) -> int:
    if asked.granted is None:
        return status.HTTP_202_ACCEPTED
    return status.HTTP_201_CREATED if asked.granted.created else status.HTTP_200_OK


def _received(received: Received) -> Response:
    told = {
        "request": received.uid,
        "state": "code" if received.needs_code else "mail",
        "message": received.message,
    }
    return Response(shapes.ReceivedOutput(told).data, status=status.HTTP_202_ACCEPTED)
