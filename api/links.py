"""Links that users gave: they may be signed, so they are shown in part, and what is shown may be sent back."""

from collections.abc import Mapping
from typing import Any

from activities.anchor import without_query


def shown(link: str | None) -> str | None:
    """Without user, query and fragment, where passwords and signatures stand."""
    return without_query(link) if link else None


def unless_as_shown(changes: Mapping[str, Any], field: str, kept: str | None) -> dict[str, Any]:
    """The changes; a link that comes back as it was shown means the one that is kept, with its signature."""
    same = kept is not None and changes.get(field) == shown(kept)
    return {**changes, field: kept} if same else dict(changes)
