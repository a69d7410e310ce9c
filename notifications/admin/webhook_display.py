"""How endpoints and deliveries look."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.kit.display import instant, label, page_of
from notifications.models import Delivery, DeliveryAttempt, WebhookEndpoint

STATE_TONES = {
    Delivery.State.QUEUED: "info",
    Delivery.State.CLAIMED: "info",
    Delivery.State.DELIVERED: "success",
    Delivery.State.DEAD: "danger",
}
SENTENCES = {
    Delivery.State.DEAD: "Every attempt failed. It waits for somebody to send it again.",
    Delivery.State.CANCELLED: "It was cancelled: the endpoint was switched off or deleted before it arrived.",
    Delivery.State.CLAIMED: "It is being sent at this moment.",
}
STATE_WORDS = {Delivery.State.QUEUED: "waiting", Delivery.State.CLAIMED: "sending"}


def endpoint_label(row: WebhookEndpoint) -> SafeString:
    if not row.enabled:
        return label("off", "danger" if row.disabled_reason else "warning")
    return label("failing", "warning") if row.failing_since else label("on", "success")


def delivery_label(row: Delivery) -> SafeString:
    if row.state == Delivery.State.DEAD and row.event_id is None:
        return label("failed", "danger")  # a test: nobody waits for it
    return label(STATE_WORDS.get(row.state, row.state), STATE_TONES.get(row.state, ""))  # type: ignore[call-overload] # words are str


def status_label(attempt: DeliveryAttempt | Delivery) -> SafeString:
    """The status of an answer, or that there was none."""
    status = attempt.status if isinstance(attempt, DeliveryAttempt) else attempt.last_status
    if status is None:
        return label("no answer", "danger")
    return label(str(status), "success" if 200 <= status < 300 else "danger")  # noqa: PLR2004 - the class of success


def events_in_words(row: WebhookEndpoint) -> str:
    if not row.kinds:
        return "every event"
    return row.kinds[0] if len(row.kinds) == 1 else f"{len(row.kinds)} kinds of event"


def log_url(row: WebhookEndpoint, **filters: str) -> str:
    """The log of deliveries, filtered to an endpoint."""
    query = urlencode({"endpoint__id__exact": row.pk, **filters})
    return f"{reverse('admin:notifications_delivery_changelist')}?{query}"


def what_next(row: Delivery, at: datetime) -> str:
    """What happens with a delivery, in a sentence."""
    if row.state == Delivery.State.DELIVERED:
        return f"It arrived on {instant(row.settled_at)}."
    if row.state == Delivery.State.DEAD and row.event_id is None:
        return "The test failed. It is not repeated by itself."
    if row.state in SENTENCES:
        return SENTENCES[row.state]  # type: ignore[index] # words are str
    if row.due_at is None or row.due_at <= at:
        return "It is sent within seconds."
    return f"Attempt {row.attempts + 1} is due on {instant(row.due_at)}."


def delivery_link(row: Delivery, text: str) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', page_of(row), text)


def deliveries_table(rows: Iterable[Delivery]) -> dict[str, Any]:
    return {
        "headers": ["Written", "Event", "State", "Attempts", "Answer"],
        "rows": [
            [
                instant(row.created_at),
                delivery_link(row, row.kind),
                delivery_label(row),
                str(row.attempts),
                (row.last_error or (str(row.last_status) if row.last_status else "-"))[:80],
            ]
            for row in rows
        ],
    }


def pretty(body: str) -> str:
    """The body as people read it; the bytes that are signed have no spaces."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
