"""What the CRM refuses."""

from __future__ import annotations

from config.kit.errors import Conflict


class NotEntitled(Conflict):
    """D17: the license of this Signet does not carry the section, or no longer does."""

    code = "crm_not_entitled"
    title = "The license of this Signet does not carry the CRM. Paste a key that does."


class AddressTaken(Conflict):
    """One address, one person."""

    code = "address_taken"
    title = "Another person has this address. Merge the two."


class LastAddress(Conflict):
    code = "last_address"
    title = "This is the only thing the person is known by. Give a name first."


class PersonMerged(Conflict):
    code = "person_merged"
    title = "This person was merged into another. Use that one."


class TaskEnded(Conflict):
    code = "task_ended"
    title = "This task is ended. Take it up again first."
