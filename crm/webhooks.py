"""What outside CRMs tell: `POST /webhooks/crm/<connection>/`. Signed, kept once, answered, worked on later."""

from __future__ import annotations

import uuid

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, RawPostDataException, UnreadablePostError
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.kit import clock
from config.kit.api.parsers import MAX_BODY_BYTES, BodyTooLarge
from config.kit.api.problems import response as problem
from config.kit.errors import Malformed, NotFound, Refusal, Unavailable
from crm.gate import is_shown
from crm.services.sync_inbound import webhook_receive

log = structlog.get_logger(__name__)


class WrongMethod(Refusal):
    code = "method_not_allowed"
    status = 405
    title = "Only POST is answered here."


@csrf_exempt  # no browser comes here; the signature over the raw body is the credential
def crm_webhook(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Take what a CRM tells: 200 once it is kept, also when it was before. 404 while the section is off (D17)."""
    try:
        if not is_shown():
            raise NotFound
        if request.method != "POST":
            raise WrongMethod
        new = webhook_receive(
            uid=str(uid),
            headers={name.lower(): value for name, value in request.headers.items()},
            method="POST",
            uri=f"{settings.BASE_URL.rstrip('/')}{request.get_full_path()}",
            body=_body(request),
            at=clock.now(),
        )
    except (DatabaseError, InterfaceError):
        log.exception("crm_inbox_unavailable")
        return problem(Unavailable("The database does not answer.", retry_after=60))
    except Refusal as refusal:
        answer = problem(refusal)
        if isinstance(refusal, WrongMethod):
            answer["Allow"] = "POST"
        return answer
    log.info("crm_webhook", connection=str(uid), new=new)
    return HttpResponse(
        b'{"received":true}', content_type="application/json", headers={"Cache-Control": "no-store"}
    )


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


urlpatterns = [path("webhooks/crm/<uuid:uid>/", crm_webhook, name="crm_webhook")]
