"""Whether the section is to be seen (D17): switched on, and our own license carries it. The one place that asks.

Both are read each time, so that a live entitlement that goes takes the section with it.
"""

from __future__ import annotations

from django.http import HttpRequest

from crm.models import Section

ENTITLEMENT = "crm"
_SEEN = "crm_is_shown"


def is_entitled() -> bool:
    """Does our own license carry the CRM at this moment?"""
    from licenses.gates import entitlement_held

    return entitlement_held(ENTITLEMENT)


def is_active() -> bool:
    """Did a superadmin switch it on?"""
    return Section.objects.filter(pk=Section.ONLY, active=True).exists()


def is_shown(request: HttpRequest | None = None) -> bool:
    """Are there its pages and its API? Asked once a request."""
    if request is None:
        return is_active() and is_entitled()
    known = vars(request)
    if _SEEN not in known:
        known[_SEEN] = is_active() and is_entitled()
    return bool(known[_SEEN])
