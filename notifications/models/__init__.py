"""What leaves the house: mail with what governs it, and outbound webhooks."""

from notifications.models.bus import BusMessage
from notifications.models.digests import DigestRun, ExpiryDigest, NoticePolicy
from notifications.models.drips import DripEntry, DripStep
from notifications.models.messages import Message, MessageEvent, Stream, Suppression
from notifications.models.webhooks import Delivery, DeliveryAttempt, WebhookEndpoint

__all__ = [
    "BusMessage",
    "Delivery",
    "DeliveryAttempt",
    "DigestRun",
    "DripEntry",
    "DripStep",
    "ExpiryDigest",
    "Message",
    "MessageEvent",
    "NoticePolicy",
    "Stream",
    "Suppression",
    "WebhookEndpoint",
]
