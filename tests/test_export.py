"""``export``: what it writes, and each gate on an export that was made bad on purpose."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from toy import TOY_SETTINGS, toy_words

from tfclassify import load
from tfclassify.command_line import main
from tfclassify.errors import UsageError
from tfclassify.export import Export, export
from tfclassify.learning.trained import Trained, pieces_of
from tfclassify.servable import writing
from tfclassify.servable.graph import save
from tfclassify.serving.golden import check
from tfclassify.serving.served import direct
from tfclassify.serving.session import load_saved_model
from tfclassify.serving.warm_up import replay
from tfclassify.train import train


def test_what_is_written(toy_exported: Export, toy_run: Path) -> None:
    assert toy_exported.folder.name == "1"
    facts = json.loads((toy_exported.folder / "servable.json").read_text(encoding="utf-8"))
    assert facts == json.loads(json.dumps(toy_exported.facts))
    labels = json.loads((toy_run / "labels.json").read_text(encoding="utf-8"))
    assert (facts["name"], facts["version"], facts["labels"]) == ("toy", 1, ["bad", "good"])
    assert (facts["lowest_server"], facts["target_server"]) == ("2.2", "2.20")
    assert facts["scope_threshold"] == labels["scope_threshold"]
    assert facts["parity"]["rows"] == 60
    assert facts["parity"]["largest_difference"] <= 1e-5
    assert (facts["tokenizer"]["different"], facts["tokenizer"]["texts"]) == (0, 60)
    assert facts["tokenizer"]["hard_texts"] > 500
    assert set(facts["sha256"]) >= {"saved_model.pb", "variables/variables.index"}


def test_signatures(toy_exported: Export) -> None:
    model = tf.saved_model.load(str(toy_exported.folder))
    answer, tokens = model.signatures["serving_default"], model.signatures["tokens"]
    (given,) = answer.structured_input_signature[1].values()
    assert (given.name, given.dtype, given.shape.as_list()) == ("text", tf.string, [None])
    found = answer(text=tf.constant(["a b", "w x"]))
    assert {name: (tensor.dtype, tensor.shape.as_list()) for name, tensor in found.items()} == {
        "labels": (tf.string, [2, 2]),
        "scores": (tf.float32, [2, 2]),
        "label": (tf.string, [2]),
        "score": (tf.float32, [2]),
        "in_scope": (tf.bool, [2]),
        "scope_score": (tf.float32, [2]),
        "route": (tf.string, [2]),
        "rule": (tf.string, [2]),
        "masked": (tf.int32, [2]),
    }
    encoded = model.signatures["encode"](text=tf.constant(["a b", "w x"]))
    names = ["attention_mask", "input_ids", "token_type_ids"]
    assert sorted(encoded) == sorted(tokens.structured_input_signature[1]) == names
    logits = tokens(**encoded)["logits"].numpy()
    temperature = json.loads((toy_exported.folder / "servable.json").read_text(encoding="utf-8"))["temperature"]
    scores = tf.nn.softmax(logits / temperature).numpy()
    np.testing.assert_allclose(np.sort(scores)[:, ::-1], found["scores"].numpy(), atol=1e-6)


def test_a_server_warms_it_up_and_it_passes_its_own_test(toy_exported: Export) -> None:
    loaded = load_saved_model(toy_exported.folder, name="toy", version=1, timeout_seconds=60)
    served = direct(loaded, toy_exported.folder, threads=1)
    assert replay(served) > 1
    assert check(served)
    loaded.close()


def test_the_next_version(toy_exported: Export, toy_run: Path) -> None:
    made = export(
        {
            "run": str(toy_run),
            "output": str(toy_exported.folder.parent),
            "better_than": str(toy_exported.folder),
            "rows": 8,
        }
    )
    assert made.folder == toy_exported.folder.parent / "2"
    assert made.facts["better_than"]["difference"] == 0
    assert made.facts["better_than"]["rows"] == 60
    assert made.facts["parity"]["rows"] == 8
    shutil.rmtree(made.folder)


def test_answers_without_the_run(toy_exported: Export, toy_run: Path) -> None:
    texts = ["a b c", "x y z", "", "q"]
    threshold = json.loads((toy_run / "labels.json").read_text(encoding="utf-8"))["scope_threshold"]
    for place in (toy_exported.folder, toy_exported.folder.parent):
        for mine, runs in zip(load(str(place))(texts), load(str(toy_run))(texts), strict=True):
            assert mine == {
                **runs,
                "score": pytest.approx(runs["score"], abs=1e-2),
                "scores": pytest.approx(runs["scores"], abs=1e-2),
                "scope_score": pytest.approx(runs["scope_score"], abs=1e-1),
                # A text may lie so near to the threshold that bfloat16 puts it on the other side.
                "in_scope": mine["scope_score"] >= threshold,
            }


def test_personal_data_are_masked_in_the_graph_and_the_reference_cuts_what_is_left(
    toy_data: Path, tmp_path: Path
) -> None:
    asked = {**TOY_SETTINGS, **toy_words(toy_data), "text.maps": ["mask_personal_data"], "train.steps": 2}
    run = train({**asked, "run": str(tmp_path / "run")})
    made = export({"run": str(run.folder), "output": str(tmp_path / "toy"), "rows": 8, "examples": 0})
    assert not (made.folder / "golden.json").exists()
    assert made.facts["tokenizer"]["different"] == 0
    masked = [each["masked"] for each in load(str(made.folder))(["write to a@b.org or c@d.org", "a b c"])]
    assert masked == [2, 0]


def saving(change: Callable[[Trained], Trained]) -> Callable[..., None]:
    return lambda trained, folder, *, pairs: save(change(trained), folder, pairs=pairs)


def with_wrong_vocabulary(trained: Trained, tmp_path: Path) -> Trained:
    pieces = trained.pieces.vocabulary.read_text(encoding="utf-8").splitlines()
    first, second = pieces.index("a"), pieces.index("x")
    pieces[first], pieces[second] = pieces[second], pieces[first]
    other = tmp_path / "vocab.txt"
    other.write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return replace(trained, pieces=pieces_of(other, lower_case=True))


def with_other_forward(trained: Trained, change: Callable[[tf.Tensor], tf.Tensor]) -> Trained:
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens, tokens, tokens], autograph=False)
    def forward(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(change(trained.forward(ids, mask, types)), [None, 2])

    return replace(trained, forward=forward, answering=None)


def with_a_path(logits: tf.Tensor) -> tf.Tensor:
    return logits + 0.0 * tf.cast(tf.strings.length(tf.constant(f"{Path.cwd()}/vocab.txt")), tf.float32)


def with_changed_weight(trained: Trained, folder: Path, *, pairs: bool) -> None:
    """Writes a SavedModel one of whose weights is another than the run's."""
    variable = next(
        each for each in trained.answering.get_concrete_function().variables if "/classifier/bias" in each.name
    )
    kept = variable.numpy()
    variable.assign(kept + np.array([0.01, 0.0], np.float32))
    save(trained, folder, pairs=pairs)
    variable.assign(kept)


