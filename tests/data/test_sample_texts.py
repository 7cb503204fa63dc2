"""The embedded samples ``reviews`` (long texts, verdict last) and ``topics`` (several labels per text)."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from statistics import mean, median

import numpy as np
import pytest
from numpy.typing import NDArray

from tfclassify.data.sources import Columns, find_source, sample_splits
from tfclassify.data.sources.sample import FOLDER
from tfclassify.quality.baseline import baseline_scores, fit_baseline

Row = tuple[str, str]

SPLITS = ("train", "validation", "test")
REVIEW_LABELS = ["not_recommended", "recommended"]
TOPIC_LABELS = [
    "culture",
    "housing",
    "noise",
    "parks",
    "permits",
    "public_transport",
    "roads",
    "safety",
    "schools",
    "taxes",
    "waste",
    "water",
]
COLUMNS = {"reviews": ["text", "label"], "topics": ["text", "labels"]}
# What a review is of: twelve kinds of thing, each another one in each split.
KINDS = (
    "mixer|kitchen machine|bread machine|blender",
    "shoes|boots",
    "phone|telephone",
    "drill|lawn mower|pressure washer",
    "office chair|armchair|mattress",
    "tent|rucksack|sleeping bag",
    "hotel|inn|guesthouse",
    "course|evening class",
    "restaurant",
    "software|app|backups?|online storage",
    "removal|painting|painters|cleaning company|cleaned",
    "gym|climbing hall|yoga",
)
MEGABYTE = 1_000_000


@cache
def rows_of(name: str, split: str) -> tuple[Row, ...]:
    with open(FOLDER / name / f"{split}.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS[name]
    return tuple((text, label) for text, label in rows)


def all_rows(name: str) -> Iterator[tuple[str, Row]]:
    return ((split, row) for split in SPLITS for row in rows_of(name, split))


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def labels_of(row: Row) -> list[str]:
    return row[1].split("|") if row[1] else []


def sentences_of(text: str) -> set[str]:
    """The sentences of five words and more; shorter ones ("So, no.") belong to nobody."""
    parts = re.split(r"(?<=[.!?:])\s+", text)
    return {" ".join(words_of(part)) for part in parts if len(words_of(part)) >= 5}


def runs_of(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def most_alike(texts: list[str]) -> float:
    """Returns the highest share of words that two of the texts have in common (Jaccard)."""
    bags = [frozenset(words_of(text)) for text in texts]
    return max(len(one & other) / len(one | other) for one, other in combinations(bags, 2))


@pytest.mark.parametrize("name", COLUMNS)
def test_files(name: str) -> None:
    files = sorted(path.name for path in (FOLDER / name).iterdir())
    assert files == ["README.md", "test.csv", "train.csv", "validation.csv"]
    content = b"".join((FOLDER / name / f"{split}.csv").read_bytes() for split in SPLITS)
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert sum(path.stat().st_size for path in (FOLDER / name).iterdir()) < 3 * MEGABYTE
    assert sum(path.stat().st_size for each in COLUMNS for path in (FOLDER / each).iterdir()) < 4 * MEGABYTE


@pytest.mark.parametrize("name", COLUMNS)
def test_sizes(name: str) -> None:
    train, validation, test = (len(rows_of(name, split)) for split in SPLITS)
    assert test >= 200
    assert 2 <= train / test <= 3
    assert 0.45 <= validation / test <= 0.55


@pytest.mark.parametrize("name", COLUMNS)
def test_read_as_a_sample(name: str) -> None:
    role = COLUMNS[name][1]
    columns = Columns("text", labels=role) if name == "topics" else Columns("text", label=role)
    assert set(sample_splits(name)) == set(SPLITS)
    for split in SPLITS:
        location = f"sample:{name}:{split}"
        read = [row for batch in find_source(location)(location, columns) for row in batch.to_pylist()]
        assert [(row["text"], row[role]) for row in read] == list(rows_of(name, split))


@pytest.mark.parametrize("name", COLUMNS)
def test_clean_texts(name: str) -> None:
    for _, (text, _label) in all_rows(name):
        assert text == " ".join(text.split())
        assert text.isprintable()
        assert text[-1] in ".!?\"'"
        assert not re.search(r"https?:|www\.|@|[<>{}_]|\btodo\b", text, re.IGNORECASE)


@pytest.mark.parametrize("name", COLUMNS)
def test_no_text_twice(name: str) -> None:
    seen = Counter(" ".join(words_of(text)) for _, (text, _label) in all_rows(name))
    assert max(seen.values()) == 1


@pytest.mark.parametrize("name", COLUMNS)
def test_readme_says_the_sizes(name: str) -> None:
    readme = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    for split in SPLITS:
        assert re.search(rf"^\| `{split}\.csv` \| {len(rows_of(name, split))} \|", readme, re.MULTILINE)
    assert "must not be used" in readme
    assert "Apache-2.0" in readme


def test_index_names_the_samples() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    names = sorted(path.parent.name for path in FOLDER.glob("*/train.csv"))
    assert set(COLUMNS) <= set(names)
    assert all(f"`sample:{name}`" in index for name in names)


@pytest.mark.parametrize("split", SPLITS)
def test_reviews_are_balanced_and_long(split: str) -> None:
    rows = rows_of("reviews", split)
    counts = Counter(label for _, label in rows)
    assert sorted(counts) == REVIEW_LABELS
    assert counts["recommended"] == counts["not_recommended"]
    for label in REVIEW_LABELS:
        lengths = [len(text.split()) for text, own in rows if own == label]
        assert median(lengths) > 150
        assert mean(length > 600 for length in lengths) >= 0.15
        assert min(lengths) >= 100


@pytest.mark.parametrize("split", SPLITS)
def test_reviews_of_twelve_kinds_of_thing(split: str) -> None:
    rows = rows_of("reviews", split)
    for kind in KINDS:
        hits = sum(bool(re.search(rf"\b(?:{kind})\b", text)) for text, _ in rows)
        assert hits >= 0.06 * len(rows), kind


def test_no_sentence_in_two_splits_of_reviews() -> None:
    splits = {split: {each for text, _ in rows_of("reviews", split) for each in sentences_of(text)} for split in SPLITS}
    assert all(not splits[one] & splits[other] for one, other in combinations(SPLITS, 2))


@pytest.mark.parametrize("split", SPLITS)
def test_passages_are_used_a_few_times(split: str) -> None:
    rows = rows_of("reviews", split)
    uses = Counter(each for text, _ in rows for each in sentences_of(text))
    assert max(uses.values()) <= 6
    assert len(uses) > 4 * len(rows)
    assert most_alike([text for text, _ in rows]) < 0.7


def test_verdicts_are_many() -> None:
    ends = [(split, tuple(words_of(text)[-10:]), label) for split, (text, label) in all_rows("reviews")]
    uses = Counter(end for _, end, _ in ends)
    by_label = {label: {end for _, end, own in ends if own == label} for label in REVIEW_LABELS}
    assert not by_label["recommended"] & by_label["not_recommended"]
    assert min(map(len, by_label.values())) >= 150
    assert max(uses.values()) <= 2
    assert all(uses[end] == 1 for split, end, _ in ends if split != "train")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("length", "most"), [(1, 0.3), (2, 0.25), (3, 0.15), (4, 0.12)])
def test_no_phrase_gives_the_verdict_away(split: str, length: int, most: float) -> None:
    rows = rows_of("reviews", split)
    found: dict[str, Counter[tuple[str, ...]]] = {label: Counter() for label in REVIEW_LABELS}
    for text, label in rows:
        found[label].update(runs_of(words_of(text), length))
    gaps = (abs(found["recommended"][each] - found["not_recommended"][each]) for each in set().union(*found.values()))
    assert max(gaps) <= most * len(rows) / 2


def review_accuracy(cut: Callable[[list[str]], list[str]]) -> float:
    """Returns the baseline's accuracy on test rows, where both sides see only what ``cut`` leaves of the words."""
    train, test = rows_of("reviews", "train"), rows_of("reviews", "test")
    texts, others = ([" ".join(cut(text.split())) for text, _ in rows] for rows in (train, test))
    truth = np.array([REVIEW_LABELS.index(label) for _, label in train], np.int32)
    baseline = fit_baseline(texts, truth, labels=REVIEW_LABELS, multilabel=False)
    given = baseline_scores(baseline, others).argmax(axis=1)
    return mean(REVIEW_LABELS[at] == label for at, (_, label) in zip(given, test, strict=True))


