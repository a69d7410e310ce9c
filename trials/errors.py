"""Why a trial is not given."""

from __future__ import annotations

from config.kit.errors import Conflict, Forbidden, NotFound, Refusal


class ProgramClosed(Conflict):
    code = "trial_program_closed"
    title = "This trial is not open at the moment."


class NoProgram(NotFound):
    code = "no_trial_program"
    title = "This product has no trial."


class TrialCooldown(Conflict):
    """E21: a used-up trial inside its cooldown; `until` says when another is possible."""

    code = "trial_used"
    title = "This address or company has had its trial. Another is possible later; please talk to us."


class TrialEnded(Conflict):
    code = "trial_ended"
    title = "This trial has ended."


class ExtensionUsed(Conflict):
    code = "extension_used"
    title = "This trial was extended as often as its program allows."


class RequestDecided(Conflict):
    code = "request_decided"
    title = "This request is decided already."


class CodeWrong(Refusal):
    """The mailed code does not fit; `tries_left` says how often it may still be tried."""

    code = "code_wrong"
    status = 400
    title = "This code is not the one that was mailed."


class CodeLapsed(Conflict):
    code = "code_lapsed"
    title = "The code has lapsed. Ask for a trial again."


class KeyNeeded(Forbidden):
    code = "trial_not_public"
    title = "Requests for this trial come through the vendor's storefront only."
