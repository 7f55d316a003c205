"""Captions: what every result keeps to, and some that were looked at."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.captions import Caption, caption_lines, to_srt, to_webvtt
from models.artifacts import Alignment

SPEECH = (
    "Good evening. My name is Deven, and tonight I want to show you something: a film that nobody had to shoot. "
    "It begins with a sentence like this one, costs about $9.99, and ends — as all good "
    'things do — with "the end." Done!'
)
GOLDEN = [
    "Good evening. My name is Deven, and\ntonight I want to show you something:",
    "a film that nobody had to shoot.",
    "It begins with a sentence like this\none, costs about $9.99, and ends —",
    'as all good things do — with "the end."',
    "Done!",
]


def spoken(text: str, characters_per_second: float = 15.0) -> Alignment:
    """An even alignment, as a vendor sends it."""
    share_s = 1 / characters_per_second
    return Alignment(
        characters=list(text),
        starts_s=[n * share_s for n in range(len(text))],
        ends_s=[(n + 1) * share_s for n in range(len(text))],
    )


def words_of(captions: list[Caption]) -> str:
    return "".join("".join(caption.text.split()) for caption in captions)


def without_spaces(text: str) -> str:
    return "".join(text.split())


def check_rules(captions: list[Caption], duration_s: float) -> None:
    """The rules that hold for any captions."""
    for caption in captions:
        lines = caption.text.split("\n")
        assert len(lines) <= 2
        assert all(0 < len(line) <= 42 and line == line.strip() for line in lines)
        assert 0 <= caption.start_s < caption.end_s <= duration_s
        assert caption.end_s - caption.start_s <= 6.0 + 1e-9
    for earlier, later in itertools.pairwise(captions):
        assert earlier.end_s <= later.start_s


TEXTS = st.text(
    st.sampled_from("abcdefgh ABC.,;:!?-'\"()&<>\n\t 0123456789éß—…。、日本語ع🎬"), min_size=1, max_size=400
)


@given(text=TEXTS, duration_s=st.floats(0.5, 300))
@settings(max_examples=50, deadline=None)
def test_shared_out_time(text: str, duration_s: float) -> None:
    """Without an alignment every word is shown, in order, within the rules."""
    captions = caption_lines(text, None, duration_s)
    check_rules(captions, duration_s)
    assert words_of(captions) == without_spaces(text)


@given(text=TEXTS, steps=st.lists(st.floats(0, 0.4), min_size=400, max_size=400), cut=st.floats(0, 0.4))
@settings(max_examples=50, deadline=None)
def test_aligned_time(text: str, steps: list[float], cut: float) -> None:
    """With an alignment, however uneven, and a file that ends a little early, the same holds."""
    edges = list(itertools.accumulate(steps[: len(text)], initial=0.1))
    alignment = Alignment(characters=list(text), starts_s=edges[:-1], ends_s=edges[1:])
    duration_s = max(edges[-1] - cut, 0.05)
    captions = caption_lines(text, alignment, duration_s)
    check_rules(captions, duration_s)
    assert words_of(captions) == without_spaces(text)


def test_golden() -> None:
    """Captions end with sentences and phrases, and their two lines are alike."""
    captions = caption_lines(SPEECH, spoken(SPEECH), len(SPEECH) / 15)
    assert [caption.text for caption in captions] == GOLDEN
    assert captions[0].start_s == 0
    assert captions[1].start_s == pytest.approx(SPEECH.index("a film") / 15)


def test_times_follow_the_voice() -> None:
    """A caption stands while its words are spoken, and a pause ends it."""
    alignment = spoken("One two. Three four.")
    late = [time + (3.0 if n >= 9 else 0.0) for n, time in enumerate(alignment.starts_s)]
    ends = [time + 1 / 15 for time in late]
    captions = caption_lines("", Alignment(characters=alignment.characters, starts_s=late, ends_s=ends), ends[-1] + 1)
    assert [caption.text for caption in captions] == ["One two.", "Three four."]
    assert captions[0].end_s < 2
    assert captions[1].start_s == pytest.approx(3.6)


def broken(change: Callable[[Alignment], dict[str, list[float]]]) -> Alignment:
    good = spoken("Hello there, world.")
    return good.model_copy(update=change(good))


@pytest.mark.parametrize(
    "alignment",
    [
        broken(lambda good: {"starts_s": good.starts_s[:-1]}),
        broken(lambda good: {"starts_s": good.starts_s[::-1]}),
        broken(lambda good: {"ends_s": [float("nan"), *good.ends_s[1:]]}),
        broken(lambda good: {"starts_s": [-1.0, *good.starts_s[1:]]}),
        broken(lambda good: {"starts_s": [0.0] * 19, "ends_s": [0.0] * 19}),
        spoken("Hello there, world.", characters_per_second=2),
        Alignment(characters=[], starts_s=[], ends_s=[]),
    ],
    ids=["short", "backwards", "nan", "negative", "no time", "of a longer recording", "empty"],
)
def test_unusable_alignment(alignment: Alignment) -> None:
    """An alignment that cannot be of this recording is left aside."""
    captions = caption_lines("Hello there, world.", alignment, 1.5)
    assert captions == caption_lines("Hello there, world.", None, 1.5)
    assert [caption.text for caption in captions] == ["Hello there, world."]


@pytest.mark.parametrize(("text", "duration_s"), [("", 3.0), ("  \n ", 3.0), ("words", 0.0), ("words", float("nan"))])
def test_nothing_to_show(text: str, duration_s: float) -> None:
    """Without words or without time there are no captions."""
    assert caption_lines(text, None, duration_s) == []


def test_long_word() -> None:
    """A word longer than a line is broken rather than lost."""
    captions = caption_lines("a" * 100, None, 5.0)
    assert words_of(captions) == "a" * 100


def test_srt() -> None:
    """SubRip counts from one, has commas in its times, and no arrow within a text."""
    captions = [Caption(0.0, 1.5, "One --> two"), Caption(3661.0015, 3662.9999, "A & <b>\nsecond")]
    assert to_srt(captions) == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne -> two\n\n2\n01:01:01,001 --> 01:01:02,999\nA & <b>\nsecond\n\n"
    )


def test_webvtt() -> None:
    """WebVTT has its header, points in its times, and escapes what would be markup or times."""
    captions = [Caption(0.0, 1.5, "One --> two"), Caption(2.0, 3.0, "A & <b>\nsecond")]
    assert to_webvtt(captions) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne --&gt; two\n\n"
        "00:00:02.000 --> 00:00:03.000\nA &amp; &lt;b&gt;\nsecond\n\n"
    )
    assert to_webvtt([]) == "WEBVTT\n\n"
    assert to_srt([]) == ""


def test_five_thousand_characters() -> None:
    """Work grows with the text, not with its square: ten times the text makes ten times the captions."""
    text = (SPEECH + " ") * 24
    captions = caption_lines(text, spoken(text), len(text) / 15)
    check_rules(captions, len(text) / 15)
    assert len(captions) == pytest.approx(24 * len(GOLDEN), rel=0.2)