BAD: list[tuple[str, Callable[[Path], Callable[..., None]], str]] = [
    (
        "wrong vocabulary",
        lambda tmp_path: saving(lambda trained: with_wrong_vocabulary(trained, tmp_path)),
        "the SavedModel answers otherwise than the run: row ",
    ),
    (
        "python in the graph",
        lambda tmp_path: saving(
            lambda trained: with_other_forward(trained, lambda logits: tf.numpy_function(np.copy, [logits], tf.float32))
        ),
        "the SavedModel has ops that no server can run: PyFunc",
    ),
    (
        "an op of training",
        lambda tmp_path: saving(lambda trained: with_other_forward(trained, lambda logits: tf.nn.dropout(logits, 0.5))),
        "the SavedModel has ops that no server can run: RandomUniform",
    ),
    (
        "an op that the server does not have",
        lambda tmp_path: saving(
            lambda trained: with_other_forward(trained, lambda logits: tf.raw_ops.ApproxTopK(input=logits, k=2)[0])
        ),
        "TensorFlow Serving 2.4 does not have ApproxTopK; the releases 2.10, 2.11",
    ),
    (
        "changed weight",
        lambda tmp_path: with_changed_weight,
        "the SavedModel answers otherwise than the run: row 1 has ",
    ),
    (
        "absolute path",
        lambda tmp_path: saving(lambda trained: with_other_forward(trained, with_a_path)),
        f"the SavedModel names a path of this machine, '{Path.cwd()}/vocab.txt'; expected none in the graph",
    ),
]


@pytest.mark.parametrize(("made", "message"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_a_bad_export_is_stopped_and_leaves_nothing(
    toy_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[Path], Callable[..., None]],
    message: str,
) -> None:
    monkeypatch.setattr(writing, "save", made(tmp_path))
    output = tmp_path / "saved_models" / "toy"
    with pytest.raises(UsageError) as caught:
        export({"run": str(toy_run), "output": str(output), "server": "2.4", "rows": 30})
    assert str(caught.value).startswith(message)
    assert not output.exists()


def test_ids_that_differ_stop_it_even_where_no_answer_changes(
    toy_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "hard_texts", lambda: ("a \u00e9 b",))
    monkeypatch.setattr(writing, "reference", lambda vocabulary, **more: cased(vocabulary))
    with pytest.raises(UsageError, match=r"gives other ids than the reference for 1 of 31 texts, such as 'a é b'"):
        export({"run": str(toy_run), "output": str(tmp_path / "toy"), "rows": 30})


def cased(vocabulary: Path) -> Any:
    from tfclassify.servable.certificate import reference

    return reference(vocabulary, lower_case=False, max_length=64)


def test_a_worse_model_does_not_take_the_place_of_a_better_one(
    toy_data: Path, toy_exported: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = train({**TOY_SETTINGS, **toy_words(toy_data), "train.steps": 1, "run": str(tmp_path / "worse")})
    words = [f"run={worse.folder}", f"output={toy_exported.folder.parent}", f"better_than={toy_exported.folder}"]
    assert main("export", words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"tfclassify export: better_than={toy_exported.folder}: of 60 rows this run has ")
    assert said.endswith("expected one that is not worse")
    assert [path.name for path in toy_exported.folder.parent.iterdir() if path.name.isdigit()] == ["1"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["server=2.21"], "server=2.21 is no known release; expected one of 2.2 to 2.20; did you mean '2.2'?"),
        (
            ["output=saved_models/toy/3"],
            "output=saved_models/toy/3 ends in a number, which is the name of a version; expected saved_models/NAME, "
            "to which the next version is added",
        ),
        (["better_than=nowhere"], "run=nowhere does not exist; expected the directory of a run"),
        (["data.label=x"], "data.label says how other rows are read; give them as data.test=FILE"),
        (
            ["severs=2.12"],
            "no field 'severs' in the settings; did you mean 'server'? (fields: run, output, server, better_than, "
            "rows, examples, tokenizer_limit, data)",
        ),
    ],
)
def test_what_is_asked_is_wrong(
    toy_run: Path, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("export", [f"run={toy_run}", *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"tfclassify export: {expected}")


def test_from_the_shell(toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("export", [f"run={toy_run}", f"output={tmp_path / 'toy'}", "rows=20", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["output"] == str(tmp_path / "toy" / "1")
    assert shown["servable"]["parity"]["rows"] == 20
