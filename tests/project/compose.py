"""The compose file as the tests read it."""

import re
from functools import cache
from typing import Any

import yaml

from runtime.settings import ROOT

FILE = ROOT / "docker-compose.temporal.yml"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(:-(?P<default>(?:[^{}]|\$\{[^}]*\})*))?\}")


@cache
def load() -> dict[str, Any]:
    """The whole file, anchors resolved, variables as written."""
    return yaml.safe_load(FILE.read_text())


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    return load()["services"]


def resolve(text: str) -> str:
    """A value as compose passes it on when none of its variables is set; `$$` is a plain dollar sign."""
    while VARIABLE.search(text):
        text = VARIABLE.sub(lambda found: found["default"] or "", text)
    return text.replace("$$", "$")


def environment_of(service: str) -> dict[str, str]:
    """A service's environment when no variable is set."""
    return {name: resolve(value) for name, value in services()[service]["environment"].items()}
