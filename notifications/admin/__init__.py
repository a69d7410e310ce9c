"""Admin pages of what leaves the house. Each changes rows through services only."""

from __future__ import annotations

from notifications.admin import account_mail as account_mail
from notifications.admin import bus as bus
from notifications.admin import deliveries as deliveries
from notifications.admin import license_mail as license_mail
from notifications.admin import naming as naming
from notifications.admin import trial_mail as trial_mail
from notifications.admin import webhooks as webhooks
from notifications.admin.digests import DigestAdmin
from notifications.admin.drips import DripStepAdmin
from notifications.admin.messages import MessageAdmin
from notifications.admin.notices import NoticePolicyAdmin
from notifications.admin.suppressions import SuppressionAdmin

__all__ = ["DigestAdmin", "DripStepAdmin", "MessageAdmin", "NoticePolicyAdmin", "SuppressionAdmin"]
