"""Why a webhook event waits for a person, in code and in words, and when one that failed is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

PATIENCE: Final = timedelta(hours=72)
"""So long an event is tried by itself (C27); Stripe delivers up to three days late, too."""
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 12


class Reason(StrEnum):
    """Why an event waits, or was ignored. Codes are stored: never renamed."""

    UNREADABLE = "unreadable"
    SHAPE_UNKNOWN = "shape_unknown"
    LIVEMODE_MISMATCH = "livemode_mismatch"
    FOREIGN_ACCOUNT = "foreign_account"
    GROUP_MISSING = "group_missing"
    GROUP_INVALID = "group_invalid"
    OFFER_UNKNOWN = "offer_unknown"
    SOLD_OUT = "sold_out"
    SUBSCRIPTION_UNKNOWN = "subscription_unknown"
    LICENSE_ENDED = "license_ended"
    REFUND_FAILED = "refund_failed"
    CHANGED_SINCE = "changed_since"
    OBJECT_MISSING = "object_missing"
    STRIPE_REFUSED = "stripe_refused"
    STRIPE_UNREACHABLE = "stripe_unreachable"
    NEVER_SETTLED = "never_settled"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_HANDLED = "not_handled"
    NOT_OURS = "not_ours"


WORDS: Final[Mapping[str, str]] = {
    Reason.UNREADABLE: "The body is signed by Stripe and is no event that we can read. Look at it at Stripe.",
    Reason.SHAPE_UNKNOWN: (
        "The event has a shape that we do not know, perhaps of a newer API version. Do by hand "
        "what it asks for."
    ),
    Reason.LIVEMODE_MISMATCH: (
        "A test event came to live keys, or the reverse. Check which endpoint sends here, and the"
        " merchant's key."
    ),
    Reason.FOREIGN_ACCOUNT: (
        "The event belongs to a Stripe account that is not the merchant profile's. Check the "
        "endpoint, or enter the account in the profile and run it again."
    ),
    Reason.GROUP_MISSING: (
        "The order names no group, so nobody can be given the license. Set group_name in the "
        "metadata of the session at Stripe and run it again, or refund it."
    ),
    Reason.GROUP_INVALID: (
        "The group named in the order cannot be the name of a group. Correct group_name in the "
        "metadata at Stripe and run it again."
    ),
    Reason.OFFER_UNKNOWN: (
        "What was bought is no offer of the catalogue. Make an offer with the lookup key of its "
        "price and run it again."
    ),
    Reason.SOLD_OUT: (
        "More units were paid for than the offer's cap allows, by a link that did not ask us. "
        "Raise the cap and run it again, or refund it."
    ),
    Reason.SUBSCRIPTION_UNKNOWN: (
        "A subscription of ours was paid whose order is not known here. Find its order at Stripe."
    ),
    Reason.LICENSE_ENDED: (
        "Money came in for a license that cannot be renewed. The payment is kept: refund it, or "
        "reinstate the license and run it again."
    ),
    Reason.REFUND_FAILED: (
        "A refund came back to us after what it had paid for was taken back. Decide what the customer gets."
    ),
    Reason.CHANGED_SINCE: (
        "The money of a change of plan went back in full, and the license changed again since, so it was left"
        " as it is. Decide which plan it is to have, and change it on its page."
    ),
    Reason.OBJECT_MISSING: (
        "Stripe does not know what the event is about. Perhaps the key belongs to another account."
    ),
    Reason.STRIPE_REFUSED: "Stripe refused to say what the event is about.",
    Reason.STRIPE_UNREACHABLE: (
        "Stripe, or a part of ours, gave no answer for three days. Run it again when it is back."
    ),
    Reason.NEVER_SETTLED: "What it tells of was never paid within three days.",
    Reason.REFUSED: "A rule of ours refuses what the event asks for. The detail says which.",
    Reason.FAILED: "Working on it failed on our side. The log tells more; run it again after a repair.",
    Reason.NOT_HANDLED: "Nothing is done about events of this type.",
    Reason.NOT_OURS: "It is about money or a subscription that has nothing to do with our offers.",
}
"""What each says to staff, and what they do about it."""


def words_of(code: str) -> str:
    """The sentence of a reason; a code that is not known here stands for itself."""
    return WORDS.get(code, code)


def next_try(*, attempts: int, received_at: datetime, at: datetime) -> datetime | None:
    """When an event is tried again after so many attempts; None when patience has ended.

    15 s, 30 s, 1 min … an hour at most, for 72 hours from its arrival.
    """
    wait = min(FIRST_WAIT * 2 ** min(max(attempts - 1, 0), _MOST_DOUBLINGS), LONGEST_WAIT)
    return at + wait if at + wait <= received_at + PATIENCE else None
