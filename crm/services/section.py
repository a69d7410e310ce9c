"""Switching the section on with a license key, and off again (D17). Its data stays where it is."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.locks import locked
from crm.errors import NotEntitled
from crm.gate import ENTITLEMENT, is_entitled
from crm.models import Section
from history.domain.kinds import Kind
from history.services import record
from licenses.domain.own_license import Standing
from licenses.services.selflicense import selflicense_activate

SUBJECT = f"section:{ENTITLEMENT}"


def section_read() -> Section:
    """The one row, were it not there yet."""
    return Section.objects.filter(pk=Section.ONLY).first() or Section()


def section_activate(*, text: str = "", actor: str, at: datetime) -> Section:
    """Show the section. `text` is a key for this Signet; without one the key in force must carry the entitlement.

    A key that does not carry it is not taken. Activating asks the master, so call it outside a transaction. Raises
    NotEntitled (409), and what activating a key refuses.
    """
    if text.strip():
        selflicense_activate(text=text, actor=actor, at=at, accept=_refuse_without)
    if not is_entitled():
        raise NotEntitled
    return _switch(Kind.SECTION_ACTIVATED, active=True, actor=actor, at=at)


def _refuse_without(standing: Standing) -> None:
    """A good key that lacks the entitlement, or whose row does, must not take the place of the one in force."""
    if not standing.holds(ENTITLEMENT):
        raise NotEntitled("This key is good, and does not carry the CRM. The key in force stays.")


def section_deactivate(*, actor: str, at: datetime) -> Section:
    """Hide the section. The reader goes on, so that nothing is missing when it comes back."""
    return _switch(Kind.SECTION_DEACTIVATED, active=False, actor=actor, at=at)


def _switch(kind: Kind, *, active: bool, actor: str, at: datetime) -> Section:
    with transaction.atomic():
        Section.objects.get_or_create(pk=Section.ONLY, defaults={"at": at})
        row = locked(Section.objects.filter(pk=Section.ONLY)).get()
        if row.active == active:
            return row
        row.active, row.by, row.at = active, actor, at
        row.save(update_fields=["active", "by", "at"])
        record(kind=kind, subject=SUBJECT, actor=actor, data={"entitlement": ENTITLEMENT}, at=at)
    return row
