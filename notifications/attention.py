"""What of mail and webhooks waits for a person: sources of "Needs attention"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Max, Min
from django.urls import reverse

from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from config.kit.errors import NotFound
from notifications.models import Delivery, Message, WebhookEndpoint
from notifications.selectors.messages import messages_failed
from notifications.selectors.webhooks import endpoints, host_of
from notifications.services.replaying import deliveries_replay_dead
from notifications.services.resending import message_resend
from notifications.services.webhooks import webhook_update

MANAGE_WEBHOOKS = "notifications.manage_webhook"
LONGEST_KEY = 19


def register() -> None:
    """Called once, when the app starts."""
    for source in (MAIL, DEAD, SWITCHED_OFF):
        source_register(source)


# --- mail ---------------------------------------------------------------------------------------------


BECAME: dict[str, str] = {
    Message.State.FAILED: "It could not be sent.",
    Message.State.BOUNCED: "It came back.",
    Message.State.SUPPRESSED: "It was not sent, for the address is not written to:",
}


def _failed_mail(at: datetime) -> Iterator[Problem]:
    for row in messages_failed(at=at).defer("parts").iterator(chunk_size=100):
        yield Problem(
            key=str(row.pk),
            title=f"“{row.subject}” to {row.recipient}",
            cause=f"{BECAME[row.state]} {row.error[:300]}".strip(),
            since=row.settled_at or row.created_at,
            url=page_of(row),
        )


def _resend(key: str, *, actor: str, at: datetime) -> str:
    row = Message.objects.filter(pk=_number(key)).first()
    if row is None:
        raise NotFound
    message_resend(message=row, actor=actor, at=at)
    return f"It is sent to {row.recipient} again."


MAIL = Source(
    name="mail",
    title="Mail that did not arrive",
    find=_failed_mail,
    permissions=("notifications.view_message",),
    manage="notifications.resend_message",
    retry=_resend,
    retry_label="Send again",
    url=lambda: reverse("admin:notifications_message_changelist") + "?waits=1",
)


# --- webhooks -----------------------------------------------------------------------------------------


def _dead(_at: datetime) -> Iterator[Problem]:
    """One for each endpoint, however many of its deliveries are dead. A later death is another problem."""
    dead = Delivery.objects.filter(state=Delivery.State.DEAD, event__isnull=False, endpoint__deleted_at=None)
    counted = (
        dead.order_by().values("endpoint").annotate(n=Count("pk"), last=Max("pk"), since=Min("settled_at"))
    )
    found = {row["endpoint"]: row for row in counted}
    for row in endpoints().filter(pk__in=found).order_by("-pk"):
        here = found[row.pk]
        one = here["n"] == 1
        newest = Delivery.objects.filter(pk=here["last"]).values_list("last_error", flat=True).first() or ""
        yield Problem(
            key=f"{row.pk}-{here['last']}",
            title=f"{here['n']:,} webhook{'' if one else 's'} to {row.name} {'was' if one else 'were'} given up",
            cause=f"Every attempt within three days failed. The last: {newest or 'no answer'}",
            since=here["since"],
            url=f"{reverse('admin:notifications_delivery_changelist')}?endpoint__id__exact={row.pk}&state__exact=dead",
            retryable=row.enabled,
        )


def _replay(key: str, *, actor: str, at: datetime) -> str:
    count = deliveries_replay_dead(endpoint=_endpoint(key), actor=actor, at=at)
    return f"{count:,} {'is' if count == 1 else 'are'} on the way again."


DEAD = Source(
    name="webhooks",
    title="Webhooks that were given up",
    find=_dead,
    permissions=("notifications.view_delivery", MANAGE_WEBHOOKS),
    manage=MANAGE_WEBHOOKS,
    retry=_replay,
    retry_label="Send again",
    url=lambda: reverse("admin:notifications_delivery_changelist") + "?state__exact=dead",
)


def _switched_off(_at: datetime) -> Iterator[Problem]:
    """Endpoints that the sender switched off; what staff switch off is their own affair."""
    for row in endpoints().filter(enabled=False).exclude(disabled_reason="").order_by("-pk"):
        since = row.failing_since
        yield Problem(
            key=f"{row.pk}-{int(since.timestamp()) if since else 0}",
            title=f"Webhooks to {row.name} ({host_of(row)}) are switched off",
            cause=f"{row.disabled_reason} Nothing is sent there any more; a replay makes up for it later.",
            since=since,
            url=page_of(row),
            urgent=True,
        )


def _switch_on(key: str, *, actor: str, at: datetime) -> str:
    row = webhook_update(endpoint=_endpoint(key), changes={"enabled": True}, actor=actor, at=at)
    return f"{row.name} is on again. Send a test event, then what was missed."


SWITCHED_OFF = Source(
    name="webhook-endpoints",
    title="Webhook endpoints that were switched off",
    find=_switched_off,
    permissions=("notifications.view_webhookendpoint", MANAGE_WEBHOOKS),
    manage=MANAGE_WEBHOOKS,
    retry=_switch_on,
    retry_label="Switch on",
    url=lambda: reverse("admin:notifications_webhookendpoint_changelist") + "?enabled__exact=0",
)


def _endpoint(key: str) -> WebhookEndpoint:
    row = endpoints().filter(pk=_number(key.partition("-")[0])).first()
    if row is None:
        raise NotFound("There is no such webhook endpoint.")
    return row


def _number(key: str) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) < LONGEST_KEY):
        raise NotFound
    return int(key)
