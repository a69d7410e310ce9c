"""Sources of "Needs attention": installations over their node cap (A16), and our own license (E27)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from licenses.domain.enums import NodeCapState
from licenses.domain.own_license import SAYS, GuardState
from licenses.gates import standing_now
from licenses.models import NodeCapEpisode

MANAGE = "licenses.renew_license"


def register() -> None:
    """Called once, when the app starts."""
    source_register(NODE_CAPS)
    source_register(OWN_LICENSE)


def _over(at: datetime) -> Iterator[Problem]:
    """Spells that reached a step, one problem for each step; the quiet first days are nobody's task."""
    rows = NodeCapEpisode.objects.filter(ended_at=None, installation__set_aside_at=None)
    rows = rows.exclude(state=NodeCapState.QUIET).select_related(
        "installation__license__account", "installation__license__product"
    )
    for row in rows.order_by("-pk").iterator(chunk_size=100):
        installation, is_late = row.installation, row.state == NodeCapState.ESCALATED
        days = (at - row.started_at).days
        word = "Talk to the customer about a larger license." if is_late else "The customer was told."
        yield Problem(
            key=f"{row.pk}-{row.state}",
            title=f"{installation.license.account.name} runs {installation.nodes:,} nodes under a license "
            f"for {row.cap:,}",
            cause=f"{installation.license.product.name}, for {days} days. {word} Nothing is blocked.",
            since=row.started_at,
            url=page_of(installation.license),
            urgent=is_late,
            retryable=False,
        )


NODE_CAPS = Source(
    name="node-caps",
    title="Installations over their node cap",
    find=_over,
    permissions=(MANAGE,),
    manage=MANAGE,
)


def _own_license(at: datetime) -> Iterator[Problem]:
    """One problem while the guard of our own license is not at ease (E27)."""
    now = standing_now(at)
    if now.guard not in {GuardState.GRACE, GuardState.INVALID}:
        return
    shut = now.guard is GuardState.INVALID
    means = (
        "The catalogue cannot be changed. Selling and validating go on."
        if shut
        else "It is in its grace period."
    )
    yield Problem(
        key=f"{now.guard}-{now.reason}",
        title=f"The license of this installation: {SAYS.get(now.reason, now.reason)}",
        cause=f"{means} Activate a key that holds.",
        since=now.since,
        url=reverse("admin:own_license"),
        urgent=shut,
        retryable=False,
    )


OWN_LICENSE = Source(
    name="own-license",
    title="License of this installation",
    find=_own_license,
    permissions=("licenses.activate_selflicense",),
    lasting=True,
)
