"""`.env.example` names every setting, with its default, and nothing else."""

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import AliasChoices
from temporalio.envconfig import ClientConfig

from runtime.settings import ROOT, Settings, load_settings

EXAMPLE = ROOT / ".env.example"
ASSIGNMENT = re.compile(r"^(?P<comment># )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")

# The SDK's own environment configuration, as far as its Python side uses it; the values prove each name.
TEMPORAL = {
    "TEMPORAL_ADDRESS": "host:1",
    "TEMPORAL_NAMESPACE": "space",
    "TEMPORAL_API_KEY": "key",
    "TEMPORAL_TLS": "true",
    "TEMPORAL_TLS_CLIENT_CERT_PATH": "PEM",
    "TEMPORAL_TLS_CLIENT_CERT_DATA": "text",
    "TEMPORAL_TLS_CLIENT_KEY_PATH": "PEM",
    "TEMPORAL_TLS_CLIENT_KEY_DATA": "text",
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH": "PEM",
    "TEMPORAL_TLS_SERVER_CA_CERT_DATA": "text",
    "TEMPORAL_TLS_SERVER_NAME": "name",
    "TEMPORAL_CONFIG_FILE": "TOML",
    "TEMPORAL_PROFILE": "other",
}


def written() -> dict[str, str]:
    """Every variable of the file, commented or not, with the value written there."""
    matches = [ASSIGNMENT.match(line) for line in EXAMPLE.read_text().splitlines()]
    return {match["name"]: match["value"] for match in matches if match}


def defaults() -> dict[str, object]:
    """Every variable that the settings read, with its default."""
    found: dict[str, object] = {}
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        assert isinstance(alias, AliasChoices)
        (name,) = alias.choices
        found[str(name)] = field.default
    return found


def test_the_file_names_exactly_the_variables_that_are_read() -> None:
    """A setting cannot be added, renamed or removed without its line."""
    assert set(written()) == set(defaults()) | set(TEMPORAL)


def test_each_variable_is_named_once_below_its_meaning() -> None:
    """Every assignment stands alone below a comment that says what it means."""
    lines = EXAMPLE.read_text().splitlines()
    names = [match["name"] for line in lines if (match := ASSIGNMENT.match(line))]
    unexplained = [
        line
        for above, line in pairwise(lines)
        if ASSIGNMENT.match(line) and (ASSIGNMENT.match(above) or not above.startswith("# "))
    ]

    assert sorted(names) == sorted(set(names))
    assert not unexplained


def test_the_defaults_shown_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file with every line in force gives the same settings as no file."""
    for name in defaults():
        monkeypatch.delenv(name, raising=False)
    everything = tmp_path / "everything.env"
    everything.write_text("".join(f"{name}={value}\n" for name, value in written().items()))

    assert load_settings({"DEVATAR_ENV_FILE": str(everything)}) == load_settings({"DEVATAR_ENV_FILE": os.devnull})


def test_a_plain_copy_loads_as_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cp .env.example .env` changes nothing until a value is filled in, and leaks no secret."""
    for name in defaults():
        monkeypatch.delenv(name, raising=False)

    assert load_settings({"DEVATAR_ENV_FILE": str(EXAMPLE)}) == load_settings({"DEVATAR_ENV_FILE": os.devnull})
    assert not any(dotenv_values(EXAMPLE).values())


@pytest.mark.parametrize("name", TEMPORAL)
def test_the_sdk_reads_each_temporal_variable(name: str, tmp_path: Path) -> None:
    """Each name changes the connection, so none is misspelt."""
    pem, profiles = tmp_path / "some.pem", tmp_path / "profiles.toml"
    pem.write_text("text")
    profiles.write_text('[profile.default]\naddress = "default:1"\n[profile.other]\naddress = "other:1"\n')
    value = TEMPORAL[name].replace("PEM", str(pem)).replace("TOML", str(profiles))
    base = {"TEMPORAL_CONFIG_FILE": str(profiles)} if name == "TEMPORAL_PROFILE" else {}

    changed = ClientConfig.load_client_connect_config(override_env_vars=base | {name: value})

    assert changed != ClientConfig.load_client_connect_config(override_env_vars=base)
