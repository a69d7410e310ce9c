"""Trials by the hundred thousand with their installations, made in the database; and work that falls due among them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from licenses.models import License, Plan
from tests.bench import office, signals_rows
from trials.models import Trial, TrialProgram
from trials.services.programs import program_create

AN_HOUR = timedelta(hours=1)


def trials_make(installations: int, at: datetime) -> None:
    """So many installations, ten of each trial; every trial of an account of its own, none with anything due."""
    program, first = _program(at), office.licenses_make(1, at)[0].pk
    trials = installations // 10
    License.objects.filter(pk=first).update(nodes=1, posture_due_at=at + timedelta(days=20))
    signals_rows.licenses_copied(License.objects.count() + trials - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_account (slug, customer_id, name, kind, email, domain, crm_ref, notes, created_at)"
            " SELECT 'trial-' || id, 'C-TRIAL' || lpad(id::text, 11, '0'), 'Prospect ' || id, 'prospect', '', '', '',"
            " '', now() FROM licenses_license WHERE id >= %s",
            [first],
        )
        cursor.execute(
            "UPDATE licenses_license l SET account_id = a.id FROM accounts_account a"
            " WHERE a.slug = 'trial-' || l.id AND l.id >= %s",
            [first],
        )
    _trials_copied(program, first, at)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notifications_dripentry (trial_id, step, state, reason, at)"
            " SELECT id, 'welcome', 'sent', '', started_at FROM trials_trial"
        )
    signals_rows.installations_make(installations + 10, at)
    signals_rows.days_make(2, at, most=installations)
    office.analyze()


def _trials_copied(program: TrialProgram, first: int, at: datetime) -> None:
    """A trial of each license from the primary key `first` on, begun one to two days ago and heard since."""
    model = Trial(
        program=program, license_id=first, account_id=License.objects.get(pk=first).account_id,
        email="prospect@bench.example", name="Ada Prospect", engagement="active", engagement_at=at,
        started_at=at - timedelta(hours=26),
    )  # fmt: skip
    model.place_end(model.started_at + timedelta(days=30))
    model.save()
    own = {
        "uid": "gen_random_uuid()",
        "account_id": "l.account_id",
        "license_id": "l.id",
        "email": "'prospect-' || l.id || '@bench.example'",
        "started_at": "t.started_at - later",
        "middle_at": "t.middle_at - later",
        "ends_at": "t.ends_at - later",
        "first_touch": "jsonb_build_object('source', 'source-' || l.id % 20, 'medium', 'web', 'campaign', '')",
    }
    columns = [field.column for field in Trial._meta.concrete_fields if field.column != "id"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO trials_trial ({', '.join(columns)})"
            f" SELECT {', '.join(own.get(column, f't.{column}') for column in columns)} FROM trials_trial t,"
            " (SELECT *, id % 1000 * interval '1 minute' AS later FROM licenses_license) l"
            f" WHERE t.id = {model.pk} AND l.id > {first}"
        )


def _program(at: datetime) -> TrialProgram:
    plan = Plan.objects.select_related("product").get(slug="trial")
    return program_create(
        slug="bench", name="Bench", product=plan.product, plan=plan, default=True, actor=office.ACTOR, at=at
    )


def postures_fall_due(turn: int, count: int, at: datetime) -> None:
    """Licenses whose grace has begun; each turn has others."""
    ids = _slice(turn, count)
    License.objects.filter(trials__pk__in=ids).update(
        posture="valid",
        posture_due_at=at - AN_HOUR,
        starts_at=at - timedelta(days=40),
        expires_at=at - AN_HOUR,
    )


def node_caps_fall_due(turn: int, count: int, at: datetime) -> None:
    """Spells whose quiet week is over, one an installation."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH over AS (UPDATE licenses_installation SET nodes = 3 WHERE id IN (SELECT min(i.id)"
            " FROM licenses_installation i JOIN trials_trial t ON t.license_id = i.license_id WHERE t.id = ANY(%s)"
            " GROUP BY i.license_id) RETURNING id) INSERT INTO licenses_nodecapepisode (installation_id, state, cap,"
            " nodes_max, started_at, due_at) SELECT id, 'quiet', 1, 3, %s, %s FROM over",
            [list(_slice(turn, count)), at - timedelta(days=8), at - AN_HOUR],
        )


def engagements_fall_due(turn: int, count: int, at: datetime) -> None:
    Trial.objects.filter(pk__in=_slice(turn, count)).update(
        engagement="requested", engagement_due_at=at - AN_HOUR
    )


def drips_fall_due(turn: int, count: int, at: datetime) -> None:
    """Trials without a heartbeat for two days: the mail that helps to install."""
    Trial.objects.filter(pk__in=_slice(turn, count)).update(
        started_at=at - timedelta(hours=49), engagement="stuck", first_beat_at=None
    )


def _slice(turn: int, count: int) -> list[int]:
    """Trials spread over the whole table, others each turn."""
    ids = list(Trial.objects.order_by("pk").values_list("pk", flat=True))
    step = max(1, len(ids) // count)
    return ids[turn % step :: step][:count]
