"""The locks: every requirement pinned and hashed, and no word of where it was found."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock")
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]+\])?==(?P<version>\S+)")


def requirements_of(lock: str) -> dict[str, tuple[str, str]]:
    """Each requirement of a lock by name: its version and everything that belongs to it."""
    found: dict[str, tuple[str, str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
        if entry.startswith("#") or not entry.strip():
            continue
        pinned = PINNED.match(entry)
        assert pinned, f"{lock} holds a line that is no pinned requirement: {entry.splitlines()[0]}"
        found[pinned["name"]] = (pinned["version"], entry)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    """pip's --require-hashes can check whatever it downloads."""
    without = [name for name, (_, entry) in requirements_of(lock).items() if "--hash=sha256:" not in entry]

    assert requirements_of(lock)
    assert not without


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_of_an_index_is_kept(lock: str) -> None:
    """A lock says what is installed; where from is the installer's setting."""
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", (ROOT / lock).read_text())


@pytest.mark.parametrize(("smaller", "larger"), [(LOCKS[0], LOCKS[1]), (LOCKS[1], LOCKS[2])])
def test_the_larger_lock_holds_the_smaller_one(smaller: str, larger: str) -> None:
    """The demo and the tests run the very versions that production runs."""
    base = {name: version for name, (version, _) in requirements_of(smaller).items()}
    full = {name: version for name, (version, _) in requirements_of(larger).items()}

    assert base.items() <= full.items()
