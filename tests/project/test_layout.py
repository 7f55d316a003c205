"""The shape of the tree: folders under contract, empty package files, files that a reader can hold in mind."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_UNDER_CONTRACT = {"tests", "bench"}  # they may import everything, and nothing imports them
FILE_LINES = 300
TEST_FILE_LINES = 400


def python_folders() -> set[str]:
    """The top-level folders that hold Python, wherever in them."""
    return {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and any(folder.rglob("*.py"))
    }


def python_files() -> list[Path]:
    """Every Python file of the project."""
    nested = [file for folder in sorted(python_folders()) for file in sorted((ROOT / folder).rglob("*.py"))]
    return nested + sorted(ROOT.glob("*.py"))


def import_linter() -> dict[str, Any]:
    """The import contracts as pyproject.toml states them."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_every_folder_of_code_is_under_contract() -> None:
    """A new folder cannot appear without a place among the import contracts, and none is kept for a folder gone."""
    assert python_folders() - NOT_UNDER_CONTRACT == set(import_linter()["root_packages"])


def test_every_folder_has_a_layer_or_stands_alone() -> None:
    """Each folder is one layer, but for the studio and the migrations, which nothing imports."""
    (layers,) = [contract["layers"] for contract in import_linter()["contracts"] if contract["type"] == "layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}

    assert set(import_linter()["root_packages"]) - named == {"studio", "migrations"}


def test_programs_are_imported_by_no_folder() -> None:
    """The contract that keeps worker.py and starter.py at the end names every folder."""
    (ends,) = [contract for contract in import_linter()["contracts"] if contract["id"] == "programs-are-ends"]

    assert set(ends["source_modules"]) == set(import_linter()["root_packages"])


def test_package_files_are_empty() -> None:
    """`__init__.py` files hold nothing: each name has one place to be imported from."""
    full = [str(file.relative_to(ROOT)) for file in python_files() if file.name == "__init__.py" and file.read_bytes()]

    assert not full


@pytest.mark.parametrize(("tests", "ceiling"), [(False, FILE_LINES), (True, TEST_FILE_LINES)])
def test_files_stay_below_the_ceiling(tests: bool, ceiling: int) -> None:
    """No file of code is longer than 300 lines, no test file longer than 400."""
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files()
        if (file.relative_to(ROOT).parts[0] == "tests") is tests
    }

    assert not {name: lines for name, lines in lengths.items() if lines > ceiling}
