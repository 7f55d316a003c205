"""Captions from what was said and when: how words become lines on a screen, and the two file formats for them.

The numbers are those of the field: two lines of 42 characters, six seconds at most (Netflix Timed Text Style Guide).
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.artifacts import Alignment

MAX_LINE_CHARACTERS = 42
MAX_LINES = 2
MAX_CAPTION_S = 6.0
MIN_CAPTION_S = 5 / 6  # shorter cannot be read
_PAUSE_S = 1.0  # who pauses that long has finished a thought
_SHORT_SENTENCE_S = 1.0  # "No." is not worth a caption of its own
_LATE_ALIGNMENT_S = 0.5  # the file's last frame may be cut; more than that and the alignment is of another recording

_QUOTES_AND_BRACKETS = frozenset({"Pe", "Pf", "Pi"})  # Unicode categories: what may close after a full stop
_SENTENCE_ENDS = frozenset(".!?。")
_PHRASE_ENDS = frozenset(",;:、")
_ABBREVIATIONS = frozenset({"mr.", "mrs.", "ms.", "dr.", "st.", "vs.", "e.g.", "i.e.", "prof."})


@dataclass(frozen=True)
class Caption:
    """What stands on the screen from `start_s` to `end_s`; lines are separated by a newline."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class _Word:
    text: str
    start_s: float
    end_s: float
    follows_space: bool


def caption_lines(text: str, alignment: Alignment | None, duration_s: float) -> list[Caption]:
    """Group the words into captions that never overlap and end with the speech; every word stands in one of them.

    Without an alignment, or with one that cannot be of this recording, time is shared out by characters.
    """
    if not duration_s > 0:
        return []
    if alignment is not None and _can_be_of(alignment, duration_s):
        captions = _timed(_grouped(list(_words(_aligned(alignment)))), duration_s)
        if all(caption.start_s < caption.end_s for caption in captions):
            return captions
    return _timed(_grouped(list(_words(_shared_out(text, duration_s)))), duration_s)


def to_srt(captions: Sequence[Caption]) -> str:
    """Write SubRip. It has no escapes, so an arrow in the text, which would be read as times, is shortened."""
    return "".join(
        f"{number}\n{_clock(caption.start_s, ',')} --> {_clock(caption.end_s, ',')}\n"
        f"{caption.text.replace('-->', '->')}\n\n"
        for number, caption in enumerate(captions, 1)
    )


def to_webvtt(captions: Sequence[Caption]) -> str:
    """Write WebVTT, with `&`, `<` and `>` (and so `-->`) escaped."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(caption.start_s, '.')} --> {_clock(caption.end_s, '.')}\n{_escaped(caption.text)}\n\n"
        for caption in captions
    )


_Timed = tuple[str, float, float]  # a character, its start and its end in seconds


def _can_be_of(alignment: Alignment, duration_s: float) -> bool:
    starts, ends = alignment.starts_s, alignment.ends_s
    if not len(alignment.characters) == len(starts) == len(ends) or not starts:
        return False
    return (
        all(map(math.isfinite, (*starts, *ends)))
        and all(earlier <= later for earlier, later in pairwise(starts))
        and 0 <= starts[0] < max(ends) <= duration_s + _LATE_ALIGNMENT_S
    )


def _aligned(alignment: Alignment) -> Iterator[_Timed]:
    for characters, start_s, end_s in zip(alignment.characters, alignment.starts_s, alignment.ends_s, strict=True):
        for character in characters:  # one, but for scripts whose letters are joined from several
            yield character, start_s, end_s


def _shared_out(text: str, duration_s: float) -> Iterator[_Timed]:
    said = " ".join(text.split())
    share_s = duration_s / max(len(said), 1)
    for number, character in enumerate(said):
        yield character, number * share_s, (number + 1) * share_s


def _words(characters: Iterator[_Timed]) -> Iterator[_Word]:
    gathered: list[_Timed] = []
    follows_space = False
    for timed in characters:
        character = timed[0]
        if not character.isspace() and unicodedata.category(character) != "Cc":
            gathered.append(timed)
        ends_word = character.isspace() or _breaks_without_space(character) or len(gathered) == MAX_LINE_CHARACTERS
        if gathered and ends_word:
            yield _word(gathered, follows_space)
            gathered = []
            follows_space = False
        follows_space = follows_space or character.isspace()
    if gathered:
        yield _word(gathered, follows_space)


def _word(characters: list[_Timed], follows_space: bool) -> _Word:
    text = "".join(character for character, _, _ in characters)
    return _Word(text, characters[0][1], max(end_s for _, _, end_s in characters), follows_space)


def _grouped(words: list[_Word]) -> list[list[_Word]]:
    groups: list[list[_Word]] = []
    group: list[_Word] = []
    for word in words:
        if group and _is_finished(group, word):
            groups.append(group)
            group = []
        elif group and not _fits([*group, word]):
            cut = _phrase_cut(group)
            groups.append(group[:cut])
            group = group[cut:]
            if group and not _fits([*group, word]):
                groups.append(group)
                group = []
        group = [*group, word]
    return [*groups, group] if group else groups


def _is_finished(group: list[_Word], following: _Word) -> bool:
    last = group[-1]
    if following.start_s - last.end_s >= _PAUSE_S:
        return True
    return _ends_sentence(last.text) and last.end_s - group[0].start_s >= _SHORT_SENTENCE_S


def _breaks_without_space(character: str) -> bool:
    """Say whether it is punctuation of a script that writes no spaces."""
    return unicodedata.category(character) == "Po" and unicodedata.east_asian_width(character) in "FW"


def _last_mark(word: str) -> str:
    """Give the word's last character before closing quotes and brackets, full-width forms as plain ones."""
    marks = (c for c in reversed(word) if c not in "\"'" and unicodedata.category(c) not in _QUOTES_AND_BRACKETS)
    return unicodedata.normalize("NFKC", next(marks, ""))[-1:]


