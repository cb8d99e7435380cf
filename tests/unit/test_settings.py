"""Settings: every key is documented, and what is wrong is said with its place and never its value."""

from __future__ import annotations

import tomllib
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from daemon.errors import ConfigError
from daemon.settings import Address, ProviderSection, Settings, load, needs_restart
from daemon.settings.model import Section

CONFIG = Path(__file__).resolve().parents[2] / "config"
EXAMPLE = CONFIG / "wispbill.example.toml"
CANARY = "canary7f3a9c"


def refused(path: Path | None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return caught.value.message.splitlines()


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "wispbill.toml"
        path.write_text(text)
        return path

    return write


def sections() -> dict[str, type[Section]]:
    named = {name: field.annotation for name, field in Settings.model_fields.items() if name != "providers"}
    return {**named, "providers.stripe": ProviderSection}  # type: ignore[dict-item]


def every_key() -> dict[str, object]:
    """Each dotted key with its default as TOML writes it."""
    return {
        f"{section}.{key}": list(field.default) if isinstance(field.default, tuple) else field.default
        for section, model in sections().items()
        for key, field in model.model_fields.items()
    }


def flat(document: dict, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in document.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


# --- the example --------------------------------------------------------------------------------------


def test_the_example_shows_every_key_with_its_default_and_no_other():
    assert flat(tomllib.loads(EXAMPLE.read_text())) == every_key()


def test_the_example_does_the_same_as_no_file():
    example = load(EXAMPLE, {})

    assert example.model_copy(update={"providers": {}}) == load(None, {})
    assert example.provider("stripe") == load(None, {}).provider("stripe")


def test_the_example_explains_each_key_and_names_its_default():
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if not line or line[0] in "#[":
            continue
        comment: list[str] = []
        while lines[number - 1 - len(comment)].startswith("#"):
            comment.insert(0, lines[number - 1 - len(comment)].removeprefix("# "))
        assert f"Default: {line.split(' = ')[1]}" in " ".join(comment), line


def test_the_example_says_restart_at_exactly_the_keys_that_need_one():
    section, block, said = "", "", set()
    whole = {"receiver", "providers.stripe"}
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("["):
            section, block = line.strip("[]"), ""
        elif line.startswith("#"):
            block += line
        elif " = " in line:
            if "(restart)" in block or section in whole:
                said.add(f"{section}.{line.split(' = ')[0]}")
            block = ""
    assert said == {
        f"{name}.{key}"
        for name, model in sections().items()
        for key, field in model.model_fields.items()
        if field.json_schema_extra["restart"]  # type: ignore[call-overload,index]
    }


@pytest.mark.parametrize("name", ["demo.toml", "tests.toml"])
def test_the_other_configurations_load_and_take_ports_of_their_own(name):
    settings = load(CONFIG / name, {})

    assert (settings.receiver.listen.port, settings.monitoring.listen.port) == (0, 0)


# --- values -------------------------------------------------------------------------------------------


def test_units_become_seconds_bytes_addresses_and_times(written):
    settings = load(
        written(
            '[push]\nevery = "1500ms"\n[pull]\noverlap = "15min"\nreread_open = "2h"\n'
            '[tidy]\nat = "23:59"\nkeep_runs = "7d"\n'
            '[receiver]\nlisten = "[::1]:8470"\nmax_body = "2MiB"\n'
            '[network]\nallow = ["10.0.0.5:8443", "billing.lan:443"]\n'
        ),
        {},
    )

    assert (settings.push.every, settings.pull.overlap, settings.pull.reread_open) == (1.5, 900, 7200)
    assert (settings.tidy.at, settings.tidy.keep_runs) == (time(23, 59), 604_800)
    assert (settings.receiver.listen, settings.receiver.max_body) == (Address("::1", 8470), 2 * 1024 * 1024)
    assert str(settings.receiver.listen) == "[::1]:8470"
    assert settings.network.allow == (Address("10.0.0.5", 8443), Address("billing.lan", 443))


def test_the_environment_goes_above_the_file_and_reads_each_type(written):
    settings = load(
        written('[push]\nevery = "10s"\nmax_tries = 3\n'),
        {
            "WISPBILL_PUSH__EVERY": "2min",
            "WISPBILL_PUSH__ENABLED": "false",
            "WISPBILL_DAEMON__WORKERS": "3",
            "WISPBILL_DAEMON__LOG_LEVEL": "debug",
            "WISPBILL_BRAKE__SHARE": "0.5",
            "WISPBILL_NETWORK__ALLOW": '["10.0.0.5:8443"]',
            "WISPBILL_PROVIDERS__XERO__CALLS_PER_SECOND": "2",
            "WISPBILL_CONFIG": "not a setting",
            "PUSH": "nor this",
        },
    )

    assert (settings.push.every, settings.push.max_tries, settings.push.enabled) == (120, 3, False)
    assert (settings.daemon.workers, settings.daemon.log_level) == (3, "debug")
    assert (settings.brake.share, settings.network.allow) == (0.5, (Address("10.0.0.5", 8443),))
    assert settings.provider("xero").calls_per_second == 2
    assert settings.provider("square").calls_per_second == 0


def test_systemds_state_folder_stands_below_the_file_and_its_first_entry_counts(written):
    environ = {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}
    named = written('[daemon]\nstate_dir = "/srv/wispbill"\n')

    assert load(None, environ).daemon.state_dir == Path("/var/lib/one")
    assert load(named, environ).daemon.state_dir == Path("/srv/wispbill")
    assert load(named, environ | {"WISPBILL_DAEMON__STATE_DIR": "/x"}).daemon.state_dir == Path("/x")


def test_what_is_left_empty_follows_the_state_folder_and_the_workers():
    settings = load(None, {"WISPBILL_DAEMON__STATE_DIR": "/srv/w", "WISPBILL_DAEMON__WORKERS": "5"})

    assert settings.database_url() == "sqlite:///srv/w/wispbill.db"
    assert settings.database_pool() == 9
    assert (settings.runtime_dir(), settings.backup_dir()) == (Path("/srv/w"), Path("/srv/w/backups"))


def test_settings_made_by_hand_do_not_read_the_process_environment(monkeypatch):
    monkeypatch.setenv("PUSH", '{"every": "1s"}')
    monkeypatch.setenv("WISPBILL_PUSH__EVERY", "1s")

    assert Settings() == load(None, {})


def test_settings_are_frozen():
    settings = load(None, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.push.every = 1.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.push = settings.push  # type: ignore[misc]


# --- problems -----------------------------------------------------------------------------------------

LENGTH = 'must be a length of time with its unit (ms, s, min, h or d), like "30s"'
NO_SECRET = "looks like a secret, and no secret stands in the configuration; "


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[push]\nevry = "30s"', 2, "push.evry is not a key; did you mean push.every?"),
        ("# a\n\n[push]\nworkers = 3", 4, "push.workers is not a key; did you mean daemon.workers?"),
        ("[network]\nzzz = 3", 2, "network.zzz is not a key; known here: allow"),
        ("[puhs]\na = 1", 1, "puhs is not a section; did you mean push?"),
        ("every = 1", 1, "every is not a section; did you mean push.every?"),
        (
            '[providers.stripe]\nbase_ul = ""',
            2,
            "providers.stripe.base_ul is not a key; did you mean providers.stripe.base_url?",
        ),
        ("[providers.Stripe]", 1, "providers.Stripe must be small letters, digits and _"),
        ('[push]\nevery = "30"', 2, f"push.every {LENGTH}"),
        ('[push]\nevery = "30 parsecs"', 2, f"push.every {LENGTH}"),
        ("[push]\nevery = 30", 2, f"push.every {LENGTH}"),
        ('[push]\nevery = "10ms"', 2, 'push.every must be at least "1s"'),
        (
            '[receiver]\nmax_body = "1MB"',
            2,
            'receiver.max_body must be a size with its unit (B, KiB, MiB or GiB), like "256KiB"',
        ),
        ('[daemon]\nworkers = "8"', 2, "daemon.workers must be a whole number without quotes, like 8"),
        ("[daemon]\nworkers = true", 2, "daemon.workers must be a whole number without quotes, like 8"),
        ("[daemon]\nworkers = 65", 2, "daemon.workers must be at most 64"),
        ("[brake]\nshare = 0", 2, "brake.share must be more than 0"),
        ("[brake]\nshare = nan", 2, "brake.share must be a finite number, like 0.2"),
        ('[push]\nenabled = "yes"', 2, "push.enabled must be true or false, without quotes"),
        (
            '[daemon]\nlog_level = "loud"',
            2,
            "daemon.log_level must be one of 'debug', 'info', 'warning' or 'error'",
        ),
        ('[daemon]\nstate_dir = "var"', 2, "daemon.state_dir must be a path that begins with /"),
        ('[tidy]\nat = "25:00"', 2, 'tidy.at must be a time of day in UTC, like "03:15"'),
        (
            '[receiver]\nlisten = "8470"',
            2,
            'receiver.listen must be a host and a port, like "127.0.0.1:8470" or "[::1]:8470"',
        ),
        (
            '[receiver]\npublic_url = "http://billing.example.com"',
            2,
            "receiver.public_url must be an https address without a path, like "
            '"https://billing.example.com", or ""',
        ),
        (
            '[receiver]\ntrusted_proxy = "proxy"',
            2,
            'receiver.trusted_proxy must be an IP address, like "127.0.0.1", or ""',
        ),
        (
            '[network]\nallow = [\n  "10.0.0.5:8443",\n  "*:443",\n]',
            2,
            'network.allow must be a list of exact host:port pairs, like ["10.0.0.5:8443"]',
        ),
        (
            f'[providers.xero]\nbase_url = "https://u:{CANARY}@h"',
            2,
            "providers.xero.base_url must be an address without user, password or query, like "
            '"http://127.0.0.1:12111", or ""',
        ),
        (
            f'[database]\nurl = "mysql://u:{CANARY}@h/x"',
            2,
            "database.url holds a password, and no secret stands in this file; leave it out for ~/.pgpass, "
            "or give the whole url as WISPBILL_DATABASE__URL",
        ),
        ("push = 3", 1, "push must be a section, written [push]"),
        ("providers = 3", 1, "providers must be a section, written [providers]"),
        (
            f'[providers.stripe]\nsecret_key = "{CANARY}"',
            2,
            f"providers.stripe.secret_key {NO_SECRET}give credentials with `wispbill integrations add`, "
            "which seals them",
        ),
        (
            f'[database]\npassword = "{CANARY}"',
            2,
            f"database.password {NO_SECRET}use ~/.pgpass, or give the whole url as WISPBILL_DATABASE__URL",
        ),
        (
            f'[vault]\nmaster_key = "{CANARY}"',
            2,
            f"vault.master_key {NO_SECRET}name a private file with vault.key_file, or use systemd's "
            "LoadCredential=master.key:…",
        ),
    ],
)
def test_a_problem_in_the_file_names_line_key_and_what_would_be_right(written, text, line, said):
    path = written(text)

    problems = refused(path)

    assert f"{path}, line {line}: {said}" in problems
    assert CANARY not in "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[push]\nevery = 30s", 2, "this is not TOML"),
        (f"[push]\nevery = {CANARY}", 2, "this is not TOML"),
        ("[push\n", 1, "this is not TOML"),
        ("[network]\nallow = [\n", 3, "this is not TOML"),
        ("[push]\n[pull]\n[push]\n", 3, "this section or key stands above already; write it once"),
        (
            "[brake]\nat_least = 1\nat_least = 2\n",
            3,
            "this section or key stands above already; write it once",
        ),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(written, text, line, said):
    path = written(text)

    [problem] = refused(path)

    assert problem.startswith(f"{path}, line {line}: {said}")
    assert CANARY not in problem


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WISPBILL_PUSH__EVERY", "30", f"push.every {LENGTH}"),
        ("WISPBILL_PUSH__EVRY", "30s", "push.evry is not a key; did you mean push.every?"),
        ("WISPBILL_PUSH_EVERY", "30s", "is not a setting; did you mean WISPBILL_PUSH__EVERY?"),
        ("WISPBILL_DAEMON__WORKERS", "many", "daemon.workers must be a whole number without quotes, like 8"),
        ("WISPBILL_PUSH__ENABLED", "yes", "push.enabled must be true or false, without quotes"),
        ("STATE_DIRECTORY", "var", "daemon.state_dir must be a path that begins with /"),
        (
            "WISPBILL_DATABASE__URL",
            f"mysql://u:{CANARY}@h/x",
            'database.url must be "" or begin with sqlite:///absolute/path or postgresql://',
        ),
    ],
)
def test_a_problem_in_the_environment_names_the_variable(name, value, said):
    assert refused(None, **{name: value}) == [f"environment variable {name}: {said}"]


