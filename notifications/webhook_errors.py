"""What the services of outbound webhooks refuse, each with its stable code."""

from __future__ import annotations

from config.kit.errors import Conflict


class TooManyEndpoints(Conflict):
    code = "too_many_endpoints"
    title = "There are as many endpoints as one installation serves. Delete one first."


class WebhookOff(Conflict):
    code = "webhook_off"
    title = "This endpoint is switched off. Switch it on first."


class DeliveryOnItsWay(Conflict):
    code = "delivery_on_its_way"
    title = "This delivery is being sent at this moment."


class TooManyToReplay(Conflict):
    """`limit` says how many one call sends again."""

    code = "too_many_to_replay"
    title = "That would send too much again at once. Choose a later instant."