def stated(name: str, row: str) -> float:
    """Returns the figure that the README gives in a row of its table."""
    readme = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"^\| {re.escape(row)} \| ([0-9.]+) \|", readme, re.MULTILINE)
    assert match, row
    return float(match[1])


def test_the_verdict_comes_late() -> None:
    first = review_accuracy(lambda words: words[:100])
    last = review_accuracy(lambda words: words[-100:])
    assert first < 0.6
    assert last - first >= 0.1
    assert first == pytest.approx(stated("reviews", "the first 100 words"), abs=0.02)
    assert last == pytest.approx(stated("reviews", "the last 100 words"), abs=0.02)


@pytest.mark.slow
def test_reviews_leave_something_to_learn() -> None:
    whole = review_accuracy(lambda words: words)
    assert 0.65 <= whole <= 0.9
    assert whole == pytest.approx(stated("reviews", "the whole text"), abs=0.02)


@pytest.mark.parametrize("split", SPLITS)
def test_topics_labels(split: str) -> None:
    rows = rows_of("topics", split)
    named = [labels_of(row) for row in rows]
    assert all(names == sorted(set(names)) for names in named)
    assert set().union(*named) == set(TOPIC_LABELS)
    counts = Counter(len(names) for names in named)
    assert max(counts) == 3
    assert 0.03 <= counts[0] / len(rows) <= 0.08
    assert 0.35 <= (counts[2] + counts[3]) / len(rows) <= 0.5
    per_label = Counter(name for names in named for name in names)
    assert min(per_label.values()) >= 0.07 * len(rows)


