"""The supervisor with small stand-ins for its parts; the real worker stands in `tests/config/broker`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from config.supervisor import PortTaken, check_port

PROJECT = Path(__file__).parents[2]
pytestmark = [pytest.mark.stress, pytest.mark.enable_socket]

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
FAMILY = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])
print('leader', os.getpid(), flush=True)
{SLEEPER}
"""
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
SERVER = """
import sys, http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Answer).serve_forever()
"""
DRIVER = """
import json, pathlib, sys
from config.supervisor import Part, Patience, Supervisor
given = json.loads(sys.argv[1])
parts = [Part(name, (sys.executable, '-c', *words)) for name, words in given['parts'].items()]
patience = Patience(**given.get('patience', {}))
address = tuple(given['address']) if given.get('address') else None
sys.exit(Supervisor(parts, folder=pathlib.Path('.'), environment={}, address=address, patience=patience).run())
"""


class Started:
    """A supervisor in a process of its own; `mark` in its environment finds all that descends from it."""

    def __init__(self, given, folder):
        self.mark = f"SUPERVISED={folder}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, json.dumps(given)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "SUPERVISED": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def line(self, beginning):
        for line in self.process.stdout:
            if line.startswith(beginning):
                return line
        raise AssertionError(f"ended without a line {beginning!r}")

    def family(self):
        """Numbers of all live processes that carry the mark, but the supervisor."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                marked = self.mark.encode() in (entry / "environ").read_bytes()
                zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if marked and not zombie and int(entry.name) != self.process.pid:
                found.append(int(entry.name))
        return found

    def none_left(self, seconds=20):
        deadline = time.monotonic() + seconds
        while self.family() and time.monotonic() < deadline:
            time.sleep(0.2)
        return not self.family()


@pytest.fixture
def start(tmp_path):
    running = []

    def run(**given):
        running.append(Started(given, tmp_path))
        return running[-1]

    yield run
    for started in running:
        started.process.kill()
        for number in started.family():
            os.kill(number, signal.SIGKILL)
        started.process.communicate()


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_it_is_ready_when_the_web_server_answers(start, port):
    started = start(parts={"web": [SERVER, str(port)]}, address=["127.0.0.1", port])
    started.line("Ready.")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/healthz")

    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_no_process(start, number):
    started = start(parts={"one": [FAMILY], "two": [SLEEPER]})
    started.line("Ready.")
    started.process.send_signal(number)

    assert started.process.wait(timeout=20) == 0
    assert started.none_left(seconds=2)


def test_a_stop_lets_a_leader_finish_its_work(start):
    finishing = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), print('finished', flush=True), sys.exit()))\n"
        "print('up', flush=True); time.sleep(600)"
    )
    started = start(parts={"worker": [finishing]})
    started.line("up")
    started.process.send_signal(signal.SIGINT)

    assert started.line("finished")
    assert started.process.wait(timeout=20) == 0


def test_a_second_stop_kills_what_does_not_end(start):
    started = start(parts={"one": [STUBBORN]})
    started.line("up")
    started.process.send_signal(signal.SIGINT)
    started.line("Stopping")
    started.process.send_signal(signal.SIGINT)

    assert started.line("one did not end by itself; killed.")
    assert started.process.wait(timeout=5) == 0
    assert started.none_left(seconds=2)


def test_a_part_that_does_not_end_in_time_is_killed(start):
    started = start(parts={"one": [STUBBORN]}, patience={"stop": 0.5})
    started.line("up")
    started.process.send_signal(signal.SIGTERM)

    assert started.process.wait(timeout=10) == 0
    assert started.none_left(seconds=2)


def test_a_killed_part_is_started_again_and_its_children_end(start):
    started = start(parts={"one": [FAMILY]}, patience={"backoff": 0.1})
    leader = int(started.line("leader").split()[1])
    group = {number for number in started.family() if os.getpgid(number) == leader}
    os.kill(leader, signal.SIGKILL)

    assert started.line("one killed by signal 9; starting it again in 0.1 s.")
    started.line("leader")
    assert len(group) == 2
    assert not group.intersection(started.family())


def test_a_part_that_keeps_failing_ends_everything(start):
    parts = {"bad": ["raise SystemExit(3)"], "good": [SLEEPER]}
    started = start(parts=parts, patience={"backoff": 0.05, "restarts": 2})

    assert started.line("bad ended with status 3 3 times in a row; giving up.")
    assert started.process.wait(timeout=20) == 1
    assert started.none_left(seconds=2)


def test_a_killed_supervisor_leaves_no_process(start):
    started = start(parts={"one": [FAMILY], "two": [STUBBORN]})
    started.line("Ready.")
    assert len(started.family()) >= 3
    started.process.kill()

    assert started.none_left(seconds=30)


def test_a_taken_port_is_refused_in_one_line(port):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        with pytest.raises(PortTaken) as refusal:
            check_port("127.0.0.1", port)

    assert str(refusal.value).startswith(f"Cannot listen on 127.0.0.1 port {port}: Address already in use.")
    assert "\n" not in str(refusal.value)


def test_a_free_port_is_accepted(port):
    check_port("127.0.0.1", port)


def test_on_a_terminal_lines_carry_the_part_in_colour(tmp_path):
    ours, theirs = pty.openpty()
    given = json.dumps({"parts": {"web": ["print('hello')"]}, "patience": {"restarts": 0}})
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, given],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=theirs,
        stderr=theirs,
    ) as process:
        process.wait(timeout=30)
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)

    assert "\033[36m   web\033[0m hello" in seen


def test_ctrl_c_reaches_the_supervisor_but_not_the_program_that_waits_for_it(tmp_path):
    """As under `make run`, which would end with an error message of its own."""
    given = json.dumps({"parts": {"one": [FAMILY]}})
    with warnings.catch_warnings():
        # From 3.12: a fork beside threads, which pytest-xdist has. The child becomes another program at once.
        warnings.simplefilter("ignore", DeprecationWarning)
        child, terminal = pty.fork()
    if child == 0:
        script = f'cd "$3"; PYTHONPATH={PROJECT} "$0" -c "$1" "$2"; echo waiter saw $?'
        os.execv("/bin/sh", ["sh", "-c", script, sys.executable, DRIVER, given, str(tmp_path)])
    seen = ""
    while "Ready." not in seen:
        seen += os.read(terminal, 4096).decode()
    os.write(terminal, b"\x03")
    with contextlib.suppress(OSError):
        while "waiter saw" not in seen:
            seen += os.read(terminal, 4096).decode()
    os.close(terminal)
    os.waitpid(child, 0)

    assert "waiter saw 0" in seen