def test_every_problem_is_told_at_once(written):
    assert len(refused(written("[push]\na = 1\nb = 2\n[pull]\nc = 3\n"))) == 3


def test_a_line_is_found_behind_many_lines_of_text_and_dotted_keys(written):
    path = written(
        '[network]\nallow = [\n  "a:1",\n\n]\n# push.every = 1\npush.x = 1\n[daemon]\ny = """\n"""\n'
    )

    assert {problem.split(": ")[0] for problem in refused(path)} == {f"{path}, line 7", f"{path}, line 9"}


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin").write_bytes(b"# caf\xe9")

    assert refused(tmp_path / "none") == [f"{tmp_path}/none: cannot be read: No such file or directory"]
    assert refused(tmp_path / "latin") == [f"{tmp_path}/latin: is not text in UTF-8"]


# --- secrets ------------------------------------------------------------------------------------------

KEYS = sorted(every_key())


@given(key=st.sampled_from(KEYS), quoted=st.booleans())
def test_a_secret_put_in_the_place_of_any_value_is_in_no_error_and_no_repr(key, quoted, tmp_path_factory):
    section, name = key.rsplit(".", 1)
    path = tmp_path_factory.mktemp("canary") / "wispbill.toml"
    path.write_text(f'[{section}]\n{name} = "{CANARY}"\n' if quoted else f"[{section}]\n{name} = {CANARY}\n")

    for problem in refused(path):
        assert problem.startswith(f"{path}, line 2: ")
        assert CANARY not in problem


