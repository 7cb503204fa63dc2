"""``doctor``: nothing on clean data, each spoil on spoilt data, and what is known of real data, counted alike."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from made_rows import LABELS, Row, clean_rows, write_rows, write_splits
from page_reader import read

from tfclassify.checkup.finding import Finding
from tfclassify.command_line import main
from tfclassify.doctor import Checkup, doctor
from tfclassify.errors import UsageError

TOY = {"model.name": "random-tiny"}


def looked_at(folder: Path, splits: dict[str, list[Row]], **more: object) -> Checkup:
    return doctor({**TOY, **write_splits(folder, splits), **more})


def named(checkup: Checkup, name: str) -> list[Finding]:
    return [finding for finding in checkup.findings if finding.name == name]


# Steps that an accelerator would make


@pytest.mark.long
def test_steps_that_compile_are_no_finding(toy_run: Path) -> None:
    checkup = doctor({"run": str(toy_run), "preflight": True, "skip": ["mislabelled", "confused_labels"]})
    assert [each.sentence for each in checkup.findings if each.name.startswith("preflight")] == []


def test_a_step_that_does_not_compile_is_found(toy_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tfclassify.learning import training
    from tfclassify.learning.preflight import Finding as Wrong

    looked: list[bool] = []

    def wrong(*_: object, optimise: bool, **more: object) -> list[Wrong]:
        looked.append(optimise)
        return [Wrong("steps", "the step of the shape [4, 8] does not compile", "set train.shapes=dynamic")]

    monkeypatch.setattr(training, "before_training", wrong)
    checkup = doctor({"run": str(toy_run), "preflight": True, "skip": ["mislabelled", "confused_labels"]})
    assert named(checkup, "preflight_steps") == [
        Finding(
            name="preflight_steps",
            severity="serious",
            sentence="the step of the shape [4, 8] does not compile.",
            cost="A training on an accelerator would not begin.",
            remedy="set train.shapes=dynamic",
        )
    ]
    assert looked == [True]


# Clean and spoilt data


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_in_clean_data(tmp_path: Path, seed: int) -> None:
    checkup = looked_at(tmp_path, clean_rows(seed))
    assert [finding.sentence for finding in checkup.findings] == []
    assert checkup.left_out == {}
    assert checkup.lines[-1] == "nothing found"


def test_flipped_labels_are_found(tmp_path: Path) -> None:
    splits, random = clean_rows(), Random(1)
    flipped = set(random.sample(range(len(splits["train"])), len(splits["train"]) // 10))
    splits["train"] = [
        (text, random.choice([other for other in LABELS if other != label]) if row in flipped else label)
        for row, (text, label) in enumerate(splits["train"])
    ]
    checkup = looked_at(tmp_path, splits)
    (finding,) = named(checkup, "mislabelled")
    found = {row - 1 for row in finding.rows["train"]}
    assert finding.severity == "serious"
    assert len(found & flipped) / len(found) > 0.9
    assert len(found & flipped) / len(flipped) > 0.7
    # The likeliest first, each with what it rather is.
    assert {row - 1 for row in finding.rows["train"][:20]} <= flipped
    assert all(example.remark.removeprefix("rather ") in LABELS for example in finding.examples)
    assert {each.name for each in checkup.findings} == {"mislabelled"}


def test_a_column_that_knows_the_label_is_found(tmp_path: Path) -> None:
    splits = clean_rows()
    train = [(f"{label[:2]}-{row:05}", text, label, str(row % 7)) for row, (text, label) in enumerate(splits["train"])]
    place = write_rows(tmp_path / "leak.csv", train, ("ticket", "text", "label", "weekday"))
    checkup = doctor({**TOY, "data.train": place})
    (finding,) = checkup.findings
    assert finding.name == "telling_columns"
    assert finding.sentence == (
        "train: the column “ticket” tells the label without the text, on 100% of the rows that guessing gets wrong."
    )
    assert finding.remedy == "leave ticket out of data.features"
    assert finding.examples[0].remark.startswith("ticket=")


def test_near_repeats_across_splits_are_found(tmp_path: Path) -> None:
    splits, random = clean_rows(), Random(2)
    taken = random.sample(range(len(splits["train"])), 40)
    for row, source in enumerate(taken):
        text, label = splits["train"][source]
        splits["test"][row] = (text.upper().replace(".", " !!"), label) if row % 2 else (f"{text} Thanks", label)
    checkup = looked_at(tmp_path, splits)
    assert {each.name for each in checkup.findings} == {"near_shared_texts"}
    (finding,) = checkup.findings
    assert finding.severity == "serious"
    # A word more is more than a fifth of a very short text.
    assert 36 <= finding.counts["texts"] <= 40
    assert set(finding.rows["test"]) <= set(range(1, 41))
    assert [example.split for example in finding.examples[:2]] == ["train", "test"]


def test_a_file_that_was_sorted_and_cut_off_is_found(tmp_path: Path) -> None:
    splits = clean_rows()
    splits["train"].sort(key=lambda row: row[1])
    settings = write_splits(tmp_path, splits)
    whole = Path(settings["data.train"]).read_bytes()
    Path(settings["data.train"]).write_bytes(whole[: len(whole) * 3 // 5])
    checkup = doctor({**TOY, **settings})
    found = {each.name for each in checkup.findings}
    assert {"sorted_rows", "cut_off", "unknown_labels"} <= found
    (finding,) = named(checkup, "cut_off")
    assert finding.sentence.startswith("train: the file seems to end before its data do: its last row, and")
    assert "labels of the other splits are not there" in finding.sentence or "label of the other splits is" in (
        finding.sentence
    )


def test_mixed_encodings_are_found(tmp_path: Path) -> None:
    splits, random = clean_rows(), Random(3)
    splits["train"] = [
        (text.replace("a", "é") if random.random() < 0.3 else text, label) for text, label in splits["train"]
    ]
    settings = write_splits(tmp_path, splits)
    lines = Path(settings["data.train"]).read_text(encoding="utf-8").splitlines(keepends=True)
    accented = [place for place, line in enumerate(lines) if "é" in line]
    other, twice = set(accented[::4]), set(accented[1::4])
    written = [
        line.encode("latin-1")
        if place in other
        else line.encode("utf-8").decode("latin-1").encode("utf-8")
        if place in twice
        else line.encode("utf-8")
        for place, line in enumerate(lines)
    ]
    Path(settings["data.train"]).write_bytes(b"".join(written))
    checkup = doctor({**TOY, **settings})
    (unreadable,), (misread,) = named(checkup, "unreadable_rows"), named(checkup, "misread_texts")
    assert unreadable.counts["rows"] == len(other)
    assert set(unreadable.rows["train"]) == other
    assert "is not UTF-8: 0xe9 at byte" in unreadable.sentence
    assert set(misread.rows["train"]) == twice
    assert misread.examples[0].remark.startswith("meant: ")
    assert {each.name for each in checkup.findings} == {"unreadable_rows", "misread_texts"}


# Real data


def known_counts(readme: str) -> dict[str, tuple[dict[str, int], dict[str, int], int]]:
    """Reads what the page of the data sets says: repeats by split, overlaps by pair, texts with several labels."""

    def numbers(cell: str, names: list[str]) -> dict[str, int]:
        return {
            name: int(word.replace(",", ""))
            for name, word in zip(names, cell.split(" / "), strict=True)
            if word not in ("–", "0")
        }

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line[:1] == "|"]
    splits, pairs = ["train", "validation", "test"], ["train&validation", "train&test", "validation&test"]
    known = {}
    for cells in rows[2:]:
        name, repeats, overlaps, several = cells[0], cells[5], cells[6], cells[7]
        shared = numbers(overlaps, pairs) if overlaps != "–" and overlaps.count("/") == 2 else {}
        known[name] = (numbers(repeats, splits), shared, int(several))
    return known


@pytest.mark.shared
@pytest.mark.slow
def test_real_data_have_what_is_said_of_them(shared: Path) -> None:
    known = known_counts((shared / "data" / "README.md").read_text(encoding="utf-8"))
    assert len(known) == 13
    slow = ["mislabelled", "confused_labels", "near_repeats", "telling_words", "telling_columns", "drift"]
    for name, (repeats, overlaps, several) in known.items():
        files = sorted((shared / "data" / name).glob("*.csv"))
        places = {f"data.{path.stem}": str(path) for path in files}
        if "data.train" not in places:
            places = {"data.train": places["data.test"]}
            repeats = {"train": repeats["test"]} if "test" in repeats else {}
        checkup = doctor({**TOY, **places, "skip": slow})
        found = {each.sentence.partition(":")[0]: each.counts["rows"] for each in named(checkup, "repeated_texts")}
        assert found == repeats, name
        pairs = {
            "&".join(each.sentence.split(" ")[0:3:2]): each.counts["texts"] for each in named(checkup, "shared_texts")
        }
        assert pairs == overlaps, name
        assert sum(each.counts["texts"] for each in named(checkup, "several_labels")) == several, name


# The verb


def test_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = clean_rows()
    splits["train"][1] = splits["train"][0]
    splits["test"][5] = splits["train"][0]
    settings = write_splits(tmp_path, splits)
    words = [*(f"{key}={value}" for key, value in {**TOY, **settings}.items()), f"output={tmp_path / 'out'}"]
    assert main("doctor", words) == 0
    shown = capsys.readouterr().out
    assert "train      800 rows, 4 labels, tokens " in shown
    assert "warning  train and test share 1 text.\n" in shown
    assert "-> data.duplicates=drop\n" in shown
    assert shown.splitlines()[-1] == f"page: {tmp_path / 'out' / 'doctor.html'}"
    kept = json.loads((tmp_path / "out" / "doctor.json").read_text(encoding="utf-8"))
    assert [finding["name"] for finding in kept["findings"]] == ["shared_texts", "repeated_texts"]
    assert kept["findings"][0]["rows"] == {"test": [6]}
    assert kept["data"]["labels"].keys() == set(LABELS)
    assert main("doctor", [*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == kept


def test_the_page_holds_the_findings_and_runs_nothing(tmp_path: Path) -> None:
    splits = clean_rows()
    splits["train"][1] = splits["train"][0] = ("<script>alert(1)</script> & more", "billing")
    checkup = looked_at(tmp_path, splits, output=str(tmp_path / "out"))
    assert checkup.page is not None
    html = checkup.page.read_text(encoding="utf-8")
    found = read(html)
    assert found.spoilt == []
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in found.elements}
    assert "train: 1 row of 800 repeats the text of an earlier row." in found.text
    assert "<script>alert(1)</script> & more" in found.text
    assert "What deals with it: data.duplicates=drop" in found.text
    assert sum(tag == "svg" for tag, _ in found.elements) == 3
    assert re.search(r"train and validation\s*0", found.text)


def test_nothing_heavy_is_loaded_for_data(tmp_path: Path) -> None:
    settings = write_splits(tmp_path, clean_rows())
    words = [f"{key}={value}" for key, value in {**TOY, **settings}.items()] + ["skip=[mislabelled,confused_labels]"]
    code = f"import sys; from tfclassify.command_line import main; main('doctor', {words!r}); "
    code += "print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_run_brings_its_own_data(toy_run: Path) -> None:
    checkup = doctor({"run": str(toy_run), "skip": ["mislabelled", "confused_labels", "near_repeats"]})
    assert checkup.values["data"]["splits"]["train"]["rows"] == 240
    assert checkup.values["data"]["model"] == str(toy_run / "huggingface")


def test_a_run_and_other_data(toy_run: Path) -> None:
    with pytest.raises(UsageError) as caught:
        doctor({"run": str(toy_run), "data.train": "x.csv"})
    assert str(caught.value) == (
        f"run={toy_run} brings its own data; leave it out to look at data.train, or leave that out"
    )


def test_an_unknown_finding(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        looked_at(tmp_path, clean_rows(), skip=["mislabeled"])
    assert str(caught.value).startswith("skip: no finding 'mislabeled'; known: unreadable_rows, cut_off, ")
    assert str(caught.value).endswith("; did you mean 'mislabelled'?")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        looked_at(tmp_path, clean_rows(), output=str(tmp_path / "file" / "out"), skip=["mislabelled"])
    assert str(caught.value) == f"output={tmp_path / 'file' / 'out'} cannot be written: Not a directory"


def test_rows_to_judge_by_alone_are_no_data_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("data.train is missing; give a file, a folder")):
        doctor({"data.test": write_splits(tmp_path, clean_rows())["data.test"]})
