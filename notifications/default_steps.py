"""The course of trial mail that a new installation begins with (A25). Staff edit the rows; none comes back."""

from __future__ import annotations

from notifications.models import DripStep, Stream

DAY = 24
_BY_DAY = {"stream": Stream.TRIAL, "hour_from": 8, "hour_to": 18}
# slug, name, anchor, hours, hours of the window, condition, template
# A window is longer than 72 hours wherever the next step leaves room: an outage of three days loses no mail.
STEPS = (
    ("install-help", "Help to install", "started", 2 * DAY, 4 * DAY, "no_beat", "trial_install_help"),
    ("middle", "Half way", "middle", 0, 5 * DAY, "running", "trial_middle"),
    ("ends-in-7", "Seven days left", "ends", -7 * DAY, 4 * DAY, "running", "trial_ending"),
    ("ends-in-3", "Three days left", "ends", -3 * DAY, 4 * DAY, "running", "trial_ending"),
    ("expired", "Ended", "ends", 0, 5 * DAY, "ended", "trial_expired"),
    ("follow-up", "A week after", "ends", 7 * DAY, 7 * DAY, "ended", "trial_followup"),
)


def steps_ensure() -> None:
    """Make the steps where there are none at all: a course that staff emptied keeps one switched off."""
    if DripStep.objects.exists():
        return
    welcome = DripStep(
        slug="welcome", name="Welcome", anchor="started", offset_hours=0, window_hours=30 * DAY,
        condition="always", template="trial_welcome", stream=Stream.TRANSACTIONAL, hour_from=0, hour_to=24,
    )  # fmt: skip
    others = [
        DripStep(
            slug=slug, name=name, anchor=anchor, offset_hours=hours, window_hours=window, condition=condition,
            template=template, position=position, **_BY_DAY,
        )
        for position, (slug, name, anchor, hours, window, condition, template) in enumerate(STEPS, 1)
    ]  # fmt: skip
    DripStep.objects.bulk_create([welcome, *others])
