"""The documents tell the truth: what they name is there."""

import re
import tomllib
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from cli.app import app
from runtime.settings import ROOT
from tests.project.test_env_example import TEMPORAL, defaults

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/architecture.md"]
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)
MAKE_VARIABLES = {"SCRIPT_FILE", "PYTHON"}


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def command_lines() -> set[str]:
    """Every command of starter.py, written out: `scene add`, `demo`."""

    def under(group: object) -> list[str]:
        if not isinstance(group, TyperGroup):
            return [""]
        return [f"{name} {rest}".strip() for name, child in group.commands.items() for rest in under(child)]

    return set(under(typer.main.get_command(app)))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_quoted_make_targets_exist(document: str) -> None:
    """`make x` in a document is a target of the Makefile."""
    quoted = set(re.findall(r"(?:`|^)make (?:[A-Z]+=\S+ )?([a-z]+)", text_of(document), re.MULTILINE))

    assert quoted <= set(TARGET.findall(text_of("Makefile")))


def test_the_two_commands_are_quoted() -> None:
    """The README begins with what a newcomer runs."""
    assert re.search(r"```\nmake demo .*\nmake test .*\n```", text_of("README.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_quoted_commands_exist(document: str) -> None:
    """`starter.py scene add` in a document is a command, and so are those that stand alone in backticks."""
    known = command_lines()
    groups = {line.split()[0] for line in known}
    quoted = set(re.findall(r"starter\.py ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", text_of(document)))
    alone = set(re.findall(rf"`((?:{'|'.join(sorted(groups))}) [a-z-]+)`", text_of(document)))

    assert known >= {line if line in known else line.split()[0] for line in quoted | alone}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_quoted_options_exist(document: str) -> None:
    """Each option after a quoted command is one of that command."""
    joined = text_of(document).replace("\\\n", " ")
    for line in re.findall(r"starter\.py ([^`\n]+)", joined):
        words = line.split()
        command = typer.main.get_command(app)
        while isinstance(command, TyperGroup) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}

        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    """A path of the project, in backticks or as a link, leads somewhere."""
    text = text_of(document)
    folders = "|".join(tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["root_packages"])
    quoted = re.findall(rf"`((?:{folders}|tests|docs|examples|\.ci)/[\w./-]*)`", text)
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    places = [ROOT / name for name in quoted] + [(ROOT / document).parent / name for name in linked]

    assert not [str(place) for place in places if not place.exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_variables_are_settings(document: str) -> None:
    """A variable in backticks is one that is read."""
    named = set(re.findall(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", text_of(document)))

    assert named <= defaults().keys() | TEMPORAL.keys() | MAKE_VARIABLES


def test_the_readme_shows_every_folder() -> None:
    """The table of folders is the tree."""
    shown = set(re.findall(r"^\| .*", text_of("README.md").partition("## Where things are")[2], re.MULTILINE))
    named = {name for row in shown for name in re.findall(r"`([a-z]+)/`", row)}
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and any(path.iterdir())}

    assert named - {"bench"} == there - {"bench", "__pycache__"}  # measurements come and go


def test_the_picture_is_small() -> None:
    """A clone stays quick: the film's frame takes at most 150 KB."""
    assert Path(ROOT / "docs" / "film.jpg").stat().st_size <= 150 * 1024
