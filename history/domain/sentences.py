"""What happened, as people read it: one sentence an event, from its kind and data.

Adding a sentence is adding a line to `_TOLD`. Events are never changed, so data of an older version, or of a
newer one, must read as well: whatever a sentence misses, the kind's own sentence stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from history.domain.kinds import KINDS, Kind

Data = Mapping[str, Any]
_MEMBERS: Final = 6
_BRIEF: Final = 40


def sentence(kind: str, data: Data) -> str:
    """What an event says. Empty for a kind that is not known here."""
    return _told(kind, data) or (KINDS[kind].sentence if kind in KINDS else "")


def details(kind: str, data: Data) -> str:
    """The data in a line, long values cut; empty when the sentence tells it already."""
    if _told(kind, data):
        return ""
    return ", ".join(f"{name}: {_brief(value)}" for name, value in list(data.items())[:_MEMBERS])


def _told(kind: str, data: Data) -> str:
    told = _TOLD.get(kind)
    if told is None:
        return ""
    try:
        return told(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""  # data of another version


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return "{…}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else _word(value)
    return text if len(text) <= _BRIEF else f"{text[:16]}…"


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if value is True or value is False:
        return "yes" if value else "no"
    return str(value)


# --- parts --------------------------------------------------------------------------------------------


def _day(text: str | None, none: str = "no end") -> str:
    return none if text is None else str(text)[:10]


def _limit(number: int, name: str) -> str:
    return f"{number:,} {name}" if number else f"unlimited {name}"


def _plain(value: Any) -> str:
    return str(value).replace("_", "-")


def _names(names: Any) -> str:
    words = [str(name).replace("_", " ") for name in names]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing"


def _key(data: Data) -> str:
    return f"a {data['format']} key ({str(data['jti'])[:8]}…)"


def _reason(data: Data) -> str:
    return ", a reason was given" if data.get("reason_given") else ""


# --- sentences ----------------------------------------------------------------------------------------


def _created(data: Data) -> str:
    internal = ", internal" if data["internal"] else ""
    limits = f"{_limit(data['seats'], 'seats')}, {_limit(data['nodes'], 'nodes')}"
    return (
        f"Made a {data['kind']} license of {data['product']}, plan {data['plan']} ({data['edition']}{internal}): "
        f"{limits}, until {_day(data['expires_at'], 'further notice')}."
    )


def _issued(data: Data) -> str:
    return f"Signed {_key(data)}, good until {_day(data['expires_at'], 'further notice')}."


def _renewed(data: Data) -> str:
    return (
        f"Renewed: the end moved from {_day(data['old_expires_at'])} to {_day(data['expires_at'])}; "
        f"signed {_key(data)}."
    )


def _reissued(data: Data) -> str:
    changed = data.get("changed")
    if changed:
        return f"Changed {_names(changed)} and signed {_key(data)}{_reason(data)}."
    return f"Signed {_key(data)} again, the terms as they were{_reason(data)}."


def _standing(word: str) -> Callable[[Data], str]:
    return lambda data: f"{word}{_reason(data)}."


def _posture(data: Data) -> str:
    return f"Posture went from {_plain(data['from'])} to {_plain(data['to'])}."


def _noted(data: Data) -> str:
    return {"added": "Wrote a note.", "edited": "Changed a note.", "deleted": "Deleted a note."}[
        data["change"]
    ]


def _denied(data: Data) -> str:
    used, limit = data.get("used"), data.get("limit")
    count = f" ({used} of {limit})" if used is not None and limit is not None else ""
    return f"A deployment refused something: {_plain(data['reason'])}{count}."


def _read(data: Data) -> str:
    return f"Saw or downloaded the text of key {str(data['jti'])[:8]}…."


def _sent(data: Data) -> str:
    return f"Mailed key {str(data['jti'])[:8]}… to the customer."


_INSTALLATION: Final = {"version": "a new version", "operating_system": "another operating system"}


def _installation(data: Data) -> str:
    changed = data["changed"]
    if "set_aside" in changed:
        return f"Set installation {data['installation']} aside: it is no longer counted."
    parts = [_INSTALLATION.get(name, str(name)) for name in changed if name != "back"]
    if "back" in changed:
        parts.append("is counted again")
    return f"Installation {data['installation']} reports {_names(parts)}."


def _node_cap(words: str) -> Callable[[Data], str]:
    return lambda data: (
        f"Installation {data['installation']} {words}: {data['nodes']:,} nodes, cap {data['cap']:,}"
        f"{', now at ' + _plain(data['state']) if 'state' in data else ''}."
    )


def _activation(words: str) -> Callable[[Data], str]:
    return lambda data: f"A {_plain(data['kind'])} {words}."


def _promoted(data: Data) -> str:
    return f"The account went from {data['from']} to {data['to']}."


def _fields(what: str) -> Callable[[Data], str]:
    return lambda data: f"Changed {_names(data['fields'])} of {what}."


def _own_license(words: str) -> Callable[[Data], str]:
    def told(data: Data) -> str:
        why = f" ({_plain(data['reason'])})" if data["reason"] else ""
        return f"{words}: guard {data['guard']}{why}, {data['entitlements']} of {data['signed']} entitlements granted."

    return told


def _task(data: Data) -> str:
    if "to" in data:
        return f"Moved the task from {_plain(data['from'])} to {_plain(data['to'])}."
    if "snoozed_until" in data:
        return f"Put the task off until {data['snoozed_until']}."
    return f"Changed {_names(data['fields'])} of the task."


def _person(data: Data) -> str:
    fields = [name for name in data["fields"] if name != "consent_at"]
    return f"Changed {_names(fields)} of the person."


def _visits(data: Data) -> str:
    return f"{data['visits']:,} anonymous visits were counted."


_TOLD: Final[Mapping[str, Callable[[Data], str]]] = {
    Kind.LICENSE_CREATED: _created,
    Kind.LICENSE_ISSUED: _issued,
    Kind.LICENSE_RENEWED: _renewed,
    Kind.LICENSE_REISSUED: _reissued,
    Kind.LICENSE_SUSPENDED: _standing("Suspended"),
    Kind.LICENSE_REINSTATED: _standing("Reinstated"),
    Kind.LICENSE_REVOKED: _standing("Revoked for good"),
    Kind.LICENSE_NOTED: _noted,
    Kind.LICENSE_DENIED: _denied,
    Kind.LICENSE_SENT: _sent,
    Kind.POSTURE_CHANGED: _posture,
    Kind.ARTIFACT_READ: _read,
    Kind.INSTALLATION_SEEN_FIRST: lambda data: (
        f"Installation {data['installation']} reported for the first time."
    ),
    Kind.INSTALLATION_CHANGED: _installation,
    Kind.NODE_CAP_EXCEEDED: _node_cap("began to run over its node cap"),
    Kind.NODE_CAP_ESCALATED: _node_cap("still runs over its node cap"),
    Kind.NODE_CAP_CLEARED: _node_cap("is back under its node cap"),
    Kind.ACTIVATION_ADDED: _activation("took a place"),
    Kind.ACTIVATION_RELEASED: _activation("gave its place back"),
    Kind.ACCOUNT_PROMOTED: _promoted,
    Kind.ACCOUNT_CHANGED: _fields("the account"),
    Kind.SELF_LICENSE_ACTIVATED: _own_license("A key was activated"),
    Kind.SELF_LICENSE_CHANGED: _own_license("What our license grants changed"),
    Kind.PRODUCT_CHANGED: _fields("the product"),
    Kind.PLAN_CHANGED: _fields("the plan"),
    Kind.PRESET_CHANGED: _fields("the preset"),
    Kind.RELEASE_PUBLISHED: lambda data: (
        f"Put {data['version']} on channel {data['channel']}, out from {_day(data['published_at'])}."
    ),
    Kind.RELEASE_CHANGED: _fields("the release"),
    Kind.RELEASE_WITHDRAWN: lambda data: f"Withdrew {data['version']}{_reason(data)}.",
    Kind.TRIAL_ENGAGEMENT: lambda data: (
        f"The trial went from {_plain(data['from'])} to {_plain(data['to'])}."
    ),
    Kind.TRIAL_STARTED: lambda data: f"The trial began; it ends on {_day(data['ends_at'])}.",
    Kind.TRIAL_ENDED: lambda data: f"The trial ended: {_plain(data['outcome'])}.",
    Kind.PERSON_CHANGED: _person,
    Kind.PERSON_NOTED: _noted,
    Kind.TASK_CHANGED: _task,
    Kind.TRAFFIC_COUNTED: _visits,
}
