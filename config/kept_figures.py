"""The figures of the first page, counted ahead where there are many licenses.

An exact count looks at every row: a second for a million of them, whatever the indexes. Counters that each change
of a license keeps up would make all changes wait for the same few rows, and the first write past them, a restore
or a bulk insert, would leave them wrong for good. So beat has the figures counted each minute, by the filters of
the lists themselves, into one row that every process reads: nobody waits for more than that row, and the page says
as of when they are. They are counted while somebody waits only in a small office, for who asks for fresh ones,
and where beat has not come by for a while.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from config.kit.admin import COUNT_LIMIT
from config.kit.clock import now
from config.models import KeptFigures
from licenses.admin.filters import ends
from licenses.figures import Figures, license_figures
from licenses.models import License

LICENSES = "licenses"
STALE = timedelta(minutes=3)
"""An age at which several minutes' counts have failed to arrive."""


def figures_refresh(*, at: datetime) -> bool:
    """Count for the first page and keep it; whether there was need. Safe to run late, twice and in parallel."""
    if not _is_large():
        KeptFigures.objects.filter(name=LICENSES).delete()
        return False
    _keep(license_figures(at, ends=ends), at)
    return True


def figures_kept(*, fresh: bool = False) -> tuple[Figures, datetime | None]:
    """The figures, and as of when they are when they were kept; small offices are always counted anew."""
    at = now()
    kept = None if fresh else KeptFigures.objects.filter(name=LICENSES, at__gt=at - STALE).first()
    if kept is not None:
        with suppress(TypeError):  # another version kept it, in its own form
            return Figures.from_json(kept.figures), kept.at
    figures = license_figures(at, ends=ends)
    if not _is_large():
        return figures, None
    _keep(figures, at)
    return figures, at


def _is_large() -> bool:
    return License.objects.order_by()[: COUNT_LIMIT + 1].count() > COUNT_LIMIT


def _keep(figures: Figures, at: datetime) -> None:
    """Older figures never replace newer ones."""
    values = {"figures": figures.to_json(), "at": at}
    if KeptFigures.objects.filter(name=LICENSES, at__lte=at).update(**values) == 0:
        KeptFigures.objects.get_or_create(name=LICENSES, defaults=values)
