"""The stages of evidence, a module each. Adding one is adding its module, a line here, and its name to `StageName`.

Sources: B2-B13 (chain, access, expiry, follow-up), B22 (conversion), B23 (activation), B24 (closeout and renewal
outcome), B25 (blocked-access checks). The order of gates is the order in which blockers are told.
"""

from __future__ import annotations

from trials.domain.evidence.stages.access import ACCESS
from trials.domain.evidence.stages.activation import ACTIVATION, PILOT_PLAN, PRODUCTION_PLAN
from trials.domain.evidence.stages.closeout import CLOSEOUT
from trials.domain.evidence.stages.conversion import CONVERSION
from trials.domain.evidence.stages.expiry import EXPIRY
from trials.domain.evidence.stages.follow_up import FOLLOW_UP
from trials.domain.evidence.stages.parts import STAGES
from trials.domain.evidence.stages.renewal_outcome import RENEWAL_OUTCOME
from trials.domain.evidence.words import ExpiryOutcome, HandoffKind

__all__ = ["HANDOFFS", "PILOT_PLAN", "PRODUCTION_PLAN", "STAGES"]

for _stage in (ACCESS, EXPIRY, FOLLOW_UP, CONVERSION, ACTIVATION, CLOSEOUT, RENEWAL_OUTCOME):
    STAGES[_stage.name] = _stage

HANDOFFS: dict[str, tuple[HandoffKind, ...]] = {
    ExpiryOutcome.REVOKED: (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SUPPORT),
    ExpiryOutcome.RENEWED: (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SALES),
    ExpiryOutcome.ESCALATED: (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SALES, HandoffKind.SUPPORT),
}
"""The handoffs that a follow-up of each outcome is drafted with (B15, B16)."""
