"""Why a license does not change its tier. Each rule for buyers has a code of its own (C29)."""

from __future__ import annotations

from collections.abc import Iterable

from billing.domain.changes import SAYS, TierRule
from config.kit.errors import Conflict, FieldError, Invalid, NotFound


class TierRefused(Invalid):
    """Each entry of `errors` has the code of one rule that refuses."""

    code = "tier_change_refused"
    title = "The license cannot be moved to that plan."

    @classmethod
    def of(cls, rules: Iterable[TierRule]) -> TierRefused:
        return cls([FieldError("plan", str(rule), SAYS[rule]) for rule in rules])


class TierUnpriced(Conflict):
    code = "tier_unpriced"
    title = "There is no price to compare: the present plan of this license is not in the catalogue."


class TierUnknown(NotFound):
    code = "unknown_tier"
    title = "No offer sells that plan."


class TierPending(Conflict):
    """`tier_change` is the one that waits."""

    code = "tier_change_pending"
    title = "Another change of this license waits for its payment or its renewal."


class TierQuoteChanged(Conflict):
    """`due_minor` is what it costs now."""

    code = "tier_quote_changed"
    title = "The price is another one by now. Ask for a quote again."


class TierChangeOver(Conflict):
    code = "tier_change_over"
    title = "This change was applied or given up before."


class SubscriptionNotActive(Conflict):
    code = "subscription_not_active"
    title = "The subscription of this license is past due or over; its plan cannot change now."


class SelfLicenseTier(Conflict):
    """C29, C8: our own license is issued anew and activated instead."""

    code = "self_license_tier"
    title = "The tier of our own license does not change here: issue it anew and activate that."
