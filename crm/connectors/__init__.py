"""What speaks to an outside CRM: a module for each, and one table of them."""

from __future__ import annotations

from collections.abc import Callable

from crm.connectors import hubspot, twenty
from crm.connectors.base import Access, Connector
from crm.domain.sync.kinds import CrmKind

CONNECTORS: dict[CrmKind, Callable[[Access], Connector]] = {
    CrmKind.TWENTY: twenty.Twenty,
    CrmKind.HUBSPOT: hubspot.HubSpot,
}


def connector_of(kind: CrmKind, access: Access) -> Connector:
    return CONNECTORS[kind](access)
