"""`Idempotency-Key` for creating operations: one decorator on `post`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import IdempotencyKeyMalformed
from accounts.services import idempotency
from accounts.services.idempotency import Answer, Claim
from config.kit.api.views import Operation
from config.kit.errors import Refusal

KEY = re.compile(r"[\x21-\x7e]{1,255}")
REPEATED = ("Content-Type", "Content-Disposition", "Location")
HTTP_REFUSED = 400

Handler = Callable[..., HttpResponse]

PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description=(
        "A text of your choice, such as a UUID, 1 to 255 visible ASCII characters. Sent again with the same "
        "body it gives the first answer, with the header `Idempotency-Replayed: true`; with another body 422 "
        "`idempotency_key_reused`; while the first call runs 409 `idempotency_in_progress`; for a credential that "
        "sees fewer groups than it did then 403 `idempotency_other_groups`. The whole answer is kept for it, sealed, "
        "for 24 hours, a license text or a token in it too. Refusals are not kept: after one, the same key may be "
        "used for the corrected request."
    ),
)


def idempotent(post: Handler) -> Any:
    """Make a `post` of an Operation repeatable under an `Idempotency-Key`.

    The key belongs to the credential that sent it; callers without one are served as if there were no key,
    for an answer must never reach a stranger. Everything that `post` does stands in one transaction with
    the kept answer, so it may not call another machine, nor a service that demands to be outermost.
    """

    @extend_schema(parameters=[PARAMETER])
    @wraps(post)
    def repeatable(view: Operation, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or not view.principal.is_authenticated:
            return post(view, request, *args, **kwargs)
        if not KEY.fullmatch(key):
            raise IdempotencyKeyMalformed
        use = idempotency.claim(
            client=view.principal.client,
            key=key,
            method=str(request.method),
            path=request.get_full_path(),
            body=request.data,
            sight=view.principal.sight,
        )
        return _once(use, view, lambda: post(view, request, *args, **kwargs))

    return repeatable


def _once(use: Claim, view: Operation, call: Callable[[], HttpResponse]) -> HttpResponse:
    refusal: Exception | None = None
    with idempotency.held(use):
        answer = idempotency.answer_find(use, at=view.at)
        if answer is not None:
            return _replay(answer)
        try:
            response = call()
        except (Refusal, APIException) as error:
            # A service that refuses has undone its own work; what it left on purpose, such as the record
            # of a denial, stays, as it would without a key.
            refusal = error
        else:
            if response.status_code < HTTP_REFUSED:
                _keep(use, view, response)
    if refusal is not None:
        raise refusal
    return response


def _keep(use: Claim, view: Operation, response: HttpResponse) -> None:
    headers = {name: response.headers[name] for name in REPEATED if name in response.headers}
    if isinstance(response, Response):
        body: bytes = JSONRenderer().render(response.data)
        headers["Content-Type"] = "application/json"
    else:
        body = response.content
    idempotency.answer_keep(use, status=response.status_code, headers=headers, body=body, at=view.at)


def _replay(answer: Answer) -> HttpResponse:
    headers = {**answer.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(answer.body, status=answer.status, headers=headers)
