"""A port with some of its methods replaced."""

from collections.abc import Callable
from typing import Any


class Watched:
    """Everything as `inner`, but for the methods given instead."""

    def __init__(self, inner: Any, **instead: Callable[..., Any]) -> None:
        self._inner = inner
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._inner, name)
