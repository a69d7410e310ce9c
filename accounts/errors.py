"""What the services of this app refuse, each with its stable code."""

from __future__ import annotations

from config.kit.errors import Conflict, FieldError, Forbidden, Malformed, Refusal, TooMany, Unauthenticated


class FieldTaken(Conflict):
    """A value that must be unique is in use; the problem document points at its field."""

    field = ""

    def __init__(self, detail: str | None = None) -> None:
        error = FieldError(self.field, self.code, detail or self.title)
        super().__init__(
            detail, errors=[{"pointer": error.pointer, "code": error.code, "detail": error.detail}]
        )


class SlugTaken(FieldTaken):
    code = "slug_taken"
    title = "Another account has this slug."
    field = "slug"


class EmailTaken(FieldTaken):
    code = "email_taken"
    title = "Another user has this address."
    field = "email"


class NotAProspect(Conflict):
    code = "not_a_prospect"
    title = "Only a prospect can be promoted to customer."


class AccountInUse(Conflict):
    code = "account_in_use"
    title = "An account that owns something cannot be deleted. Merge it into another one instead."


class AccountMerged(Conflict):
    """`merged_into` is the slug of the account that took over."""

    code = "account_merged"
    title = "This account was merged into another one."


class MergeClash(Conflict):
    code = "merge_clash"
    title = "Both accounts own something of which one account has only one."


class LastSuperadmin(Conflict):
    code = "last_superadmin"
    title = "Somebody else must be an active superadmin first."


class UserInactive(Conflict):
    code = "user_inactive"
    title = "This user is switched off. Make them active first."


class NoSecondFactor(Conflict):
    code = "no_second_factor"
    title = "This user has no second factor."


class CodeRefused(Refusal):
    """One answer for a wrong code and for one that was used before."""

    code = "code_refused"
    title = "This code is not valid, or was used before."


class TooManyCodes(TooMany):
    code = "too_many_codes"
    title = "Too many wrong codes."


class AlreadyRevoked(Conflict):
    code = "already_revoked"
    title = "The API key has been revoked before."


class BackOfficeOnly(Forbidden):
    code = "back_office_only"
    title = "Credentials that are bound to an account cannot do that."


class CredentialRefused(Unauthenticated):
    """One answer for unknown, wrong, expired and revoked: it tells a guesser nothing."""

    code = "not_authenticated"
    title = "The API key is not valid."


class IdempotencyKeyMalformed(Malformed):
    code = "idempotency_key_malformed"
    title = "An Idempotency-Key is 1 to 255 visible ASCII characters without spaces."


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    title = "This Idempotency-Key was used for another request."


class IdempotencyOtherGroups(Forbidden):
    """E22: a credential that sees less than it did when it called first does not get what it saw then."""

    code = "idempotency_other_groups"
    title = (
        "The first request with this Idempotency-Key was made for groups that these credentials do not see."
    )


class FormSentBefore(Conflict):
    code = "form_sent_before"
    title = "This form was sent before, and what it asked for was done. Send it again for one more."


class IdempotencyInProgress(Conflict):
    """`retry_after` in seconds."""

    code = "idempotency_in_progress"
    title = "The first request with this Idempotency-Key is still running."
    retry_after = 1
