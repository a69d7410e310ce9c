"""The outside CRMs that we can speak to, and what each allows when nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CrmKind(StrEnum):
    TWENTY = "twenty"
    HUBSPOT = "hubspot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """`requests` in `seconds` is the default budget; `batch` how many records go into one request at most."""

    label: str
    address: str
    requests: int
    seconds: int
    batch: int
    credential: str
    signs_with: str


TRAITS: dict[CrmKind, Traits] = {
    CrmKind.TWENTY: Traits(
        label="Twenty",
        address="https://api.twenty.com",
        requests=100,
        seconds=60,
        batch=60,
        credential="An API key, from Settings → APIs & Webhooks.",
        signs_with="The secret of the webhook, from the same page.",
    ),
    CrmKind.HUBSPOT: Traits(
        label="HubSpot",
        address="https://api.hubapi.com",
        requests=100,
        seconds=10,
        batch=100,
        credential="The access token of a private app that may read and write contacts, companies and tasks.",
        signs_with="The client secret of the app.",
    ),
}
