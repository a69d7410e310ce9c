"""How a connection looks: its state in a word and a sentence, figures, progress, mapping."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString

from config.kit.display import instant, label, mono
from crm.domain.sync.fields import ObjectKind, Rule, fields_of
from crm.models import Connection
from crm.services.sync_access import mapping_of
from crm.sync_listings import buried_of, counts_of, progress_of

TITLES = {ObjectKind.COMPANY: "Companies", ObjectKind.PERSON: "People", ObjectKind.TASK: "Tasks"}
RULES = {Rule.ALWAYS: "ours wins", Rule.IF_EMPTY: "only where nothing stands", Rule.NEVER: "never sent"}

BURIED = 20
"""How many of the records that were deleted over there its page lists."""


def is_held(row: Connection, at: datetime) -> bool:
    return row.held_until is not None and row.held_until > at


def state_label(row: Connection, at: datetime) -> SafeString:
    if not row.enabled:
        return label("off")
    if row.paused_reason:
        return label("paused", "danger")
    return label("waiting", "warning") if is_held(row, at) else label("on", "success")


def meaning_of(row: Connection, at: datetime) -> str:
    if row.paused_reason and row.enabled:
        return f"It does not take our credentials. {row.paused_reason}"
    if not row.detected_at:
        return "Its fields were not read yet."
    if not row.enabled:
        return "Nothing is sent. What changes here is sent when it is switched on."
    if is_held(row, at):
        return f"It is left alone until {instant(row.held_until)}: {row.held_reason}"
    return "What changes here is sent within a minute."


def page_context(row: Connection) -> dict[str, Any]:
    """Facts, figures, the comparison, and where each of our fields goes."""
    counts = counts_of(row)
    return {
        "facts": [
            ("CRM", row.get_kind_display()),
            ("Address", mono(row.base_url)),
            ("Sends", ", ".join(TITLES[kind].lower() for kind in ObjectKind if kind in row.sends)),
            ("Budget", f"{row.budget_requests} requests in {row.budget_seconds} s, all workers together"),
            (
                "Webhook",
                mono(f"{settings.BASE_URL}/webhooks/crm/{row.uid}/")
                if row.secret_sealed
                else "no secret: nothing comes back from there",
            ),
            ("Deleted there", f"{counts['buried']:,}, which are not made again"),
            ("Fields read", instant(row.detected_at, none="never")),
            ("Asked last", instant(row.asked_at, none="never")),
        ],
        "figures": [
            ("Linked", counts["linked"], "", "Records that are one of ours."),
            (
                "Waiting",
                counts["waiting"] + counts["claimed"],
                _list(row, "syncjob", state__exact="waiting"),
                "",
            ),
            ("Failed", counts["failed"], _list(row, "syncjob", state__exact="failed"), ""),
            ("Conflicts", counts["conflicts"], _list(row, "syncconflict"), ""),
        ],
        "progress": progress_of(row),
        "buried": buried_of(row, BURIED),
        "buried_more": max(0, counts["buried"] - BURIED),
        "mapping": [_table(row, kind) for kind in ObjectKind if kind in row.sends] if row.detected_at else [],
    }


def _list(row: Connection, model: str, **filters: str) -> str:
    query = "&".join(
        f"{name}={value}" for name, value in {"connection__id__exact": row.pk, **filters}.items()
    )
    return f"{reverse(f'admin:crm_{model}_changelist')}?{query}"


def _table(row: Connection, kind: ObjectKind) -> dict[str, Any]:
    mapped = mapping_of(row)[kind]
    rows = []
    for field in fields_of(kind):
        target = mapped.get(field.name)
        if target is None or not target.to:
            rows.append([field.label, "nowhere", "-"])
        else:
            rows.append([field.label, mono(target.to), RULES[target.rule]])
    return {
        "title": TITLES[kind],
        "url": reverse("admin:crm_connection_mapping", args=[row.pk, kind.value]),
        "unmapped": sum(1 for cells in rows if cells[1] == "nowhere"),
        "table": {"headers": ["Ours", "Over there", "Who wins"], "rows": rows},
    }
