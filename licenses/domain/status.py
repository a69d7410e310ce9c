"""What a deployment shows of its license (A12): one view, as JSON and as a page without dependencies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from licenses.domain.enums import DeploymentKind, Posture
from licenses.domain.posture import DEFAULTS, PostureSettings, PostureView, posture
from licenses.domain.verification import Verification

_STATES: Final = {
    Posture.TRIAL: "trial",
    Posture.VALID: "valid",
    Posture.WARNING: "valid",
    Posture.GRACE: "grace",
    Posture.READ_ONLY: "read_only",
    Posture.INVALID: "invalid",
}
_LEVELS: Final = {
    Posture.TRIAL: "info",
    Posture.VALID: "none",
    Posture.WARNING: "warning",
    Posture.GRACE: "warning",
    Posture.READ_ONLY: "error",
    Posture.INVALID: "error",
}


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything that an administrator of the deployment should see. `seats` and `nodes` 0: unlimited."""

    state: str
    posture: Posture
    code: str
    level: str
    headline: str
    edition: str | None
    customer: str | None
    license_id: str | None
    seats: int | None
    nodes: int | None
    expires_at: datetime | None
    days_left: int | None
    expired: bool
    license_required: bool
    writes_allowed: bool
    warning: str | None
    error: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; instants as RFC 3339 in UTC."""
        return {
            name: value.value if isinstance(value, Posture) else _text(value)
            for name, value in ((name, getattr(self, name)) for name in self.__slots__)
        }


def status(
    verification: Verification | None,
    *,
    deployment: DeploymentKind,
    now: datetime,
    settings: PostureSettings = DEFAULTS,
) -> StatusView:
    """The view of a deployment with this license, or with none (A7 to A12)."""
    view = posture(verification, deployment=deployment, now=now, settings=settings)
    claims = verification.claims if verification is not None else None
    warning = _headline(view) if view.posture in (Posture.WARNING, Posture.GRACE) else None
    return StatusView(
        state=_STATES[view.posture],
        posture=view.posture,
        code=view.code,
        level=_LEVELS[view.posture],
        headline=_headline(view),
        edition=claims.edition.value if claims else None,
        customer=claims.subject if claims else None,
        license_id=claims.license_id if claims else None,
        seats=claims.seats if claims else None,
        nodes=claims.nodes if claims else None,
        expires_at=view.expires_at,
        days_left=view.days_left,
        expired=view.expired,
        license_required=view.license_required,
        writes_allowed=view.writes_allowed,
        warning=warning,
        error=view.error,
    )


def _headline(view: PostureView) -> str:
    if view.license_required:
        return "A license is required. Paste the key you were sent."
    days = f"{view.days_left} day{'' if view.days_left == 1 else 's'}"
    return {
        Posture.TRIAL: "Community edition without a license: for trying out.",
        Posture.VALID: "The license is valid.",
        Posture.WARNING: f"The license expires in {days}.",
        Posture.GRACE: f"The license has expired. Writes stop on {_day(view.grace_until)}.",
        Posture.READ_ONLY: "The license has expired: the system is read-only until the key is replaced.",
        Posture.INVALID: "The license does not hold.",
    }[view.posture]


def _day(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%d %B %Y, %H:%M UTC") if at else "a later day"


def _text(value: Any) -> Any:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>License</title>
<style>
:root {{ color-scheme: light dark; --line: #d9dee5; --soft: #5b6675; --paper: #ffffff; --ink: #17202b; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --line: #2b3644; --soft: #9aa7b6; --paper: #121a24; --ink: #e8edf3; }}
}}
body {{ margin: 0 auto; max-width: 44rem; padding: 2rem 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }}
.banner {{ border: 1px solid var(--line); border-left-width: 6px; border-radius: 8px; padding: .8rem 1rem; }}
.none {{ border-left-color: #16803c; }} .info {{ border-left-color: #2563eb; }}
.warning {{ border-left-color: #b45309; }} .error {{ border-left-color: #b91c1c; }}
dl {{ display: grid; grid-template-columns: minmax(7rem, 1fr) 3fr; gap: .4rem 1rem; }}
dt {{ color: var(--soft); }} dd {{ margin: 0; overflow-wrap: anywhere; }}
textarea {{ box-sizing: border-box; width: 100%; min-height: 7rem; font: 13px/1.4 ui-monospace, monospace; }}
button {{ font: inherit; padding: .5rem 1rem; margin-top: .5rem; }}
</style>
</head>
<body>
<h1>License</h1>
<p class="banner {level}" role="status">{headline}{error}</p>
{messages}
<dl>{facts}</dl>
{refused}
{form}
</body>
</html>
"""
_FORM: Final = """<form method="post" action="{action}">
<h2>Replace the license</h2>
<p><label for="key">Key</label></p>
<textarea id="key" name="key" required spellcheck="false"></textarea>
<p><button>Replace</button></p>
</form>"""


def page(
    view: StatusView,
    *,
    action: str | None = None,
    messages: Iterable[Mapping[str, Any]] = (),
    refused: str = "",
) -> str:
    """The view as a page of its own: no script, nothing loaded. With `action` it has a form that posts a key.

    `messages` are those of the last heartbeat's answer; `refused` says why the key that was just posted is none.
    """
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(view).items() if value
    )
    error = f"<br><strong>{escape(view.error)}</strong>" if view.error else ""
    form = _FORM.format(action=escape(action, quote=True)) if action else ""
    return _PAGE.format(
        level=view.level, headline=escape(view.headline), error=error, facts=facts, form=form,
        messages="".join(_banner(str(said["text"]), str(said["level"])) for said in messages),
        refused=_banner(f"This key was not taken: {refused}", "error", role="alert") if refused else "",
    )  # fmt: skip


def _banner(text: str, level: str, role: str = "status") -> str:
    return f'<p class="banner {escape(level, quote=True)}" role="{role}">{escape(text)}</p>'


def _facts(view: StatusView) -> Mapping[str, str]:
    expires = _day(view.expires_at) if view.expires_at else ("never" if view.license_id else "")
    return {
        "State": view.state.replace("_", "-"),
        "Edition": view.edition or "",
        "Customer": view.customer or "",
        "License": view.license_id or "",
        "Seats": _limit(view.seats),
        "Nodes": _limit(view.nodes),
        "Expires": expires,
        "Days left": "" if view.days_left is None else str(view.days_left),
        "Writes": "allowed" if view.writes_allowed else "stopped",
    }


def _limit(count: int | None) -> str:
    return "" if count is None else ("unlimited" if count == 0 else str(count))


def as_json(view: StatusView) -> str:
    """The view as JSON text."""
    return json.dumps(view.to_dict(), indent=2)
