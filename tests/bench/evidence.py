"""Judging packages of evidence: many against few, time a package and memory.

SIGNET_TEST_BENCH_PACKAGES says how many packages the large database has (100,000).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

from tests.bench import office, trials, trials_rows
from tests.bench.harness import Result
from trials.domain.evidence.stages import STAGES
from trials.models import EvidencePackage

SMALL, LARGE = 10_000, 100_000
INSTALLATIONS_A_TRIAL = 10


def workloads() -> Iterator[Result]:
    large = int(os.environ.get("SIGNET_TEST_BENCH_PACKAGES") or LARGE)
    yield from trials.grown(TASKS, _database, SMALL, large, what="packages", module=__name__)


def measured(turn: int, size: int) -> None:
    trials.measured(turn, size, TASKS)


@contextmanager
def _database(size: int) -> Iterator[str]:
    """The address of a database with so many packages: the whole chain of each trial."""
    with office.own_database(f"evidence_{size}") as address:
        print(f"seeding {size:,} packages of evidence", flush=True)
        count = -(-size // len(STAGES))
        trials_rows.trials_make(count * INSTALLATIONS_A_TRIAL, trials.now_at_noon())
        _packages_make()
        _beside_make()
        yield address


def _packages_make() -> None:
    """Every stage of every trial with one reference; none is ready, so that every gate is asked."""
    with connection.cursor() as cursor:
        for stage in STAGES:
            cursor.execute(
                """
                INSERT INTO trials_evidencepackage
                    (uid, trial_id, stage, version, "values", predecessor_digest, digest, state, blockers, latest,
                     author, created_at, changed_at)
                SELECT gen_random_uuid(), id, %s, 1, '{"license_ref": "license:1"}', '', repeat('0', 64), 'ready',
                       '[]', true, 'system:bench', now(), now()
                FROM trials_trial
                """,
                [stage.value],
            )
        cursor.execute("ANALYZE trials_evidencepackage")


OF_PACKAGE = " FROM trials_evidencepackage"
OF_FOLLOW_UP = f"{OF_PACKAGE} WHERE stage = 'follow_up'"
BESIDE = {
    "evidenceapproval": "(package_id, digest, approved, by, approver, comment, decided_at)"
    f" SELECT id, digest, true, 'person', 'user:2', '', now(){OF_PACKAGE}",
    "handoff": "(package_id, kind, owner_ref, next_action_ref, tracking_kind, tracking_ref, created_at)"
    " SELECT p.id, k.kind, 'user:7', '', 'external', 'T-1', now() FROM trials_evidencepackage p,"
    " unnest(array['customer_success', 'sales', 'support']) k(kind) WHERE p.stage = 'follow_up'",
    "evaluatornotification": "(package_id, uid, channel, state, tracking_ref, requested_by, requested_at, state_at)"
    f" SELECT id, gen_random_uuid(), 'support_ticket', 'failed', 'T-1', 'user:1', now(), now(){OF_FOLLOW_UP}",
    "graceapproval": "(uid, trial_id, until, approver, approved_at)"
    " SELECT gen_random_uuid(), id, ends_at + interval '7 days', 'user:2', now() FROM trials_trial",
    "blockedaccesscheck": "(trial_id, check_name, result, reason, by, reference, actor, checked_at)"
    " SELECT t.id, c.name, 'allowed', '', 'attested', 'T-2', 'user:1', now() FROM trials_trial t,"
    " unnest(array['license_validation', 'package_pull', 'trial_portal_access', 'report_render',"
    " 'support_handoff']) c(name)",
}
"""What stands beside the packages: decisions, handoffs, notifications, graces and checks, as many as there ever are."""


def _beside_make() -> None:
    with connection.cursor() as cursor:
        for table, rows in BESIDE.items():
            cursor.execute(f"INSERT INTO trials_{table} {rows}")
            cursor.execute(f"ANALYZE trials_{table}")


def _as_seeded(turn: int, count: int, at: datetime) -> None:
    """Nothing falls due: every package is judged."""


def _evaluated(at: datetime) -> int:
    from trials.services.evidence.evaluating import packages_evaluate

    # as if nobody had ever judged them: each is written, with an event of its own
    EvidencePackage.objects.update(state="ready", blockers=[], evaluated_at=None)
    return packages_evaluate(at=at)


TASKS: trials.Tasks = {"evidence evaluation": (0.9, _as_seeded, _evaluated)}
