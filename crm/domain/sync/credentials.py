"""What a credential says of itself."""

from __future__ import annotations

import base64
import binascii
import json


def workspace_of(credential: str) -> str:
    """The workspace that a key of Twenty, a JSON web token, names; empty for what names none, as HubSpot's.

    Nobody's signature is checked: it only keeps a key of another workspace from being put in by mistake.
    """
    parts = credential.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7519: header, claims, signature
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    found = claims.get("workspaceId") if isinstance(claims, dict) else None
    return found if isinstance(found, str) else ""
