"""Refusals of mail and of what governs it."""

from __future__ import annotations

from config.kit.errors import Conflict, FieldError, Invalid, Refusal


class UnfitMessage(Invalid):
    """An address, name or subject that cannot stand in a header. `field` names the argument."""

    code = "unfit_message"
    title = "This cannot stand in the header of a mail."

    def __init__(self, field: str, detail: str) -> None:
        super().__init__([FieldError(field, self.code, f"{detail[:1].upper()}{detail[1:]}.")])


class UnknownTemplate(Refusal):
    """The caller's mistake, not the user's."""

    code = "unknown_template"
    status = 500
    title = "There is no mail template of this name."


class MessageOnItsWay(Conflict):
    code = "message_on_its_way"
    title = "This mail is still on its way; it need not be sent again."


class AddressSuppressed(Conflict):
    code = "address_suppressed"
    title = "This address is not written to."


class MessageErased(Conflict):
    code = "message_erased"
    title = "The key of this mail was erased; it cannot be sent again."


class BusMessageOnItsWay(Conflict):
    code = "bus_message_on_its_way"
    title = "This message is being published at this moment; it need not be sent again."


class ReasonMissing(Invalid):
    code = "reason_missing"
    title = "Say why, in a few words."

    def __init__(self) -> None:
        super().__init__([FieldError("reason", self.code, self.title)])


class SuppressionLifted(Conflict):
    code = "suppression_lifted"
    title = "This address was allowed again before; nothing has changed."


class NothingToSend(Conflict):
    code = "nothing_issued"
    title = "No key of this license was signed yet. Issue one first."


class KeyOutOfDate(Conflict):
    code = "key_out_of_date"
    title = "The newest key was not kept, and the last one that was says other terms. Issue a new one first."
