"""Image and composition, read: no engine is needed to see that they agree with the settings."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from config.catalogue import SETTINGS
from config.celery import OUR_APPS

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("build")}
VARIABLES = {setting.variable for setting in SETTINGS}
SECRETS = {setting.variable for setting in SETTINGS if setting.secret}
DEMANDED = {"SIGNET_SECRET_KEY", "SIGNET_KEY_ENCRYPTION_KEYS", "SIGNET_INTERNAL_AUTH_SECRET"}


def filled_in(value, given):
    """Compose's interpolation: `${NAME}`, `${NAME-default}`, `${NAME:-default}`, `$$`."""

    def fill(match):
        if match[0] == "$$":
            return "$"
        name, sign, default = match[1], match[2], match[3]
        found = given.get(name)
        return default or "" if found is None or (sign == ":-" and not found) else found

    return re.sub(r"\$\$|\$\{(\w+)(?:(:?-)([^}]*))?\}", fill, str(value))


@pytest.fixture(scope="module")
def secrets_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    subprocess.run([ROOT / "docker/secrets", folder], check=True, capture_output=True)
    return folder


def environment_of(service, folder, data, **given):
    """What the containers of a service get, with the secrets' files where they are here."""
    values = {name: filled_in(value, given) for name, value in service["environment"].items()}
    values = {name: value.replace("/run/secrets", str(folder)) for name, value in values.items()}
    return {"PATH": os.environ["PATH"], "SIGNET_DATA": str(data), **values}


def manage(environment, *arguments):
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=90
    )


# --- composition -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_the_composition_is_a_setting(name):
    given = {variable.removesuffix("_FILE") for variable in OURS[name]["environment"]}
    assert given <= VARIABLES


def test_every_variable_that_an_operator_may_set_is_a_setting_and_named_alike():
    for name, value in OURS["web"]["environment"].items():
        for asked in re.findall(r"\$\{(\w+)", value):
            assert asked == name


def test_every_secret_that_production_demands_is_given_as_a_file():
    """E5: and none of them in the environment, where every process and `inspect` shows it."""
    environment = OURS["web"]["environment"]
    assert {f"{name}_FILE" for name in DEMANDED} <= set(environment)
    assert not DEMANDED & set(environment)


def test_no_secret_stands_in_the_composition():
    for name in SECRETS & set(OURS["web"]["environment"]):
        assert not re.search(r"//[^/@]*:[^/@]*@", OURS["web"]["environment"][name]), name


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_file_that_is_read_is_mounted_and_made(name, secrets_folder):
    read = {
        Path(value).name
        for value in SERVICES[name].get("environment", {}).values()
        if str(value).startswith("/run/secrets/")
    }
    assert read == set(SERVICES[name].get("secrets", []))
    assert read <= set(COMPOSE["secrets"])
    assert all((secrets_folder / secret).exists() for secret in read)


def test_production_is_what_the_containers_run():
    assert {service["environment"]["SIGNET_ENV"] for service in OURS.values()} == {"production"}


def test_web_worker_beat_and_bootstrap_share_one_image_and_one_configuration():
    assert set(OURS) == {"migrate", "web", "worker", "beat"}
    assert len({service["image"] for service in OURS.values()}) == 1
    assert all(service["environment"] == OURS["web"]["environment"] for service in OURS.values())


def test_there_is_exactly_one_beat_and_it_cannot_be_scaled():
    with_beat = [name for name, service in OURS.items() if "beat" in service.get("command", [])]
    assert with_beat == ["beat"]
    assert OURS["beat"]["deploy"]["replicas"] == 1
    assert OURS["beat"]["container_name"]
    assert not any("-B" in service.get("command", []) for service in OURS.values())


def test_workers_can_be_scaled():
    assert "container_name" not in OURS["worker"]
    assert "ports" not in OURS["worker"]


