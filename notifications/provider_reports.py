"""Delivery webhooks of the mail provider: anymail reads and verifies them, `report_record` keeps them.

Mounted for the configured provider only, and only with SIGNET_MAIL_WEBHOOK_SECRET: the addresses are
anymail's own, `/anymail/<provider>/tracking/`. Receiving anymail's signal is how anymail hands reports
over; the product has no signals of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import structlog
from anymail import urls as anymail_urls
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import tracking
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import Counter

from config.kit import actors
from config.kit.api import problems
from config.kit.clock import now
from config.kit.errors import Unavailable
from notifications.domain.reports import Report, is_soft
from notifications.sending import METADATA
from notifications.services.reports import Reported, report_record

REPORTS = Counter("signet_mail_reports", "Reports of the mail provider by outcome", ["outcome"])
log = structlog.get_logger(__name__)

KEPT = frozenset(Report)
ODD_NAMES = {"mandrill": "mandrill_webhook"}
LONGEST_ID = 200
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading raises over a body that is not what the provider sends."""


class WebhookUnset(Unavailable):
    """A setting that anymail needs to verify the provider's webhooks is missing; the provider tries again."""

    code = "mail_webhook_unset"
    title = "The webhooks of the mail provider are not set up completely."


def provider_patterns() -> Iterator[URLPattern]:
    """The route of the configured provider's delivery webhook; none without a secret."""
    if not settings.ANYMAIL["WEBHOOK_SECRET"]:
        return
    tracking.connect(receive, dispatch_uid=__name__)
    wanted = ODD_NAMES.get(settings.MAIL_PROVIDER, f"{settings.MAIL_PROVIDER}_tracking_webhook")
    for pattern in anymail_urls.urlpatterns:
        if pattern.name == wanted:
            view = _guarded(pattern.callback.view_class)
            yield path(f"anymail/{pattern.pattern}", view, name=f"anymail_{pattern.name}")


def _guarded(view_class: Any) -> Callable[..., HttpResponseBase]:
    """The provider's view, for which a body that cannot be read is a 400 and an outage of ours a 503."""

    class Guarded(view_class):  # type: ignore[misc] # anymail ships no types
        def run_validators(self, request: HttpRequest) -> None:
            _readable(lambda: super(Guarded, self).run_validators(request))

        def parse_events(self, request: HttpRequest) -> Any:
            return _readable(lambda: list(super(Guarded, self).parse_events(request)))

    view = Guarded.as_view()

    @csrf_exempt  # a provider has no cookie; it shows the webhook's secret instead
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = view(request, *args, **kwargs)
        except ImproperlyConfigured as error:
            log.exception("mail_webhook_unset", setting=str(error).splitlines()[0])
            return problems.response(WebhookUnset())
        except Exception as error:
            refusal = problems.refusal_of(error)
            if refusal is None:
                raise
            return problems.response(refusal)
        return response

    return answer


def _readable(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except UNREADABLE as error:
        raise AnymailWebhookValidationFailure("The body is none of the provider's.") from error


def receive(event: Any, esp_name: str, **_: Any) -> None:
    """Keep one report. One about a message that is not ours is counted and answered with 200: there is
    nothing that the provider could do better by trying again.
    """
    at = now()
    reported = _readable(lambda: read(event, provider_slug(esp_name), at))
    if reported is None:
        REPORTS.labels("ignored").inc()
        return
    message = report_record(reported=reported, actor=actors.system(f"mail-{reported.provider}"), at=at)
    REPORTS.labels("unknown" if message is None else "recorded").inc()
    log.info(
        "mail_report",
        provider=reported.provider,
        report=str(reported.report),
        message=str(message.uid) if message else "unknown",
    )


def provider_slug(esp_name: str) -> str:
    """`Amazon SES` → `amazon_ses`: the name under which a sent message keeps its provider."""
    return esp_name.lower().replace(" ", "_")


def read(event: Any, provider: str, at: Any) -> Reported | None:
    """An event of anymail as a report of ours; None for what tells nothing of the delivery, as openings do."""
    if event.event_type not in KEPT:
        return None
    return Reported(
        provider=provider,
        event_id=_event_id(event, provider),
        report=Report(event.event_type),
        message_id=_text(event.message_id),
        uid=_text((event.metadata or {}).get(METADATA)),
        reason=_text(event.reject_reason),
        soft=is_soft(event.esp_event),
        detail=_text(event.mta_response or event.description or event.reject_reason),
        at=event.timestamp.astimezone(UTC) if event.timestamp else at,
    )


def _text(value: Any) -> str:
    """A text that any database takes: JSON may hold NUL and halves of characters."""
    return str(value or "").replace("\x00", "").encode("utf-8", "replace").decode()


def _event_id(event: Any, provider: str) -> str:
    """The provider's id of the event. Some events have none: then what it says is its id, however often it comes."""
    told = event.event_id or f"{event.message_id}/{event.recipient}/{event.timestamp}"
    text = f"{provider}:{event.event_type}:{told}"
    if len(text) <= LONGEST_ID and text.isprintable():
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