def test_the_error_keeps_no_trace_of_what_was_wrong(written):
    path = written(f'[receiver]\nlisten = "{CANARY}"')
    with pytest.raises(ConfigError) as caught:
        load(path, {})

    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in repr(error) + str(error)
        error = error.__cause__ or error.__context__


def test_a_secret_that_stands_as_a_key_is_masked(written):
    assert CANARY not in "".join(refused(written(f'[providers.stripe]\nsk_live_{CANARY} = "x"')))


def test_the_database_url_is_shown_to_nobody():
    settings = load(None, {"WISPBILL_DATABASE__URL": f"postgresql://u:{CANARY}@h/x"})

    assert CANARY in settings.database_url()
    assert CANARY not in repr(settings) + str(settings) + settings.model_dump_json()


# --- changes while it runs ----------------------------------------------------------------------------


def test_a_change_that_needs_a_restart_is_named_and_others_are_not():
    old = load(None, {"WISPBILL_PROVIDERS__STRIPE__RATE_SHARE": "0.5"})
    new = load(
        None,
        {
            "WISPBILL_RECEIVER__LISTEN": "127.0.0.1:9000",
            "WISPBILL_DAEMON__WORKERS": "2",
            "WISPBILL_DAEMON__LOG_LEVEL": "debug",
            "WISPBILL_PUSH__MAX_TRIES": "5",
        },
    )

    assert needs_restart(old, new) == ["daemon.workers", "providers.stripe.rate_share", "receiver.listen"]
    assert needs_restart(new, new) == []


def test_every_key_says_whether_it_needs_a_restart():
    models: list[type[BaseModel]] = list(sections().values())
    for model in models:
        for name, field in model.model_fields.items():
            assert set(field.json_schema_extra) == {"restart"}, name  # type: ignore[arg-type]