def test_nothing_serves_before_the_one_shot_bootstrap_is_through():
    assert OURS["migrate"]["restart"] != "unless-stopped"
    for name in ("web", "worker", "beat"):
        assert OURS[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_everything_that_stays_up_has_a_health_check():
    for name, service in SERVICES.items():
        if name not in {"migrate", "web"}:
            assert service["healthcheck"]["test"], name
    assert "HEALTHCHECK" in DOCKERFILE  # the web server's, in the image


def test_what_is_waited_for_can_become_healthy():
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert wait["condition"] != "service_healthy" or SERVICES[name].get("healthcheck")


def test_the_servers_that_the_settings_name_are_there():
    hosts = re.findall(r"(?:redis|nats|smtp)://(\w+)", json.dumps(OURS["web"]["environment"]))
    assert set(hosts) == {"redis", "nats", "mail"}
    assert set(hosts) | {"postgres"} <= set(SERVICES)


def test_nats_runs_with_jetstream():
    assert "--jetstream" in SERVICES["nats"]["command"]


def test_database_redis_and_bus_are_reachable_from_inside_only():
    for name in ("postgres", "redis", "nats"):
        assert "ports" not in SERVICES[name]
        assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_published_ports_are_bound_to_loopback_and_lead_to_the_port_of_the_image():
    ports = [filled_in(port, {}) for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    exposed = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[1]
    assert filled_in(OURS["web"]["ports"][0], {}).endswith(f":{exposed}")
    assert f"SIGNET_PORT={exposed}" in DOCKERFILE


def test_our_containers_run_read_only_and_without_privileges():
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.stress
def test_production_starts_with_what_the_composition_gives(secrets_folder, tmp_path):
    """E5: nothing that production demands is missing, and Django's own deploy checks are content."""
    environment = environment_of(
        OURS["web"], secrets_folder, tmp_path, SIGNET_BASE_URL="https://licenses.example.com"
    )
    done = manage(environment, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


@pytest.mark.stress
@pytest.mark.parametrize("name", sorted(DEMANDED))
def test_production_does_not_start_without_a_secret_and_names_it(secrets_folder, tmp_path, name):
    """E5: a missing one is named and the check command exits non-zero."""
    environment = environment_of(OURS["web"], secrets_folder, tmp_path)
    del environment[f"{name}_FILE"]
    done = manage(environment, "doctor")
    assert done.returncode != 0
    assert f"{name} is missing" in done.stderr


def test_stripe_is_left_out_by_name_until_it_is_configured(secrets_folder, tmp_path):
    assert environment_of(OURS["web"], secrets_folder, tmp_path)["SIGNET_WITHOUT"] == "stripe"
    with_stripe = environment_of(OURS["web"], secrets_folder, tmp_path, SIGNET_WITHOUT="")
    assert with_stripe["SIGNET_WITHOUT"] == ""


# --- secrets -----------------------------------------------------------------------------------------
def test_secrets_are_made_once(secrets_folder):
    before = {path.name: path.read_text() for path in secrets_folder.iterdir()}
    subprocess.run([ROOT / "docker/secrets", secrets_folder], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in secrets_folder.iterdir()} == before


def test_secrets_are_readable_to_the_containers_and_to_nobody_else_here(secrets_folder):
    assert stat.S_IMODE(secrets_folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets_folder.iterdir()} == {0o444}


def test_the_folder_of_the_secrets_is_in_no_commit_and_no_image():
    folder = filled_in(COMPOSE["secrets"]["secret_key"]["file"], {}).removeprefix("./").split("/")[0]
    assert f"/{folder}/" in (ROOT / ".gitignore").read_text().splitlines()
    assert not goes_into_the_image(f"{folder}/compose-secrets/secret_key")


# --- image -------------------------------------------------------------------------------------------
def goes_into_the_image(path):
    """Docker's rule: the last pattern of .dockerignore that matches the path or a folder above it."""
    ignored = False
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            bare = pattern.removeprefix("!").removeprefix("**/")
            names = parts if "**/" in pattern else above
            if any(fnmatch(name, bare) and name.count("/") == bare.count("/") for name in names):
                ignored = not pattern.startswith("!")
    return not ignored


def test_everything_that_runs_goes_into_the_image():
    apps = [name for name in OUR_APPS if (ROOT / name).is_dir()]
    needed = [f"{name}/apps.py" for name in apps] + ["manage.py", "requirements.lock", "docker/web"]
    assert [path for path in needed if not goes_into_the_image(path)] == []
    assert all(goes_into_the_image(f"{name}/x.html") for name in ("templates", "config/static"))


@pytest.mark.parametrize(
    "path",
    [".env", ".git/config", "var/signet.sqlite3", "var/secrets/secret_key", ".venv/x", "tests/conftest.py"],
)
def test_nothing_else_goes_into_the_image(path):
    assert not goes_into_the_image(path)


def test_the_image_has_a_python_that_the_project_supports():
    version = re.search(r"^ARG PYTHON=([\d.]+)$", DOCKERFILE, re.MULTILINE)[1]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    least = supported.removeprefix(">=")
    assert tuple(map(int, version.split("."))) >= tuple(map(int, least.split("."))) >= (3, 11)


def test_the_image_is_built_in_stages_and_runs_as_nobody_special():
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (\d+)", last, re.MULTILINE)[1] != "0"
    assert "pip" not in last


def test_every_package_is_installed_from_the_lock_by_its_hash():
    assert "uv pip sync --quiet --require-hashes" in DOCKERFILE
    installs = re.findall(r"pip install ([^\n]*)", DOCKERFILE)
    makefile = (ROOT / "Makefile").read_text()
    version = re.search(r"^UV_VERSION := (.*)$", makefile, re.MULTILINE)[1]
    assert installs == [f"--no-cache-dir --quiet uv=={version}"]


def test_the_lock_of_the_image_is_a_part_of_the_lock(tmp_path):
    script = re.search(r"awk ('.*?')", DOCKERFILE, re.DOTALL)[1]
    names = tmp_path / "names"
    names.write_text("django==5.2.1\npsycopg-binary==3.3.9 ; implementation_name != 'pypy'\n")
    command = ["awk", *shlex.split(script), names, ROOT / "requirements.lock"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    packages = [line.partition("==")[0] for line in lines if not line.startswith(" ")]
    assert packages == ["django", "psycopg-binary"]
    assert set(lines) <= set((ROOT / "requirements.lock").read_text().splitlines())
    assert sum("--hash=sha256:" in line for line in lines) >= 4


def test_no_secret_is_made_or_kept_in_a_layer():
    """Development settings make secrets: in the command that needs them, in a folder that it removes."""
    names = [name.removeprefix("SIGNET_") for name in SECRETS]
    assert not [name for name in names if re.search(rf"(ENV|ARG)[^\n]*{name}", DOCKERFILE)]
    collect = next(part for part in DOCKERFILE.split("\nRUN ") if "collectstatic" in part)
    assert "SIGNET_DATA=/tmp/data" in collect
    assert "rm -rf /tmp/data" in collect


def test_every_variable_of_the_image_is_a_setting():
    given = set(re.findall(r"\b(SIGNET_[A-Z_]+)=", DOCKERFILE))
    assert given <= VARIABLES


def test_static_files_are_collected_when_the_image_is_built():
    assert "manage.py collectstatic --no-input" in DOCKERFILE


@pytest.mark.stress
@pytest.mark.enable_socket
def test_the_web_command_serves_with_several_processes_and_stops_when_told(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "SIGNET_DATA": str(tmp_path),
        "SIGNET_BIND": "127.0.0.1",
        "SIGNET_PORT": str(port),
        "SIGNET_WEB_WORKERS": "2",
    }
    server = subprocess.Popen([ROOT / "docker/web"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        assert json.load(answer(f"http://127.0.0.1:{port}/healthz")) == {"status": "ok"}
        assert b"signet_database_up" in answer(f"http://127.0.0.1:{port}/metrics").read()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
    finally:
        server.kill()
        server.wait()


def answer(url):
    for _ in range(100):
        try:
            return urllib.request.urlopen(url, timeout=5)
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"{url} does not answer")
