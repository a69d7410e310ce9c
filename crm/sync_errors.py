"""What the sync refuses."""

from __future__ import annotations

from config.kit.errors import Conflict, Refusal


class CrmNotReached(Refusal):
    """The outside CRM did not do as asked at once; the sentence says why. Nothing of ours is wrong."""

    code = "crm_not_reached"
    status = 503
    title = "The outside CRM did not answer as it should."


class SyncOff(Conflict):
    code = "sync_off"
    title = "This connection is switched off or paused."


class AlreadyComparing(Conflict):
    code = "already_comparing"
    title = "A full comparison is under way already."


class ConflictSettled(Conflict):
    code = "conflict_settled"
    title = "Somebody has decided this already."


class NotTaken(Conflict):
    code = "not_taken"
    title = "What stands over there cannot be written here: our own rules refuse it."


class TooManyConnections(Conflict):
    code = "too_many_connections"
    title = "No more outside CRMs can be connected."
