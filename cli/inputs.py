"""What people hand to a command: a file of fields, options that win over it, texts from files."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from domain.rejections import RejectedError
from models.inputs import Draft
from runtime.catalog.drafts import document_from, draft_from, draft_from_file

DraftT = TypeVar("DraftT", bound=Draft)


def draft_of(kind: type[DraftT], file: Path | None, /, **options: object) -> DraftT:
    """The file's fields, overridden by the options that were given. Raises RejectedError."""
    given = {name: value for name, value in options.items() if value is not None}
    return draft_from(kind, given) if file is None else draft_from_file(kind, file, **given)


def changes_of(
    kind: type[Draft], file: Path | None, given: Mapping[str, object], reset: Iterable[str] | None
) -> dict[str, object]:
    """What an edit changes: the file's fields, the options over them, and the fields that go back to their defaults.

    Raises RejectedError for a file that cannot be read, and when nothing is left to change.
    """
    changes = {**(document_from(file) if file else {}), **given}
    for name in reset or ():
        field = kind.model_fields.get(name.replace("-", "_"))
        changes[name.replace("-", "_")] = None if field is None or field.is_required() else field.get_default()
    if not changes:
        raise RejectedError("edit", "nothing to change", "Give a field as an option, --file or --reset")
    return changes


def text_of(name: str, path: Path) -> str:
    """A text file's content, `-` for standard input. Raises RejectedError that names the option."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedError(name, f"{path} cannot be read ({error})", "Give a text file in UTF-8") from None
    return text.strip()
