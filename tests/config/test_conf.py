"""Where a setting's value comes from."""

from __future__ import annotations

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from config import conf
from config.catalogue import SETTINGS as CATALOGUE
from config.conf import Configuration, Setting, merge

SETTINGS = (
    Setting("PORT", "int", 8000, "A port.", aliases=("PORT",)),
    Setting("DEBUG", "bool", False, "A truth."),
    Setting("HOSTS", "list", [], "Names."),
    Setting("DATABASE_URL", "str", "", "An address.", secret=True, aliases=("DATABASE_URL",)),
    Setting("CONFIG", "str", "", "The file."),
)


def read(name: str, environment=None, document=None):
    return Configuration(SETTINGS, merge(SETTINGS, environment or {}, document or {})).read(name)


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Return a loader: files `.env` and `signet.yaml` and an environment, then one value."""

    def load(name: str, *, env: dict[str, str] | None = None, dotenv: str = "", document: str = ""):
        (tmp_path / ".env").write_text(dotenv)
        (tmp_path / "signet.yaml").write_text(document)
        for variable in ("PORT", "SIGNET_PORT", "DATABASE_URL", "SIGNET_DATABASE_URL"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("SIGNET_CONFIG", str(tmp_path / "signet.yaml"))
        for variable, value in (env or {}).items():
            monkeypatch.setenv(variable, value)
        return conf.load(SETTINGS, tmp_path).read(name)

    return load


def test_the_default_is_last():
    """E4: precedence."""
    assert read("PORT") == 8000


def test_yaml_wins_over_the_default(loaded):
    """E4: one file holds all configuration; nested keys are joined and upper-cased."""
    assert loaded("PORT", document="port: 9001") == 9001
    assert loaded("DATABASE_URL", document="database:\n  url: sqlite:///x") == "sqlite:///x"


def test_dotenv_wins_over_yaml(loaded):
    """E4: precedence."""
    assert loaded("PORT", dotenv="SIGNET_PORT=9002", document="port: 9001") == 9002


@pytest.mark.parametrize("variable", ["SIGNET_PORT", "PORT"])
def test_the_environment_wins_over_all(variable, loaded):
    """E4: every key can be overridden by an environment variable with a fixed prefix."""
    found = loaded("PORT", env={variable: "9003"}, dotenv="SIGNET_PORT=9002", document="port: 9001")
    assert found == 9003


def test_our_own_name_wins_over_the_platform_s():
    assert read("PORT", {"PORT": "1", "SIGNET_PORT": "2"}) == 2


def test_an_empty_variable_empties_what_the_file_says():
    assert read("DATABASE_URL", {"SIGNET_DATABASE_URL": ""}, {"database_url": "sqlite:///x"}) == ""


def test_a_value_may_stand_in_a_file(tmp_path):
    """E5: secrets also by NAME_FILE."""
    path = tmp_path / "secret"
    path.write_text("$ecret, with a comma\n")
    assert read("DATABASE_URL", {"SIGNET_DATABASE_URL_FILE": str(path)}) == "$ecret, with a comma"


def test_a_file_named_in_the_environment_wins_over_a_value_in_yaml(tmp_path):
    (tmp_path / "secret").write_text("from-file")
    environment = {"SIGNET_DATABASE_URL_FILE": str(tmp_path / "secret")}
    assert read("DATABASE_URL", environment, {"database_url": "from-yaml"}) == "from-file"


def test_value_and_file_together_are_refused():
    with pytest.raises(ImproperlyConfigured, match="SIGNET_DATABASE_URL or SIGNET_DATABASE_URL_FILE"):
        read("DATABASE_URL", {"SIGNET_DATABASE_URL": "a", "SIGNET_DATABASE_URL_FILE": "b"})


def test_a_missing_secret_file_is_named():
    with pytest.raises(ImproperlyConfigured, match="SIGNET_DATABASE_URL_FILE"):
        read("DATABASE_URL", {"SIGNET_DATABASE_URL_FILE": "/nowhere/secret"})


@pytest.mark.parametrize(
    ("name", "text"), [("PORT", "many"), ("PORT", ""), ("DEBUG", "perhaps"), ("DEBUG", "")]
)
def test_nonsense_is_refused_naming_the_variable(name, text):
    with pytest.raises(ImproperlyConfigured, match=f"SIGNET_{name}"):
        read(name, {f"SIGNET_{name}": text})


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("ON", True), ("1", True), ("no", False), ("0", False), ("False", False)],
)
def test_a_truth_has_many_spellings(text, value):
    assert read("DEBUG", {"SIGNET_DEBUG": text}) is value


def test_yaml_truths_and_lists_keep_their_meaning():
    document = {"debug": True, "hosts": ["a.example", "b.example"]}
    assert read("DEBUG", document=document) is True
    assert read("HOSTS", document=document) == ["a.example", "b.example"]


def test_a_list_is_written_with_commas_and_spaces_do_not_matter():
    assert read("HOSTS", {"SIGNET_HOSTS": " a.example, b.example,,"}) == ["a.example", "b.example"]


def test_an_unknown_key_of_the_file_is_named():
    with pytest.raises(ImproperlyConfigured, match="database_uri"):
        read("PORT", document={"database": {"uri": "x"}})


@pytest.mark.parametrize("text", ["- a\n- b", "just text", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(text, tmp_path):
    path = tmp_path / "signet.yaml"
    path.write_text(text)
    with pytest.raises(ImproperlyConfigured, match=r"signet\.yaml"):
        conf.load_document(str(path))


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(ImproperlyConfigured, match=r"/nowhere\.yaml"):
        conf.load_document("/nowhere.yaml")


def test_reading_dotenv_leaves_the_environment_alone(loaded, monkeypatch):
    import os

    loaded("PORT", dotenv="SIGNET_PORT=9002\nSIGNET_SURPRISE=1")
    assert "SIGNET_SURPRISE" not in os.environ


# --- a License Operator's file and environment ----------------------------------------------------

OPERATOR = (
    Setting("BIND", "str", "127.0.0.1", "An address."),
    Setting("PORT", "int", 8000, "A port.", aliases=("PORT",)),
    Setting("DATABASE_URL", "str", "", "An address.", secret=True, aliases=("DATABASE_URL",)),
    Setting("STRIPE_API_KEY", "str", "", "A key.", secret=True),
    Setting("STRIPE_WEBHOOK_SECRETS", "list", [], "Secrets.", secret=True),
    Setting("INTERNAL_AUTH_SECRET", "str", "", "A secret.", secret=True),
    Setting("INTERNAL_AUTH_LIFETIME_SECONDS", "int", 900, "Seconds."),
    Setting("NATS_URL", "str", "", "An address.", aliases=("NATS_URL",)),
    Setting("REQUIRE_GROUP_NAME", "bool", True, "A truth."),
    Setting("CONFIG", "str", "", "The file."),
)
OPERATOR_FILE = """
server: {bind: ":8088", cors: {origins: ["*"]}}
database: {dsn: "op:p@ss:w@tcp(db:3306)/licenses?parseTime=true"}
stripe: {api_key: sk_test_file, webhook_secret: whsec_file}
nats: {url: "nats://nats:4222"}
internal_auth: {jwt_secret: s3cret, lifetime: 5m}
license: {expected_domain: example.com}
signing_keys: [{product_key: auth, private_key: key.pem}]
products: [{slug: auth, coupons: []}]
"""


@pytest.fixture
def operated(tmp_path, monkeypatch):
    """Return a reader of settings by a License Operator's file and these variables."""

    def read(*names: str, **env: str):
        (tmp_path / "config.yaml").write_text(OPERATOR_FILE)
        for asked in ("PORT", "DATABASE_URL", "NATS_URL"):
            monkeypatch.delenv(asked, raising=False)
            monkeypatch.delenv(f"SIGNET_{asked}", raising=False)
        monkeypatch.setenv("SIGNET_CONFIG", str(tmp_path / "config.yaml"))
        for variable, value in env.items():
            monkeypatch.setenv(variable, value)
        configuration = conf.load(OPERATOR, tmp_path)
        return [configuration.read(name) for name in names]

    return read


