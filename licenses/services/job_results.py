"""What became of each row of a job, page by page: for the job's own page and for downloads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.models import Account
from config.kit.sealing import unseal
from history.services import NewEvent, record_many
from licenses.domain.rows import LEGACY_COLUMNS, ORDER_COLUMNS
from licenses.models import Issuance, Job, JobRow, License
from licenses.models.licenses import LicenseQuerySet

PAGE = 500
RESULT_COLUMNS = (
    "line", "account", "customer_id", "product", "plan", "kind", "state", "license", "ends", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row with its license, if it has become one, and the account it is about, if that was found."""

    row: JobRow
    license: License | None
    account: Account | None

    @property
    def errors(self) -> str:
        """What was wrong, as one text: each column with its sentence."""
        said = (
            f"{error['field']}: {error['detail']}" if error["field"] else error["detail"]
            for error in self.row.errors
        )
        return " ".join(said)

    @property
    def cells(self) -> dict[str, str]:
        found: dict[str, str] = self.row.data.get("cells", {})
        return found


def outcomes(job: Job, rows: Sequence[JobRow]) -> list[Outcome]:
    """These rows of a job with their licenses and accounts, in a handful of queries."""
    licenses = _by_row(job, rows)
    keys = {row.data["account"] for row in rows if "account" in row.data}
    accounts = Account.objects.in_bulk(keys)
    found = []
    for row in rows:
        license_ = licenses.get(row.pk)
        account = license_.account if license_ else accounts.get(row.data.get("account"))
        found.append(Outcome(row, license_, account))
    return found


def _by_row(job: Job, rows: Sequence[JobRow]) -> dict[int, License]:
    if job.kind == Job.Kind.GENERATE:
        made = _licenses().in_bulk([row.license_id for row in rows if row.license_id is not None])
        return {row.pk: made[row.license_id] for row in rows if row.license_id is not None}
    there = [row for row in rows if row.state in {JobRow.State.DONE, JobRow.State.SKIPPED}]
    keys = {row.data["cells"]["legacy_key"] for row in there}
    known = {}
    for license_ in _licenses().filter(legacy_key__in=keys).exclude(legacy_key=""):
        for name in (license_.product.slug, license_.product.product_key):
            known[name, license_.legacy_key] = license_
    named = ((row, (row.data["cells"]["product"].lower(), row.data["cells"]["legacy_key"])) for row in there)
    return {row.pk: known[name] for row, name in named if name in known}


def _licenses() -> LicenseQuerySet:
    return License.objects.select_related("account", "product", "plan")


def job_results(*, job: Job) -> Iterator[list[Any]]:
    """The rows of `RESULT_COLUMNS`, streamed."""
    for page in _pages(job):
        for outcome in page:
            yield _result(outcome)


def job_results_with_keys(*, job: Job, actor: str, at: datetime) -> Iterator[list[Any]]:
    """The same with the newest key of each license, where it was kept. Each reading is an event, before it leaves."""
    for page in _pages(job):
        texts = _texts(
            [outcome.license for outcome in page if outcome.license is not None], actor=actor, at=at
        )
        for outcome in page:
            yield [*_result(outcome), texts.get(outcome.license.pk, "") if outcome.license else ""]


def job_errors(*, job: Job) -> Iterator[list[Any]]:
    """The refused rows as they came in, in the columns of `error_columns`: to be put right and sent again."""
    columns = error_columns(job)[:-2]
    for page in _pages(job, state=JobRow.State.REFUSED):
        for outcome in page:
            cells = (outcome.cells.get(name, "") for name in columns)
            yield [*cells, outcome.row.number, outcome.errors]


def error_columns(job: Job) -> tuple[str, ...]:
    """The columns that the job's rows may have, with line and error behind them."""
    columns = LEGACY_COLUMNS if job.kind == Job.Kind.IMPORT else ORDER_COLUMNS
    return (*columns, "line", "error")


def _pages(job: Job, **only: Any) -> Iterator[list[Outcome]]:
    after = -1
    while page := list(JobRow.objects.filter(job=job, number__gt=after, **only).order_by("number")[:PAGE]):
        after = page[-1].number
        yield outcomes(job, page)


def _result(outcome: Outcome) -> list[Any]:
    row, license_, cells = outcome.row, outcome.license, outcome.cells
    if license_ is None:
        account = (
            outcome.account.slug if outcome.account else cells.get("account", cells.get("account_name", ""))
        )
        customer = outcome.account.customer_id if outcome.account else ""
        asked = [cells.get(name, "") for name in ("product", "plan", "kind")]
        return [row.number, account, customer, *asked, row.state, "", "", outcome.errors]
    facts = [
        license_.account.slug,
        license_.account.customer_id,
        license_.product.product_key,
        license_.plan_code,
    ]
    ends = license_.expires_at or "perpetual"
    return [row.number, *facts, license_.kind, row.state, license_.public_id, ends, ""]


def _texts(licenses: Iterable[License], *, actor: str, at: datetime) -> dict[int, str]:
    rows = {license_.pk: license_ for license_ in licenses}
    newest = Issuance.objects.filter(license__in=rows).order_by().values("license").annotate(newest=Max("pk"))
    kept = Issuance.objects.defer(None).filter(pk__in=newest.values("newest"), artifact__isnull=False)
    with transaction.atomic():
        issuances = list(kept)
        record_many(_read(issuance, rows[issuance.license_id], actor, at) for issuance in issuances)
    return {issuance.license_id: unseal(bytes(issuance.artifact or b"")).decode() for issuance in issuances}


def _read(issuance: Issuance, license_: License, actor: str, at: datetime) -> NewEvent:
    return NewEvent(
        kind="artifact.read",
        subject=f"license:{license_.public_id}",
        account=license_.account.customer_id,
        actor=actor,
        data={"jti": issuance.jti_text, "sha256": issuance.text_sha256},
        at=at,
    )
