"""``predict``: rows in, the same rows with answers out, in their order, from and to every kind of file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from tfclassify import load
from tfclassify.classifier import TextClassifier
from tfclassify.command_line import main
from tfclassify.data.sources import columns
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning import trained as learning_trained
from tfclassify.learning.trained import Trained, open_trained
from tfclassify.predict import Prediction, predict
from tfclassify.runs import Run

ADDED = ["label", "score", "in_scope", "route"]
TEXTS = ["a b c", "x y z", "", "d, \"a\"", "w\nx"]  # fmt: skip


@pytest.fixture(scope="module")
def run(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy run in float32, in which an answer is the same whatever else is in its batch."""
    folder = Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("float32") / "run"))
    plan = (folder / "plan.yaml").read_text(encoding="utf-8")
    (folder / "plan.yaml").write_text(plan.replace("precision: bfloat16", "precision: float32"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(run: Path) -> Trained:
    return open_trained(Run(run))


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, trained: Trained) -> None:
    """Opens the network once for all tests: it takes longer than all the rest."""
    monkeypatch.setattr(learning_trained, "open_trained", lambda run, *, precision: trained)


@pytest.fixture(scope="module")
def answers(run: Path) -> Callable[[list[str]], list[dict[str, Any]]]:
    return load(str(run))


def message(words: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        predict(words)
    return str(caught.value)


def csv_at(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    made = io.StringIO()
    writer = csv.DictWriter(made, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = made.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def csv_rows(content: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter))


def read_back(path: Path) -> list[dict[str, Any]]:
    """Reads what was written, values as the kind of file has them."""
    if path.suffix == ".parquet":
        return arrow_parquet.read_table(path).to_pylist()
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in content.decode().splitlines()]
    return csv_rows(content.decode(), "\t" if ".tsv" in path.name else ",")


# From every kind of file to every other


@pytest.mark.parametrize("target", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "tsv.gz", "jsonl.gz"])
@pytest.mark.parametrize("source", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
def test_files_of_all_kinds(source: str, target: str, run: Path, tmp_path: Path, answers: Any) -> None:
    rows = [{"number": row, "text": text} for row, text in enumerate(TEXTS)]
    given = tmp_path / f"rows.{source}"
    if source == "parquet":
        arrow_parquet.write_table(pa.Table.from_pylist(rows), given)
    elif source == "jsonl":
        given.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        csv_at(given, rows, "\t" if source == "tsv" else ",")
    made = predict({"run": str(run), "input": str(given), "output": str(tmp_path / f"answers.{target}")})
    assert made == Prediction(str(tmp_path / f"answers.{target}"), 5, 0, {})
    found = read_back(tmp_path / f"answers.{target}")
    assert [list(row) for row in found] == [["number", "text", *ADDED]] * 5
    assert [row["text"] for row in found] == TEXTS
    assert [str(row["number"]) for row in found] == ["0", "1", "2", "3", "4"]
    expected = answers(TEXTS)
    assert [row["label"] for row in found] == [answer["label"] for answer in expected]
    scores = [answer["score"] for answer in expected]
    assert [float(row["score"]) for row in found] == pytest.approx(scores, abs=1e-6)


def test_types_stay_what_they_are(run: Path, tmp_path: Path) -> None:
    table = pa.table(
        {
            "when": pa.array([1, None], pa.timestamp("ms")),
            "text": pa.array(["a b", None], pa.large_string()),
            "tags": pa.array([["x"], []], pa.list_(pa.string())),
            "kind": pa.array(["p", "q"]).dictionary_encode(),
            "score": pa.array([1.5, 2.5], pa.float64()),
        }
    )
    arrow_parquet.write_table(table, tmp_path / "rows.parquet")
    made = predict({"run": str(run), "input": str(tmp_path / "rows.parquet"), "output": str(tmp_path / "a.parquet")})
    assert made.renamed == {"score": "input_score"}
    found = arrow_parquet.read_table(tmp_path / "a.parquet")
    assert found.column_names == ["when", "text", "tags", "kind", "input_score", *ADDED]
    assert found.select(["when", "text", "tags", "input_score"]).equals(
        table.drop_columns(["kind"]).rename_columns(["when", "text", "tags", "input_score"])
    )
    assert found["kind"].cast(pa.string()).to_pylist() == ["p", "q"]
    kinds = [pa.string(), pa.float32(), pa.bool_(), pa.string()]
    assert [found.schema.field(name).type for name in ADDED] == kinds
    assert found["label"].null_count == 0


def test_numbers_of_json_lines_stay_numbers(run: Path, tmp_path: Path) -> None:
    rows = [{"text": "a b", "n": 3, "ok": True, "x": 0.5, "tags": ["p", "q"]}, {"text": "x", "late": None}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    predict({"run": str(run), "input": str(tmp_path / "rows.jsonl"), "output": str(tmp_path / "a.jsonl")})
    first, second = read_back(tmp_path / "a.jsonl")
    assert {name: first[name] for name in rows[0]} == rows[0]
    assert (first["in_scope"], first["route"]) == (True, "full")
    assert second["text"] == "x"


# Many rows


def test_many_rows_keep_their_order(run: Path, tmp_path: Path, answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "BATCH_ROWS", 3000)
    random = Random(0)
    texts = [" ".join(random.choices("abcdwxyz", k=random.randint(0, 6))) for _ in range(5200)]
    csv_at(tmp_path / "rows.csv", [{"number": row, "text": text} for row, text in enumerate(texts)])
    advanced: list[int] = []
    shown = Display(advance=lambda units, note: advanced.append(units))
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    assert predict(words, display=shown).rows == len(texts) == sum(advanced)
    assert advanced == [2048, 952, 2048, 152]
    found = read_back(tmp_path / "a.csv")
    assert [int(row["number"]) for row in found] == list(range(len(texts)))
    assert [row["text"] for row in found] == texts
    expected = answers(texts)
    assert [row["label"] for row in found] == [answer["label"] for answer in expected]
    scores = [answer["score"] for answer in expected]
    assert [float(row["score"]) for row in found] == pytest.approx(scores, abs=1e-6)


def test_the_estimator_says_the_same(run: Path, tmp_path: Path) -> None:
    classifier = TextClassifier()
    classifier.run_, classifier.multilabel_, classifier.n_features_in_ = str(run), False, 1
    classifier.classes_ = np.array(["bad", "good"])
    csv_at(tmp_path / "rows.csv", [{"text": text} for text in TEXTS])
    predict({"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")})
    found = read_back(tmp_path / "a.csv")
    assert classifier.predict(TEXTS).tolist() == [row["label"] for row in found]
    highest = classifier.predict_proba(TEXTS).max(axis=1).tolist()
    assert highest == pytest.approx([float(row["score"]) for row in found], abs=1e-6)


def test_memory_does_not_grow_with_the_rows(
    run: Path, tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some 60 MB of texts pass through in chunks; the network's part is bounded by that of a chunk, and left out."""

    def answer(trained: Trained, texts: list[str], texts_b: Any, *, features: Any) -> list[dict[str, Any]]:
        return [{"label": "a", "score": 0.5, "in_scope": True, "route": "full"}] * len(texts)

    line = f"{'x' * 1000},1\n"
    with open(tmp_path / "rows.csv", "w", encoding="utf-8") as file:
        file.write("text,n\n")
        file.writelines(line for _ in range(60_000))
    monkeypatch.setattr(learning_trained, "answer", answer)
    process, highest = psutil.Process(), [0]
    shown = Display(advance=lambda units, note: highest.append(process.memory_info().rss))
    words = {"run": str(run), "input": str(tmp_path / "rows.csv")}
    predict({**words, "output": str(tmp_path / "first.jsonl"), "data.max_rows": 8192})
    before = process.memory_info().rss
    predict({**words, "output": str(tmp_path / "a.jsonl")}, display=shown)
    assert (tmp_path / "a.jsonl").stat().st_size > 60_000_000
    assert max(highest) - before < 40_000_000


# Columns


def test_columns_that_have_the_name_of_an_answer(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"label": "mine", "text": "a b", "input_label": "older", "route": "7", "labels": "no answer here"}
    csv_at(tmp_path / "rows.csv", [row])
    words = [f"run={run}", f"input={tmp_path / 'rows.csv'}", f"output={tmp_path / 'a.csv'}"]
    assert main("predict", words) == 0
    out, err = capsys.readouterr()
    assert out == f"1 answers: {tmp_path / 'a.csv'}\n"
    assert err.splitlines() == [
        "the input's column 'label' is 'input_input_label' in the output, where 'label' is the answer",
        "the input's column 'route' is 'input_route' in the output, where 'route' is the answer",
    ]
    (found,) = read_back(tmp_path / "a.csv")
    assert list(found) == ["input_input_label", "text", "input_label", "input_route", "labels", *ADDED]
    assert (found["input_input_label"], found["input_label"], found["input_route"]) == ("mine", "older", "7")
    assert (found["label"], found["route"]) == ("bad", "full")


def test_another_column_holds_the_texts(run: Path, tmp_path: Path) -> None:
    csv_at(tmp_path / "rows.csv", [{"words": "a b", "text": "x y z"}])
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    predict(words)
    assert read_back(tmp_path / "a.csv")[0]["label"] == "good"
    predict({**words, "data.text": "words"})
    assert read_back(tmp_path / "a.csv")[0]["label"] == "bad"


def test_a_second_column_of_texts_is_a_column_like_any_other(run: Path, tmp_path: Path) -> None:
    csv_at(tmp_path / "rows.csv", [{"text": "a b", "text_b": "x y"}])
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    predict(words)
    assert list(read_back(tmp_path / "a.csv")[0]) == ["text", "text_b", *ADDED]
    assert message({**words, "data.text_b": "text_b"}) == (
        "data.text_b is 'text_b', but the run answers single texts; leave it out"
    )


# Rows that are not as expected


def test_rows_that_cannot_be_read(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("text,n\na b,1\nx\ny z,3\nz,4,5\n", encoding="utf-8")
    words = [f"run={run}", f"input={tmp_path / 'rows.csv'}", f"output={tmp_path / 'a.csv'}"]
    assert main("predict", words) == 2
    assert capsys.readouterr().err == (
        f"tfclassify predict: {tmp_path / 'rows.csv'}: row 2 has 1 field; expected 2; quote fields that hold a "
        "delimiter, or set data.bad_rows=skip\n"
    )
    assert not (tmp_path / "a.csv").exists()
    assert main("predict", [*words, "data.bad_rows=skip", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"output": str(tmp_path / "a.csv"), "rows": 2, "skipped": 2, "renamed": {}}
    assert err == "2 rows of the input could not be read and have no answer (data.bad_rows=skip)\n"
    assert [row["n"] for row in read_back(tmp_path / "a.csv")] == ["1", "3"]


def test_a_row_that_cannot_be_answered_is_named(run: Path, tmp_path: Path) -> None:
    rows = ['{"text": "a"}', "", '{"text": 5}']
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    words = {"run": str(run), "input": str(tmp_path / "rows.jsonl"), "output": str(tmp_path / "a.csv")}
    assert message(words) == (
        f"{tmp_path / 'rows.jsonl'}: line 3 has an integer in 'text'; expected text; correct it, or set "
        "data.bad_rows=skip"
    )


def test_rows_that_no_text_is_in_are_left_out_too(run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,n\na,1\nb\0,2\n,3\nd\n", encoding="utf-8")
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    assert message(words) == (
        f"data.text: column 'text' of {tmp_path / 'rows.csv'} holds a NUL character in row 2; expected text without "
        "any, or set data.bad_rows=skip"
    )
    made = predict({**words, "data.bad_rows": "skip"})
    assert (made.rows, made.skipped) == (2, 2)
    # An empty text is answered, and its row is where it was.
    assert [row["n"] for row in read_back(tmp_path / "a.csv")] == ["1", "3"]


def test_a_file_of_which_too_much_cannot_be_read_leaves_no_answers(run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,n\na,1\n" + "b\n" * 6, encoding="utf-8")
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    assert message({**words, "data.bad_rows": "skip"}).startswith(
        f"{tmp_path / 'rows.csv'}: 6 of 7 rows cannot be read or used, more than data.bad_rows_limit=0.01 of them; "
    )
    assert not (tmp_path / "a.csv").exists()
    assert predict({**words, "data.bad_rows": "skip", "data.bad_rows_limit": 1}).rows == 1


def test_only_so_many_rows(run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,n\na,1\nb\nc,3\nd,4\ne\n", encoding="utf-8")
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    made = predict({**words, "data.bad_rows": "skip", "data.max_rows": 3})
    assert (made.rows, made.skipped) == (2, 1)
    assert [row["n"] for row in read_back(tmp_path / "a.csv")] == ["1", "3"]


def test_how_the_training_rows_were_read_is_not_how_others_are(
    run: Path, tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"delimiter": ";", "encoding": "cp1252", "max_rows": 1, "weight": "weight", "id": "number", "label": "kind"}
    data = trained.settings.data.model_copy(update=own)
    odd = replace(trained, settings=trained.settings.model_copy(update={"data": data}))
    monkeypatch.setattr(learning_trained, "open_trained", lambda run, *, precision: odd)
    csv_at(tmp_path / "rows.csv", [{"text": "é"}, {"text": "x"}])
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    predict(words)
    assert [row["text"] for row in read_back(tmp_path / "a.csv")] == ["é", "x"]


def test_no_rows(run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("n,text\n", encoding="utf-8")
    words = {"run": str(run), "input": str(tmp_path / "rows.csv")}
    assert predict({**words, "output": str(tmp_path / "a.csv")}).rows == 0
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == f"n,text,{','.join(ADDED)}\n"
    predict({**words, "output": str(tmp_path / "a.parquet")})
    assert arrow_parquet.read_table(tmp_path / "a.parquet").column_names == ["n", "text", *ADDED]


# What is refused


def test_an_input_that_is_not_there(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    csv_at(tmp_path / "reviews.csv", [{"text": "a"}])
    assert message({"run": str(run), "input": "review.csv", "output": "a.csv"}) == (
        "review.csv does not exist; expected a file; did you mean 'reviews.csv'?"
    )
    assert message({"run": str(run), "input": "there/a.csv", "output": "a.csv"}) == (
        "there/a.csv does not exist, nor does its folder; expected a file"
    )
    assert message({"run": str(run), "input": "http://example.org/a.csv", "output": "a.csv"}) == (
        "http://example.org/a.csv is an address; expected a local path: download it first"
    )
    assert message({"run": str(run)}) == "input is missing; give it as input=..."


def test_an_output_that_cannot_be_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    csv_at(tmp_path / "rows.csv", [{"text": "a"}])
    words = {"run": str(run), "input": "rows.csv"}
    assert message({**words, "output": "answers.xlsx"}) == (
        "answers.xlsx: no way to write it; expected a .csv, .tsv or .jsonl file (each also .gz), a .parquet file, or "
        "- for standard output"
    )
    assert message({**words, "output": "answers.jsnl"}).endswith("; did you mean 'jsonl'?")
    assert message({**words, "output": "rows.csv/answers.csv"}) == (
        "rows.csv/answers.csv cannot be written: File exists"
    )
    (tmp_path / "folder.csv").mkdir()
    assert message({**words, "output": "folder.csv"}) == "folder.csv cannot be written: Is a directory"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "rows.csv"]


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    words = {"run": str(tmp_path / "run"), "input": "a.csv"}
    assert message(words) == f"run={tmp_path / 'run'} does not exist; expected the directory of a run"


def test_a_column_that_is_not_there(run: Path, tmp_path: Path) -> None:
    csv_at(tmp_path / "rows.csv", [{"txt": "a", "n": 1}])
    words = {"run": str(run), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.csv")}
    assert message(words) == (
        f"data.text: column 'text' is not in {tmp_path / 'rows.csv'}; columns are: txt, n; did you mean 'txt'?"
    )


# Pipes


class Pipe(io.TextIOWrapper):
    """A standard input or output of bytes."""

    def __init__(self, content: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def written(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


@pytest.fixture
def pipes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pipe]:
    def put(content: bytes, *, terminal: bool = False) -> Pipe:
        stdout = Pipe(terminal=terminal)
        monkeypatch.setattr(sys, "stdin", Pipe(content))
        monkeypatch.setattr(sys, "stdout", stdout)
        return stdout

    return put


def test_from_a_pipe_to_a_pipe(run: Path, pipes: Callable[..., Pipe], answers: Any) -> None:
    stdout = pipes("n,text\n1,a b\n2,é x\n3,\n".encode())
    assert main("predict", [f"run={run}", "input=-"]) == 0
    found = csv_rows(stdout.written())
    assert [list(row) for row in found] == [["n", "text", *ADDED]] * 3
    assert [row["text"] for row in found] == ["a b", "é x", ""]
    assert [row["label"] for row in found] == [answer["label"] for answer in answers(["a b", "é x", ""])]


def test_answers_go_out_before_more_rows_come(
    run: Path, pipes: Callable[..., Pipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = pipes(b"")
    sent = [b"n,text\n", b"1,a b\n2,", b"e x\n", b'3,"c\n', b'd"\n']
    answered: list[int] = []

    def read1(size: int) -> bytes:
        answered.append(len(csv_rows(stdout.written())))
        return sent.pop(0) if sent else b""

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(read1=read1)))
    assert predict({"run": str(run), "input": "-"}).rows == 3
    # Whatever is whole is answered when the next is waited for; the columns are known with the first row.
    assert answered[-1] == 3
    assert answered[2:4] == [1, 2]


def test_input_that_changes_while_it_is_read(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text\n" + "a b\n" * 10)

    def meddling(*given: Any) -> Any:
        path.write_text("text\n" + "c d\n" * 9)
        return answered(*given)

    module = sys.modules["tfclassify.predict"]
    answered = module._answered
    monkeypatch.setattr(module, "_answered", meddling)
    with pytest.raises(UsageError) as caught:
        predict({"run": str(run), "input": str(path), "output": str(tmp_path / "out.csv")})
    assert str(caught.value) == f"{path} changed while it was read; start again once nothing writes to it"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.csv"]


def test_a_mistake_in_a_pipe(run: Path, pipes: Callable[..., Pipe], capsys: pytest.CaptureFixture[str]) -> None:
    for content, message in (
        (b"", "standard input is empty; expected a header and at least one row"),
        (
            b"text\n\xff\n",
            "standard input: row 1 is not UTF-8: 0xff at byte 5; set data.encoding to what it was written in, such as "
            "cp1252",
        ),
        (
            b"txt,n\na,1\n",
            "data.text: column 'text' is not in standard input; columns are: txt, n; did you mean 'txt'?",
        ),
    ):
        stdout = pipes(content)
        assert main("predict", [f"run={run}", "input=-", "output=-"]) == 2
        assert capsys.readouterr().err == f"tfclassify predict: {message}\n"
        assert stdout.written() == ""


def test_a_mistake_late_in_a_pipe(
    run: Path, pipes: Callable[..., Pipe], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "BATCH_ROWS", 50)
    stdout = pipes(b"text,n\n" + b"a b,1\n" * 100 + b"x\n")
    assert main("predict", [f"run={run}", "input=-"]) == 2
    assert stdout.written().count("\n") == 1 + 100
    assert capsys.readouterr().err == (
        "tfclassify predict: standard input: row 101 has 1 field; expected 2; quote fields that hold a delimiter, or "
        "set data.bad_rows=skip\n"
    )


def test_no_bar_runs_through_answers_at_a_terminal(run: Path, pipes: Callable[..., Pipe]) -> None:
    started: list[str] = []
    shown = replace(SILENT, start=lambda title, total: started.append(title))
    pipes(b"text\na b\n", terminal=True)
    predict({"run": str(run), "input": "-"}, display=shown)
    assert started == []
    pipes(b"text\na b\n")
    predict({"run": str(run), "input": "-"}, display=shown)
    assert started == ["answering -"]
