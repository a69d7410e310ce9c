"""The license itself, mailed to its customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notifications.mail_templates.kinds import MailTemplate
from notifications.models import Stream

_JWT = ".".join(
    ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImRlbW8i", "c2FtcGxlLW9ubHktdGhpcy1pcy1uby1saWNlbnNl" * 9, "c2ln" * 80)
)
_LIC1 = "LIC1-" + "mfrggzdfmztwq2lk" * 14


def sample(**changed: Any) -> dict[str, Any]:
    """What `license_send` hands over."""
    return {
        "account": "Acme Corporation",
        "product": "Relay",
        "plan": "Enterprise",
        "edition": "enterprise",
        "kind": "commercial",
        "license_id": "L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE",
        "starts_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "expires_at": datetime(2027, 3, 2, 9, 30, tzinfo=UTC),
        "limits": [("Seats", "25"), ("Nodes", "4")],
        "key": _JWT,
        "format": "jwt",
        "filename": "acme-relay-L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE.lic",
        "note": "",
        "keys_url": "https://licenses.example.com/.well-known/jwks.json",
        **changed,
    }


TEMPLATE = MailTemplate(
    name="license_delivery",
    title="License",
    about="Staff mail a license to its customer: what it is for, the key in the text and as a file.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "commercial": sample,
        "with a note": lambda: sample(
            note="Hello Ada,\n\nas we discussed: ten more seats until March.\n\nBest regards\nGrace"
        ),
        "perpetual": lambda: sample(expires_at=None, limits=[]),
        "trial": lambda: sample(kind="trial", plan="Trial", limits=[("Seats", "10"), ("Nodes", "1")]),
        "short key": lambda: sample(kind="test", key=_LIC1, format="lic1"),
        "hostile names": lambda: sample(
            account='<script>alert("a")</script>\r\nBcc: eve@evil.example',
            product="{{ settings.SECRET_KEY }} <img src=x onerror=alert(1)>",
            plan="'\"><b>bold</b> " + "long" * 40,
            note='<script>alert(1)</script>\n=HYPERLINK("http://evil.example")',
        ),
    },
)