def test_an_existing_license_operator_file_loads(operated):
    """E4: its keys mean ours; products, coupons and keys are left to the catalogue."""
    assert operated("BIND", "PORT", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS", "NATS_URL") == [
        "0.0.0.0", 8088, "sk_test_file", ["whsec_file"], "nats://nats:4222",
    ]  # fmt: skip
    assert operated("DATABASE_URL") == ["mysql://op:p%40ss%3Aw@db:3306/licenses"]
    assert operated("INTERNAL_AUTH_SECRET", "INTERNAL_AUTH_LIFETIME_SECONDS") == ["s3cret", 300]


PUBLISHED = """
server: {addr: ":8082", public_base_url: "https://licenses.example.com"}
security:
  - {product_key: auth, private_key_pem: "PRIVATE", public_key_pem: "PUBLIC"}
internal_auth: {jwt_secret: s3cret, issuer: operator, audience: dashboard, token_ttl: 5m}
stripe:
  api_key: sk_test_file
  webhook_secret: whsec_file
  ensure_webhook: true
  default_subscription_slug: alpha-subscription
  products:
    - {slug: alpha-subscription, unit_amount: 120000, metadata: {tier: alpha}}
mysql: {dsn: "op:secret@tcp(db:3306)/licenses?parseTime=true", max_open_conns: 10}
nats: {url: "nats://nats:4222", subject_license_issued: sold.licenses}
retention: {keep_days: 30}
trials: {enabled: true, duration_hours: 8}
"""


