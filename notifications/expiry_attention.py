"""What of digests and customer notices waits for a person: sources of "Needs attention"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from django.core.cache import cache
from django.urls import reverse

from config.kit.attention import Problem, Source, source_register
from config.kit.display import instant, page_of
from licenses.models import License
from notifications.models import ExpiryDigest, Stream
from notifications.selectors import digests, notices
from notifications.selectors.suppressions import suppression_of

CONFIGURE = "accounts.configure_notification"
VIEW = "notifications.view_expirydigest"
LATE = timedelta(hours=1)
"""A digest is looked for every ten minutes; so long after its hour something is wrong."""
MOST = 50
KEPT_SECONDS = 600
CACHE_KEY = "notices:unreachable"


def register() -> None:
    """Called once, when the app starts."""
    for source in (DIGESTS, NOTICES):
        source_register(source)


def _digests(at: datetime) -> Iterator[Problem]:
    for digest in digests.digests().filter(enabled=True).order_by("-pk"):
        yield from _of_digest(digest, at)


def _of_digest(digest: ExpiryDigest, at: datetime) -> Iterator[Problem]:
    found: dict[str, Any] = {"url": page_of(digest), "retryable": False}
    if not digest.recipients:
        yield Problem(
            key=f"{digest.pk}-nobody",
            title=f"Nobody receives the digest “{digest.name}”",
            cause="It is on and has no recipient, so nobody is told what expires.",
            **found,
        )
    elif all(suppression_of(address, Stream.DIGEST) for address in digest.recipients):
        yield Problem(
            key=f"{digest.pk}-suppressed",
            title=f"Nobody receives the digest “{digest.name}”",
            cause="None of its recipients is written to: each address stands under “Suppressions”.",
            **found,
        )
    try:
        day = digests.due_day(digest, at)
    except ZoneInfoNotFoundError:
        yield Problem(
            key=f"{digest.pk}-zone",
            title=f"The digest “{digest.name}” is never made",
            cause=f"The time zone {digest.zone} is not known here any more. Choose another.",
            urgent=True,
            **found,
        )
        return
    if day is None:
        return
    struck = digests.schedule_of(digest).hour_on(day)
    if at - struck >= LATE:
        yield Problem(
            key=f"{digest.pk}-{day}",
            title=f"The digest “{digest.name}” of {day} is late",
            cause=f"It was due at {instant(struck)} and is tried every ten minutes: the log says why it fails, "
            "unless beat or the workers stand still.",
            since=struck,
            urgent=True,
            **found,
        )


DIGESTS = Source(
    name="digests",
    title="Expiry digests",
    find=_digests,
    permissions=(VIEW, CONFIGURE),
    manage=CONFIGURE,
    lasting=True,
    url=lambda: reverse("admin:notifications_expirydigest_changelist"),
)


def _unreachable(at: datetime) -> Iterator[Problem]:
    """Who would be told now, had the account an address. Looked up every ten minutes, as the notices are."""
    policy = notices.policy_get()
    if not policy.enabled:
        return
    keys: list[int] | None = cache.get(CACHE_KEY)
    if keys is None:
        keys = list(notices.licenses_due(policy, at, reachable=False)[:MOST])
        cache.set(CACHE_KEY, keys, KEPT_SECONDS)
    rows = License.objects.filter(pk__in=keys, account__email="").select_related("account", "product")
    for row in rows.order_by("expires_at", "pk"):
        yield Problem(
            key=str(row.pk),
            title=f"{row.account.name} cannot be told that a license ends",
            cause=f"The license of {row.product.name} ends at {instant(row.expires_at)}, and the account has no "
            "e-mail address. Add one, and the customer is told within ten minutes.",
            url=page_of(row.account),
            retryable=False,
        )


NOTICES = Source(
    name="notices",
    title="Customers who cannot be told",
    find=_unreachable,
    permissions=(VIEW, CONFIGURE),
    manage=CONFIGURE,
    lasting=True,
    url=lambda: reverse("admin:notifications_noticepolicy_changelist"),
)
