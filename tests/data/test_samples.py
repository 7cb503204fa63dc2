"""The sample ``support``: its files, that it is varied and repeats nothing, and what it asks of a model."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import string
from collections import Counter
from itertools import groupby
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from sklearn.feature_extraction.text import CountVectorizer

from tfclassify.data.sources import Columns, find_source, sample_splits
from tfclassify.data.sources.sample import FOLDER, SPLITS

SUPPORT = FOLDER / "support"
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "samples.py"
OUT_OF_SCOPE = "out_of_scope"
SHARES = {"train": 0.60, "validation": 0.15, "test": 0.25}
# Reserved by RFC 2606: nobody's address can end in one of these.
RESERVED_DOMAINS = {"example.com", "example.org", "example.net"}
BRANDS = (
    "amazon apple dhl ebay facebook fedex gmail google ikea instagram iphone klarna lego mastercard paypal samsung ups"
)

Rows = list[tuple[str, str]]


def read(split: str) -> Rows:
    with open(SUPPORT / f"{split}.csv", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def words(text: str) -> list[str]:
    """Lower-cased, without digits."""
    return re.findall(r"\w+", re.sub(r"\d+", "", text.lower()))


def normalised(text: str) -> str:
    return " ".join(re.sub(r"[\W\d_]+", " ", text.lower()).split())


@pytest.fixture(scope="module")
def splits() -> dict[str, Rows]:
    return {split: read(split) for split in SPLITS}


@pytest.fixture(scope="module")
def rows(splits: dict[str, Rows]) -> Rows:
    return [row for each in splits.values() for row in each]


@pytest.fixture(scope="module")
def texts(rows: Rows) -> list[str]:
    return [text for text, _ in rows]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    specification = importlib.util.spec_from_file_location("benchmark_samples", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures(benchmark: ModuleType) -> dict[str, float]:
    measured = benchmark.described("support")
    return {key: measured[key] for key in ("baseline_accuracy", "single_word_accuracy")}


# Files


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_is_the_csv_that_python_writes(split: str) -> None:
    content = (SUPPORT / f"{split}.csv").read_bytes()
    again = io.StringIO(newline="")
    writer = csv.writer(again)
    writer.writerow(["text", "label"])
    writer.writerows(read(split))
    assert content == again.getvalue().encode("utf-8")


@pytest.mark.parametrize("split", SPLITS)
def test_the_source_reads_what_the_file_holds(split: str) -> None:
    location = f"sample:support:{split}"
    batches = find_source(location)(location, Columns("text", label="label"))
    assert [(row["text"], row["label"]) for batch in batches for row in batch.to_pylist()] == read(split)


def test_the_folder_is_whole_and_small() -> None:
    assert {path.name for path in SUPPORT.iterdir()} == {
        "README.md",
        "answers.yaml",
        *(f"{split}.csv" for split in SPLITS),
    }
    assert sum(path.stat().st_size for path in SUPPORT.iterdir()) < 1_000_000


# Sizes and splits


def test_there_are_enough_texts_of_enough_intents(splits: dict[str, Rows], rows: Rows) -> None:
    counts = Counter(label for _, label in rows)
    assert counts[OUT_OF_SCOPE] >= 150
    assert len(counts) - 1 >= 20
    assert counts.total() - counts[OUT_OF_SCOPE] >= 1_400
    assert min(counts.values()) >= 60
    in_test = Counter(label for _, label in splits["test"])
    assert in_test[OUT_OF_SCOPE] >= 50
    assert in_test.total() - in_test[OUT_OF_SCOPE] >= 350


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_its_share_of_every_label(splits: dict[str, Rows], rows: Rows, split: str) -> None:
    here = Counter(label for _, label in splits[split])
    for label, count in Counter(label for _, label in rows).items():
        assert abs(here[label] - SHARES[split] * count) <= 1, label


@pytest.mark.parametrize("split", SPLITS)
def test_rows_are_shuffled(splits: dict[str, Rows], split: str) -> None:
    runs = [len(list(run)) for _, run in groupby(label for _, label in splits[split])]
    assert max(runs) <= 5
    assert len({label for _, label in splits[split][:100]}) >= 20


# Nothing twice


def test_no_text_occurs_twice(texts: list[str]) -> None:
    assert [text for text, count in Counter(map(normalised, texts)).items() if count > 1] == []


def test_no_two_texts_are_nearly_the_same(texts: list[str]) -> None:
    counts = CountVectorizer(analyzer=words, binary=True, dtype=np.float32).fit_transform(texts).toarray()
    shared = counts @ counts.T
    sizes = counts.sum(axis=1)
    similarity = shared / np.maximum(sizes[:, None] + sizes - shared, 1)
    long = np.array([len(words(text)) > 5 for text in texts])
    found = np.argwhere(np.triu((similarity >= 0.75) & (long[:, None] | long), k=1))
    assert [(texts[first], texts[second]) for first, second in found] == []


def test_no_run_of_five_words_is_a_template(texts: list[str]) -> None:
    runs = Counter(run for text in texts for run in {*zip(*(words(text)[start:] for start in range(5)), strict=False)})
    assert [" ".join(run) for run, count in runs.items() if count > 6] == []


# Variety


def test_every_intent_is_said_in_few_words_and_in_many_and_without_capitals(rows: Rows) -> None:
    lengths: dict[str, list[int]] = {}
    lower: Counter[str] = Counter()
    for text, label in rows:
        lengths.setdefault(label, []).append(len(text.split()))
        lower[label] += text == text.lower()
    for label, found in lengths.items():
        assert min(found) <= 5, label
        assert max(found) >= 40, label
        assert lower[label] >= 8, label


def test_some_shout_and_some_ask_and_most_begin_differently(texts: list[str]) -> None:
    shouted = [text for text in texts if re.search(r"\b[A-Z]{3,}[' ][A-Z]+ [A-Z]+", text)]
    assert len(shouted) >= 20
    assert 0.25 <= sum("?" in text for text in texts) / len(texts) <= 0.75
    beginnings = Counter(" ".join(words(text)[:2]) for text in texts)
    assert beginnings.most_common(1)[0][1] / len(texts) <= 0.03
    assert len(beginnings) >= 0.4 * len(texts)


# What must not be in it


def test_texts_are_one_line_without_outer_space(texts: list[str]) -> None:
    assert [text for text in texts if not text.isprintable() or text != text.strip() or not text] == []


def test_nobody_can_be_reached_by_what_is_in_it(texts: list[str]) -> None:
    answers = (SUPPORT / "answers.yaml").read_text("utf-8")
    for text in [*texts, answers]:
        assert set(re.findall(r"@([\w.-]+\w)", text)) <= RESERVED_DOMAINS, text
        assert not re.search(r"https?:|www\.", text), text
        assert not re.search(r"\d[\d ()/-]{7,}\d", text.replace("0000-1111", "")), text


def test_no_brand_is_named(texts: list[str]) -> None:
    named = set(BRANDS.split())
    assert [text for text in texts if named & set(words(text))] == []


# Answers


def answers() -> dict[str, str]:
    return yaml.safe_load((SUPPORT / "answers.yaml").read_text("utf-8"))


def test_every_label_has_one_answer_of_its_own(rows: Rows) -> None:
    keys = re.findall(r"^(\w+):", (SUPPORT / "answers.yaml").read_text("utf-8"), re.MULTILINE)
    assert sorted(keys) == sorted({label for _, label in rows})
    assert len({re.sub(r"\s+", " ", text) for text in answers().values()}) == len(keys)


def test_answers_use_the_placeholders_that_the_head_explains() -> None:
    head = (SUPPORT / "answers.yaml").read_text("utf-8").split("\n\n", 1)[0]
    explained = set(re.findall(r"^#\s+\{(\w+)\}", head, re.MULTILINE))
    used = {
        label: {name for _, name, _, _ in string.Formatter().parse(text) if name} for label, text in answers().items()
    }
    assert set.union(*used.values()) == explained == {"name", "order", "shop"}
    for label, names in used.items():
        assert {"name", "shop"} <= names, label


def test_out_of_scope_hands_over_to_a_person() -> None:
    assert "person" in answers()[OUT_OF_SCOPE]


# What it asks of a model


def test_the_baseline_leaves_something_to_be_learned(figures: dict[str, float]) -> None:
    assert 0.70 <= figures["baseline_accuracy"] <= 0.88


def test_single_words_do_not_give_the_labels_away(figures: dict[str, float]) -> None:
    assert figures["single_word_accuracy"] <= 0.6


def rows_of(benchmark: ModuleType, *pairs: tuple[str, str]) -> list[tuple[str, frozenset[str]]]:
    return [benchmark.Row(text, frozenset(filter(None, labels.split("|")))) for text, labels in pairs]


def test_single_words_of_a_made_up_table(benchmark: ModuleType) -> None:
    train = rows_of(benchmark, ("red hot", "x"), ("Red!", "x"), ("hot blue", "y"), ("blue red", "y"))
    test = rows_of(benchmark, ("RED", "x"), ("blue red", "y"), ("hot", "y"), ("blue", "x"))
    assert [tuple(cue) for cue in benchmark.best_cues(train)] == [("blue", "y", 1.0), ("red", "x", 2 / 3)]
    found = benchmark.by_single_words(train, test, multilabel=False)
    assert found == [{"x"}, {"y"}, set(), {"y"}]
    assert benchmark.accuracy(found, test) == 0.5


def test_a_multilabel_table_is_measured_by_exact_matches(benchmark: ModuleType, tmp_path: Path) -> None:
    table = tmp_path / "train.csv"
    table.write_text("text,labels\n" + "red,x\nblue,y\nred blue,x|y\ngrey,\n" * 5)
    train = benchmark.read_rows(table)
    assert benchmark.is_multilabel(table)
    assert train[:4] == rows_of(benchmark, ("red", "x"), ("blue", "y"), ("red blue", "x|y"), ("grey", ""))
    for answers_of in (benchmark.by_baseline, benchmark.by_single_words):
        assert answers_of(train, train[:4], multilabel=True) == [{"x"}, {"y"}, {"x", "y"}, set()]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FOLDER.glob("*/train.csv")))
def test_every_sample_can_be_measured(benchmark: ModuleType, name: str) -> None:
    measured = benchmark.described(name)
    assert measured["labels"] >= 2
    assert 0 < measured["single_word_accuracy"] < 1
    assert 0 < measured["baseline_accuracy"] < 1


def test_the_script_prints_a_line_per_sample(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["samples.py", "support"])
    benchmark.main()
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] == {split: sum(label != OUT_OF_SCOPE for _, label in read(split)) for split in SPLITS}
    assert sorted(printed["rows"]) == sorted(sample_splits("support"))
    assert printed["labels"] == len(answers()) - 1


def test_the_script_names_the_samples_there_are(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["samples.py", "suport"])
    with pytest.raises(SystemExit) as caught:
        benchmark.main()
    assert caught.value.code == 2
    assert "no sample 'suport'; expected one of: " in capsys.readouterr().err


# The description


def description() -> str:
    return (SUPPORT / "README.md").read_text("utf-8")


def test_the_description_defines_every_label_once(rows: Rows) -> None:
    defined = re.findall(r"^\| `(\w+)` \| (.+) \|$", description(), re.MULTILINE)
    assert [label for label, _ in defined if label != OUT_OF_SCOPE] == sorted(
        {label for _, label in rows} - {OUT_OF_SCOPE}
    )
    assert defined[-1][0] == OUT_OF_SCOPE
    assert all(len(text.split()) >= 4 for _, text in defined)


@pytest.mark.parametrize("split", SPLITS)
def test_the_description_says_the_sizes(splits: dict[str, Rows], split: str) -> None:
    outside = sum(label == OUT_OF_SCOPE for _, label in splits[split])
    assert f"| `{split}.csv` | {len(splits[split]) - outside:,} | {outside:,} |" in description()


def test_the_description_says_the_measured_figures(figures: dict[str, float]) -> None:
    said = [float(figure) for figure in re.findall(r"\| (0\.\d{3}) \|$", description(), re.MULTILINE)]
    # scikit-learn's solver may move by a row or two between versions and machines.
    assert said == [pytest.approx(figures[key], abs=0.01) for key in ("baseline_accuracy", "single_word_accuracy")]