@pytest.mark.parametrize("left_out", ["", "security", "products"])
def test_the_published_form_of_its_file_loads(left_out):
    """E4: keys below `security`, products below `stripe`; either says whose file it is."""
    document = yaml.safe_load(PUBLISHED)
    document.pop(left_out, None)
    document["stripe"].pop(left_out, None)
    configuration = Configuration(CATALOGUE, merge(CATALOGUE, {}, document))
    said = {
        "BIND": "0.0.0.0", "PORT": 8082, "BASE_URL": "https://licenses.example.com",
        "INTERNAL_AUTH_SECRET": "s3cret", "INTERNAL_AUTH_ISSUER": "operator",
        "INTERNAL_AUTH_AUDIENCE": "dashboard", "INTERNAL_AUTH_LIFETIME_SECONDS": 300,
        "STRIPE_API_KEY": "sk_test_file", "STRIPE_WEBHOOK_SECRETS": ["whsec_file"],
        "DATABASE_URL": "mysql://op:secret@db:3306/licenses",
        "NATS_URL": "nats://nats:4222", "NATS_SUBJECT": "sold.licenses",
    }  # fmt: skip
    assert {name: configuration.read(name) for name in said} == said


def test_its_environment_wins_over_the_file_and_ours_over_both(operated):
    """E4: every key by a variable of fixed prefix."""
    theirs = {"LICENSEOPERATOR_STRIPE_API_KEY": "sk_test_env", "LICENSEOPERATOR_REQUIRE_GROUP_NAME": "false"}
    assert operated("STRIPE_API_KEY", "REQUIRE_GROUP_NAME", **theirs) == ["sk_test_env", False]
    assert operated("STRIPE_API_KEY", **theirs, SIGNET_STRIPE_API_KEY="sk_test_ours") == ["sk_test_ours"]


def test_a_variable_that_means_nothing_here_is_passed_over(operated):
    """E4: an installation that switches over need not tidy first."""
    assert operated("PORT", LICENSEOPERATOR_TELEMETRY_LEVEL="5") == [8088]