def _ends_sentence(word: str) -> bool:
    return _last_mark(word) in _SENTENCE_ENDS and word.lower() not in _ABBREVIATIONS


def _ends_phrase(word: str) -> bool:
    mark = _last_mark(word)
    return mark in _PHRASE_ENDS or (mark != "-" and mark != "" and unicodedata.category(mark) == "Pd")


def _phrase_cut(group: list[_Word]) -> int:
    """Say how many words of an overfull group to show first: up to a phrase's end in its second half, else all."""
    for count in range(len(group), len(group) // 2, -1):
        last = group[count - 1].text
        if _ends_phrase(last) or _ends_sentence(last):
            return count
    return len(group)


def _fits(words: list[_Word]) -> bool:
    if words[-1].end_s - words[0].start_s > MAX_CAPTION_S:
        return False
    return _split_of(words) is not None


def _split_of(words: list[_Word]) -> int | None:
    """Say how many words the first line takes so that the lines are most alike; None when they do not fit."""
    whole = len(_line(words))
    if whole <= MAX_LINE_CHARACTERS:
        return len(words)
    best: tuple[int, int] | None = None
    first = 0
    for count, word in enumerate(words[:-1], 1):
        first += len(word.text) + (word.follows_space and count > 1)
        second = whole - first - words[count].follows_space
        if first <= MAX_LINE_CHARACTERS and second <= MAX_LINE_CHARACTERS:
            best = min(best or (whole, count), (abs(first - second), count))
    return best[1] if best else None


def _line(words: list[_Word]) -> str:
    return "".join((" " if word.follows_space and number else "") + word.text for number, word in enumerate(words))


def _timed(groups: list[list[_Word]], duration_s: float) -> list[Caption]:
    captions: list[Caption] = []
    for number, group in enumerate(groups):
        start_s = min(group[0].start_s, duration_s)
        limit_s = min(groups[number + 1][0].start_s, duration_s) if number + 1 < len(groups) else duration_s
        end_s = max(min(group[-1].end_s, start_s + MAX_CAPTION_S), start_s + MIN_CAPTION_S)
        split = _split_of(group) or len(group)
        lines = [_line(part) for part in (group[:split], group[split:]) if part]
        captions.append(Caption(start_s, min(end_s, limit_s), "\n".join(lines)))
    return captions


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(time_s: float, mark: str) -> str:
    milliseconds = math.floor(time_s * 1000 + 1e-6)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
