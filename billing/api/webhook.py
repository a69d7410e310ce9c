"""Stripe's webhooks: `POST /api/v1/stripe/webhook` and the License Operator's path, both of the default profile.

Answered before sessions, CSRF and DRF, because Stripe sends in bursts and wants its answer soon: the signature
over the raw body is the credential. Profiles of their own have `…/webhook/<slug>`, on the ordinary way.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import Counter

from billing.services.inbox import event_receive
from config.kit import clock
from config.kit.api.parsers import MAX_BODY_BYTES, BodyTooLarge
from config.kit.api.problems import response as problem
from config.kit.errors import Malformed, Refusal, Unavailable
from config.kit.middleware import hot_path

PATH = "/api/v1/stripe/webhook"
OPERATOR_PATH = "/authlance/license/stripe/webhook"

log = logging.getLogger("signet.stripe")
RECEIVED = Counter("signet_stripe_events", "Webhook events of Stripe's by outcome", ["outcome"])


class WrongMethod(Refusal):
    code = "method_not_allowed"
    status = 405
    title = "Only POST is answered here."


@csrf_exempt
def webhook(request: HttpRequest) -> HttpResponse:
    """Take one event of the default profile: 200 once it is stored, also when it was before."""
    return _receive(request, "")


@csrf_exempt
def merchant_webhook(request: HttpRequest, merchant: str) -> HttpResponse:
    """Take one event of the profile that the address names."""
    return _receive(request, merchant)


hot_path(PATH)(webhook)
hot_path(OPERATOR_PATH)(webhook)
for _view in (webhook, merchant_webhook):
    vars(_view).update(handlers={"POST": _view})  # which methods the API document has to name


def _receive(request: HttpRequest, merchant: str) -> HttpResponse:
    if request.method != "POST":
        refused = problem(WrongMethod())
        refused["Allow"] = "POST"
        return refused
    try:
        signature = request.META.get("HTTP_STRIPE_SIGNATURE", "")
        new = event_receive(merchant=merchant, payload=_body(request), signature=signature, at=clock.now())
    except (DatabaseError, InterfaceError):
        log.exception("stripe_inbox_unavailable")
        return _refused(Unavailable("The database does not answer.", retry_after=60))
    except Refusal as refusal:
        return _refused(refusal)
    _counter("new" if new else "duplicate").inc()
    return HttpResponse(
        b'{"received":true}', content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _refused(refusal: Refusal) -> HttpResponse:
    _counter(refusal.code).inc()
    return problem(refusal)


@cache  # the outcomes are a closed list
def _counter(outcome: str) -> Any:
    return RECEIVED.labels(outcome)


def _body(request: HttpRequest) -> bytes:
    """The raw bytes. What is too large is refused by its announced length, unread."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or not length.isascii():
        raise Malformed("The length of the body is no number.")
    if int(length) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"A request body has at most {MAX_BODY_BYTES} bytes.")
    try:
        return request.body
    except (UnreadablePostError, RawPostDataException) as error:
        raise Malformed("The body did not arrive whole.") from error
