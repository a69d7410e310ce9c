"""Real worker processes over the embedded broker, among them some that are killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]

pytestmark = pytest.mark.stress


class Farm:
    """Processes of the stress application over one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.environment = os.environ | {
            "STRESS_DIR": str(folder),
            "PYTHONPATH": f"{PROJECT}{os.pathsep}{HERE}",
        }

    def celery(self, *arguments):
        return [sys.executable, "-m", "celery", "-A", "stress_app", *arguments]

    def start(self, *arguments):
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                self.celery(*arguments),
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self, name, *, children=1):
        return self.start("worker", "-n", f"{name}@stress", "-c", str(children), "-l", "INFO")

    def ask(self, *arguments):
        done = subprocess.run(
            self.celery(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout

    def send(self, code):
        script = f"from stress_app import app, note, slow\n{code}"
        subprocess.run(
            [sys.executable, "-c", script], cwd=self.folder, env=self.environment, check=True, timeout=120
        )

    def runs(self):
        file = self.folder / "runs"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def words(self):
        return [word for word, _, _ in self.runs()]

    def wait_for(self, condition, *, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.words()[-5:], (self.folder / "log").read_text()[-3000:])
            time.sleep(0.05)

    def count(self, table):
        with sqlite3.connect(self.folder / "broker.sqlite3") as db:
            (number,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
        db.close()
        return number

    def end(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


@pytest.fixture
def farm(tmp_path):
    running = Farm(tmp_path)
    yield running
    running.end()


def test_three_workers_lose_and_double_nothing(farm):
    for name in "abc":
        farm.worker(name)
    farm.send("for n in range(3000): note.delay(str(n))")
    farm.wait_for(lambda: farm.count("message") == 0)

    runs = farm.runs()
    assert Counter(word for word, _, _ in runs) == Counter(map(str, range(3000)))
    assert len({parent for _, parent, _ in runs}) == 3


def test_a_task_of_a_killed_worker_is_run_by_another(farm):
    first = farm.worker("first")
    farm.send("slow.delay('job', 3)")
    farm.wait_for(lambda: farm.words() == ["job-started"])
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    farm.worker("second")
    farm.wait_for(lambda: "job-ended" in farm.words())

    assert farm.words() == ["job-started", "job-started", "job-ended"]
    farm.wait_for(lambda: farm.count("message") == 0, seconds=5)


def test_prefetched_tasks_of_a_killed_worker_reach_the_one_beside_it(farm):
    first, _ = farm.worker("first"), farm.worker("second")
    farm.send("for n in range(20): slow.delay(str(n), 0.3)")
    farm.wait_for(lambda: len({parent for _, parent, _ in farm.runs()}) == 2)
    os.killpg(first.pid, signal.SIGKILL)
    ended = {f"{n}-ended" for n in range(20)}
    farm.wait_for(lambda: ended <= set(farm.words()))

    doubled = [word for word, times in Counter(farm.words()).items() if times > 1]
    assert len(doubled) <= 2


def test_a_worker_told_to_stop_finishes_its_task_and_gives_back_the_rest(farm):
    worker = farm.worker("only")
    farm.send("for n in range(4): slow.delay(str(n), 4)")
    farm.wait_for(lambda: farm.words() == ["0-started"])
    # Celery looks for the signal between two waits for messages, which last up to two seconds.
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=30) == 0
    assert farm.words() == ["0-started", "0-ended"]
    assert farm.count("message WHERE session IS NULL") == 3


def test_a_long_task_is_not_given_to_anyone_else(farm):
    """Longer than two sweeps, with a second worker that looks for work all the time."""
    farm.worker("first"), farm.worker("second")
    farm.send("slow.delay('job', 6)")
    farm.wait_for(lambda: "job-ended" in farm.words())

    assert farm.words() == ["job-started", "job-ended"]


def test_beat_in_its_own_process_is_heard(farm):
    farm.worker("only")
    farm.start("beat", "-s", str(farm.folder / "schedule"))

    farm.wait_for(lambda: farm.words().count("tick") >= 3)


def test_a_countdown_is_kept(farm):
    farm.worker("only")
    farm.send("import stress_app; stress_app.write('sent'); note.apply_async(('soon',), countdown=2)")
    farm.wait_for(lambda: len(farm.runs()) == 2)

    (_, _, sent), (word, _, ran) = farm.runs()
    assert word == "soon"
    assert float(ran) - float(sent) >= 2


def test_inspect_finds_the_live_workers_only_and_leaves_nothing(farm):
    gone = farm.worker("gone")
    farm.worker("here")
    farm.send("note.delay('warm')")
    farm.wait_for(lambda: len(json.loads(farm.ask("inspect", "ping", "--json") or "{}")) == 2)
    os.killpg(gone.pid, signal.SIGKILL)
    gone.wait()

    assert list(json.loads(farm.ask("inspect", "ping", "--json"))) == ["here@stress"]
    farm.wait_for(
        lambda: farm.count("queue WHERE name LIKE '%gone%' OR name LIKE '%reply%'") == 0, seconds=10
    )


def test_purge_empties_the_queue(farm):
    farm.send("for n in range(10): note.delay(str(n))")
    farm.ask("purge", "-f")

    assert farm.count("message") == 0


def test_an_idle_worker_hardly_writes_or_works(farm):
    farm.worker("only")
    farm.send("note.delay('up')")
    farm.wait_for(lambda: farm.words() == ["up"])
    wal = farm.folder / "broker.sqlite3-wal"
    time.sleep(2)
    before = wal.stat().st_mtime_ns
    time.sleep(3)

    assert wal.stat().st_mtime_ns == before