def test_topics_are_short_and_many() -> None:
    lengths = [len(text.split()) for _, (text, _labels) in all_rows("topics")]
    assert len(lengths) >= 750
    assert min(lengths) >= 10
    assert max(lengths) <= 80


def test_topics_share_no_template() -> None:
    texts = [text for _, (text, _labels) in all_rows("topics")]
    assert most_alike(texts) < 0.7
    beginnings = Counter(tuple(words_of(text)[:3]) for text in texts)
    assert max(beginnings.values()) <= 0.02 * len(texts)
    runs = Counter(run for text in texts for run in runs_of(words_of(text), 6))
    assert max(runs.values()) <= 3


def word_scores(label: str) -> dict[str, float]:
    """Returns the F1 of each word as the only sign of a label, over all rows."""
    rows = [row for _, row in all_rows("topics")]
    seen = Counter(word for text, _ in rows for word in set(words_of(text)))
    own = [set(words_of(row[0])) for row in rows if label in labels_of(row)]
    hits = Counter(word for words in own for word in words)
    return {word: 2 * hits[word] / (seen[word] + len(own)) for word in hits}


def test_single_words_do_not_give_topics_away() -> None:
    best = {label: max(word_scores(label).values()) for label in TOPIC_LABELS}
    assert max(best.values()) < 0.9
    assert mean(best.values()) < 0.7


@pytest.mark.parametrize("label", TOPIC_LABELS)
def test_topics_are_named_indirectly_too(label: str) -> None:
    scores = word_scores(label)
    signs = set(sorted(scores, key=lambda word: -scores[word])[:2])
    own = [set(words_of(row[0])) for _, row in all_rows("topics") if label in labels_of(row)]
    assert mean(not words & signs for words in own) >= 0.08


def topic_truth(split: str) -> NDArray[np.bool_]:
    return np.array([[label in labels_of(row) for label in TOPIC_LABELS] for row in rows_of("topics", split)])


def test_topics_leave_something_to_learn() -> None:
    texts, others = ([text for text, _ in rows_of("topics", split)] for split in ("train", "test"))
    baseline = fit_baseline(texts, topic_truth("train"), labels=TOPIC_LABELS, multilabel=True)
    truth, given = topic_truth("test"), baseline_scores(baseline, others) >= 0.5
    micro_f1 = 2 * (truth & given).sum() / (truth.sum() + given.sum())
    assert 0.55 <= micro_f1 <= 0.85
    assert micro_f1 == pytest.approx(
        stated("topics", "micro-F1 of the baseline, labels given from a score of 0.5"), abs=0.02
    )
