"""The content of a digest: its list from one streamed query, and what the mail says of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from config.kit.csv import csv_lines
from licenses.domain.enums import Kind, LicenseStatus
from notifications.digest_follow_ups import NOTHING, FollowUps, follow_ups_at
from notifications.domain.days import local_day
from notifications.domain.digest import (
    INTERNAL,
    LOOK_BACK,
    MONTH_DAYS,
    WEEK_DAYS,
    Line,
    Section,
    Span,
    Tally,
    span_of,
)
from notifications.domain.headers import one_line
from notifications.models import ExpiryDigest
from notifications.parts import Attachment
from notifications.selectors.digests import expiring_lines, told_before

LINES = 100
"""Most lines in the mail itself; a longer list comes as a file as well."""
FILE_LINES = 20_000
"""Most lines in the file: more is no mail any more, and the list of the admin exports it."""
LICENSE_PAGE = "admin:licenses_license_change"
GROUPS = (*(kind.value for kind in Kind), INTERNAL)
HEADER = (
    "Account", "Product", "License type", "Kind", "Internal", "License count", "Creator", "Creation date",
    "Expires", "Days left", "License", "Link",
)  # fmt: skip
Shown = Mapping[tuple[Section, str], list[Line]]
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # without it a spreadsheet takes UTF-8 for something else


@dataclass(frozen=True, slots=True)
class Content:
    """A list of a day: how many there are, the first of each part, and a file of them all."""

    span: Span
    tally: Tally
    file: bytes
    follow_ups: FollowUps = NOTHING

    @property
    def is_long(self) -> bool:
        return self.tally.total > LINES

    @property
    def has_news(self) -> bool:
        """Is there anything to say: a license in the list, or a follow-up that is late?"""
        return bool(self.tally.total or self.follow_ups.overdue)


def content_of(digest: ExpiryDigest, *, day: date, at: datetime) -> Content:
    """Read the list of a day: one query, streamed; what is kept does not grow beyond `FILE_LINES`.

    How follow-ups of trials stand is as of `at`, and left out of the list of another day.
    """
    span = span_of(
        day,
        ZoneInfo(digest.zone),
        days_ahead=digest.days_ahead,
        begins=digest.created_at,
        told=told_before(digest, day),
    )
    tally, file = Tally(LINES), io.BytesIO()
    file.write(BOM.encode())
    for piece in csv_lines(HEADER, _rows(expiring_lines(span, digest), tally)):
        file.write(piece.encode())
    about_trials = Kind.TRIAL in digest.kinds and local_day(at, span.zone) == day
    return Content(span, tally, file.getvalue(), follow_ups_at(at) if about_trials else NOTHING)


def _rows(lines: Iterator[Line], tally: Tally) -> Iterator[tuple[Any, ...]]:
    """The rows of the file; every line is counted, those beyond the file as well."""
    left = FILE_LINES
    for line in lines:
        tally.add(line)
        if left:
            left -= 1
            yield (
                line.account, line.product, line.plan, line.kind, line.internal, line.quantity, line.creator,
                line.created_at, line.expires_at, line.days_left, line.public_id, _page(LICENSE_PAGE, line.license_id),
            )  # fmt: skip


def attachments_of(content: Content) -> tuple[Attachment, ...]:
    """The list as a file, when it does not fit the mail."""
    if not content.is_long:
        return ()
    name = f"expiring-licenses-{content.span.day.isoformat()}.csv"
    return (Attachment(name, "text/csv", content.file),)


# --- what the mail says -----------------------------------------------------------------------------------


def context_of(digest: ExpiryDigest, content: Content, *, at: datetime) -> dict[str, Any]:
    """What the template `expiry_digest` shows: texts, numbers and addresses of pages."""
    span, tally = content.span, content.tally
    shown = tally.shown(GROUPS)
    made_on = local_day(at, span.zone)
    return {
        "digest": digest.name,
        "day": _long_day(span.day),
        "short_day": f"{span.day:%a} {span.day.day} {span.day:%b}",
        "zone": digest.zone,
        "made_on": "" if made_on == span.day else _long_day(made_on),
        "days_ahead": digest.days_ahead,
        "total": tally.total,
        "today": tally.of_section(Section.TODAY),
        "since": tally.of_section(Section.SINCE),
        "ahead": tally.total - tally.expired,
        "groups": [group.capitalize() for group in _groups(tally)],
        "summary": list(_summary(digest, content)),
        "sections": list(_sections(digest, content, shown, at)),
        "follow_ups": content.follow_ups.context(_absolute),
        "hidden": tally.total - sum(len(lines) for lines in shown.values()),
        "list_url": _list_url(digest, span.since, span.until),
        "file": _file(content),
        "cut": span.cut,
        "settings_url": _absolute(reverse("admin:notifications_expirydigest_change", args=[digest.pk])),
    }


def _file(content: Content) -> dict[str, Any]:
    attached = attachments_of(content)
    lines = min(content.tally.total, FILE_LINES)
    return {"name": attached[0].name, "lines": lines} if attached else {}


def _groups(tally: Tally) -> list[str]:
    return [group for group in GROUPS if any(group == there for _, there in tally.counts)]


def _summary(digest: ExpiryDigest, content: Content) -> Iterator[dict[str, Any]]:
    """The counts by time and kind, each with the list behind it."""
    span, tally = content.span, content.tally
    for where in Section:
        bounds, count = _bounds(span, where), tally.of_section(where)
        if count:
            yield {
                "title": _title(digest, span, where),
                "cells": [
                    {
                        "count": tally.counts.get((where, group), 0),
                        "url": _list_url(digest, *bounds, group=group),
                    }
                    for group in _groups(tally)
                ],
                "count": count,
                "url": _list_url(digest, *bounds),
            }


def _sections(digest: ExpiryDigest, content: Content, shown: Shown, at: datetime) -> Iterator[dict[str, Any]]:
    span, tally = content.span, content.tally
    for where in Section:
        if tally.of_section(where):
            yield {
                "name": where.value,
                "title": _title(digest, span, where),
                "count": tally.of_section(where),
                "url": _list_url(digest, *_bounds(span, where)),
                "parts": [
                    {
                        "title": group.capitalize(),
                        "count": tally.counts[where, group],
                        "lines": [_line(line, span.zone, at) for line in lines],
                        "more": tally.counts[where, group] - len(lines),
                        "url": _list_url(digest, *_bounds(span, where), group=group),
                    }
                    for (there, group), lines in shown.items()
                    if there is where
                ],
            }


def _line(line: Line, zone: ZoneInfo, at: datetime) -> dict[str, Any]:
    return {
        "account": one_line(line.account),
        "account_url": _page("admin:accounts_account_change", line.account_id),
        "product": one_line(line.product),
        "plan": one_line(line.plan),
        "quantity": line.quantity,
        "creator": one_line(line.creator),
        "created": _day(line.created_at.astimezone(zone)),
        "ends": _day(line.expires_at.astimezone(zone)),
        "left": _left(line, zone, at),
        "url": _page(LICENSE_PAGE, line.license_id),
    }


def _left(line: Line, zone: ZoneInfo, at: datetime) -> str:
    days = line.days_left
    if days == 0:
        return f"{'ended' if line.expires_at <= at else 'ends'} {line.expires_at.astimezone(zone):%H:%M}"
    if days < 0:
        return "1 day ago" if days == -1 else f"{-days} days ago"
    return "tomorrow" if days == 1 else f"in {days} days"


def _title(digest: ExpiryDigest, span: Span, where: Section) -> str:
    """The heading of a section, in days that the digest reaches."""
    ahead = digest.days_ahead
    return {
        Section.SINCE: _since(span),
        Section.TODAY: f"Today, {span.day:%A} {span.day.day} {span.day:%B}",
        Section.WEEK: "Tomorrow" if ahead == 1 else f"In the next {min(ahead, WEEK_DAYS)} days",
        Section.MONTH: f"In {WEEK_DAYS + 1} to {min(ahead, MONTH_DAYS)} days",
        Section.LATER: f"In {MONTH_DAYS + 1} to {ahead} days",
    }[where]


def _since(span: Span) -> str:
    if span.cut:
        return f"Expired in the last {LOOK_BACK.days} days"
    day = local_day(span.first, span.zone)
    return f"Expired since {'the digest of ' if span.reopened else ''}{day:%A} {day.day} {day:%B}"


def _bounds(span: Span, where: Section) -> tuple[datetime, datetime]:
    """The span of a section as the admin's list can show it: by the end alone."""
    first, until = span.bounds(where)
    return (span.since, until) if first < span.since < until else (first, until)


def _list_url(digest: ExpiryDigest, first: datetime, until: datetime, *, group: str = "") -> str:
    """The list of licenses in the admin that shows the same ones."""
    query = {
        "expires_at__gte": first.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expires_at__lt": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "status__exact": LicenseStatus.ACTIVE.value,
    }
    if group and group != INTERNAL:
        query["kind__exact"] = group
    elif len(digest.kinds) < len(Kind):
        query["kind__in"] = ",".join(digest.kinds)
    if group or not digest.include_internal:
        query["internal__exact"] = "1" if group == INTERNAL else "0"
    return _absolute(f"{reverse('admin:licenses_license_changelist')}?{urlencode(query)}")


def _page(name: str, pk: int) -> str:
    before, after = _page_parts(name)
    return f"{settings.BASE_URL}{before}{pk}{after}"


@cache  # resolving a name costs more than the rest of a line
def _page_parts(name: str) -> tuple[str, str]:
    before, _, after = reverse(name, args=[0]).rpartition("0")
    return before, after


def _absolute(path: str) -> str:
    return f"{settings.BASE_URL}{path}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _long_day(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"
