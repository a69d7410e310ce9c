"""The table of mail templates. Adding one is adding its three files, a module here and a line in `TEMPLATES`."""

from __future__ import annotations

from collections.abc import Mapping

from notifications.mail_templates import (
    expiry_digest,
    expiry_notice,
    license_delivery,
    node_cap,
    purchases,
    staff_invitation,
    trials,
)
from notifications.mail_templates.kinds import MailTemplate

TEMPLATES: Mapping[str, MailTemplate] = {
    template.name: template
    for template in (
        expiry_digest.TEMPLATE,
        expiry_notice.TEMPLATE,
        license_delivery.TEMPLATE,
        node_cap.TEMPLATE,
        *purchases.TEMPLATES,
        staff_invitation.TEMPLATE,
        *trials.TEMPLATES,
    )
}

__all__ = ["TEMPLATES", "MailTemplate"]
