"""The one error of this folder."""

from collections.abc import Mapping


class MediaInvalid(Exception):
    """A file that is not the media it should be: `reason` is for people, `facts` are what was measured."""

    def __init__(self, reason: str, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = dict(facts or {})
