"""Rules, masks, baseline, windows and exits in one graph: each text by the run's own route, whoever is with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from asked_graphs import asked, same, signatures_of, written
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from small_networks import LABELS, PIECES, network, small_files

from tfclassify.data.labelling import LabelMap
from tfclassify.data.rows import rows_of_pieces
from tfclassify.learning.early import Early
from tfclassify.learning.exits import heads_of, means_of
from tfclassify.learning.long_texts import windowed_of
from tfclassify.learning.prediction import covering, forward
from tfclassify.learning.routing import baseline_logits
from tfclassify.learning.trained import Trained, answer, limits_of, paragraphs, pieces_of, tokenized
from tfclassify.learning.views import views_of_texts
from tfclassify.model.cascades import InGraphBaseline, beside
from tfclassify.model.classifier import BertClassifier, answering, answering_early
from tfclassify.model.exits import Exit, Scale
from tfclassify.model.routes import TEXT
from tfclassify.quality.exits import ExitPlan
from tfclassify.quality.ngram_fit import fit_ngrams
from tfclassify.servable.graph import TOKENS, parameters
from tfclassify.servable.inspecting import _ops_by_stage, _stages, _weights
from tfclassify.servable.operations import missing, operations, read_saved_model, unservable
from tfclassify.settings import Settings, parse
from tfclassify.text.ngram_hashing import PieceRun
from tfclassify.text.word_pieces import APART

# Each of three graphs is traced with all that is in it, and written.
pytestmark = pytest.mark.slow
LETTERS = "abcdefghijklmnopqrstuvwxy"
AFTER = (1, 2)
# What the first exit and the baseline are weighted with; the second hears no baseline.
STACK = (0.7, 0.5)
SETTINGS: dict[str, Any] = {
    "text.max_length": 8,
    "text.window_stride": 6,
    "text.keep": "head_tail",
    "text.pool": "attention",
    "text.lower_case": True,
    "train.buckets": [[4, 8], [2, 16]],
    "answer.rules": [
        {"name": "R1", "pattern": r"\[email\]", "label": "a"},
        {"name": "R2", "pattern": "(?i)^Q Q", "label": "c"},
        {"name": "R3", "pattern": "is in no text", "label": "b"},
    ],
}
# Which nodes there are beside rules and baseline.
NODES: dict[str, dict[str, Any]] = {
    "exits": {"text.windows": 1, "text.chosen_share": 1.0, "model.exits": AFTER},
    "windows": {"text.windows": 4, "text.chosen_share": 0.5, "model.exits": ()},
    "all": {
        "text.windows": 4,
        "text.chosen_share": 0.5,
        "model.exits": AFTER,
        "text.maps": ["mask_personal_data"],
    },
}
Nodes = tuple[Trained, Path, Any]


def texts_of(number: int) -> list[str]:
    """Texts of many lengths, from none to more than all windows hold, some of which rules and masks look for."""
    chance = np.random.default_rng(3)
    plain = [" ".join(chance.choice(list(LETTERS), chance.integers(0, 40))) for _ in range(number)]
    # Of unknown words the network does not see which they are.
    strange = ["z z z", "zz", "zzz zzz a", "z zz zzz"]
    return [
        *plain,
        *strange,
        # Of which the baseline takes each letter for another label.
        *("a i q", "h p x", "b k s", "c q", "i d"),
        "",
        "q q a b",
        "write to me@example.org",
        " ".join("abcdefgh" * 2),
        "a b\n\nc d e f g h i j k",
    ]


TEXTS = texts_of(40)


@pytest.fixture(scope="module")
def baseline() -> InGraphBaseline:
    """Fitted to rows of three letters, or of an unknown word, which tell the label."""
    chance = np.random.default_rng(1)
    truth = chance.integers(0, 3, 300).astype(np.int32)
    letters = 5 + 8 * truth[:, None] + chance.integers(0, 8, (300, 3))
    words = APART + tf.strings.to_hash_bucket_fast(["z", "zz", "zzz"], APART).numpy()
    ids = np.where(chance.random((300, 1)) < 0.3, words[truth][:, None], letters).ravel()
    model = fit_ngrams(PieceRun(ids, np.repeat(2 * np.arange(300), 3)), truth, classes=3, buckets=512)
    return InGraphBaseline(model, temperature=1.7, stack=(0.6, 0.9), margin=2.0, least=0.0)


def stirred(model: BertClassifier) -> BertClassifier:
    """Gives the layers that are added weights that tell texts apart."""
    chance = np.random.default_rng(2)
    for layer in (model.windows, model.exits):
        for variable in () if layer is None else layer.weights:
            variable.assign(chance.normal(0, 0.6, variable.shape))
    return model


def early_of(model: BertClassifier, trained: Trained) -> Early:
    """Exits by which a third of all texts leave each, whoever comes to them."""
    made, _ = tokenized(trained.pieces, TEXTS)
    breaks = None if trained.limits.windowing is None else paragraphs(trained.pieces, TEXTS)
    rows = rows_of_pieces(made, None, trained.limits, breaks=breaks)
    buckets = covering(trained.settings.train.buckets, trained.limits.columns)
    logits = heads_of(model)(list(means_of(model, rows, buckets))).numpy()
    assert trained.baseline is not None
    said = baseline_logits(trained.baseline.model, views_of_texts({TEXT: TEXTS}, trained.pieces))
    logits[:, 0] = STACK[0] * logits[:, 0] + STACK[1] * said / trained.baseline.temperature
    sure = np.sort(tf.reduce_max(tf.nn.softmax(logits), axis=2).numpy(), axis=0)
    # Halfway between two texts, so that the last bit of neither decides.
    thresholds = sure[len(TEXTS) * 2 // 3 :][:2].mean(axis=0)
    exits = [
        Exit(after, float(each), stack=stack)
        for after, each, stack in zip(AFTER, thresholds, (STACK, None), strict=True)
    ]
    plan = ExitPlan(AFTER, tuple(map(float, thresholds)), len(TEXTS), 0.1, 0.8, 0.0, (0.0, 0.0), (0.3, 0.3), 0.6)
    return Early(answering_early(model, exits, Scale(multilabel=False), beside(trained.baseline)), plan)


@pytest.fixture(scope="module")
def nodes(baseline: InGraphBaseline, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Nodes]:
    """Returns what makes the classifier and the graph of each kind, once."""
    made: dict[str, Nodes] = {}
    files = tmp_path_factory.mktemp("nodes")

    def of(kind: str) -> Nodes:
        if kind not in made:
            settings = parse({**SETTINGS, **NODES[kind]}, Settings)
            found = small_files(files / "small", num_hidden_layers=3, vocab_size=len(PIECES))
            model = stirred(network(found, windows=windowed_of(settings.text), exits=settings.model.exits))
            pieces = pieces_of(found.vocabulary, lower_case=True, maps=settings.text.maps)
            limits, labels = limits_of(pieces, settings.text), LabelMap(LABELS, False)
            trained = Trained(
                settings, labels, pieces, limits, forward(model), 0.8, scope_threshold=-0.5, baseline=baseline,
                answering=answering(model),
            )  # fmt: skip
            if settings.model.exits:
                trained = replace(trained, early=early_of(model, trained))
            folder = written(trained, files / kind)
            made[kind] = trained, folder, signatures_of(folder)
        return made[kind]

    return of


def kinds_of(routes: Mapping[str, int]) -> set[str]:
    return {route.partition(" ")[0] for route in routes}


EXPECTED = {
    "exits": {"rule:R2", "baseline", "exit@1", "exit@2", "full"},
    "windows": {"rule:R2", "baseline", "windows", "full"},
    "all": {"rule:R1", "rule:R2", "baseline", "exit@1", "exit@2", "windows", "full"},
}


@pytest.mark.parametrize("kind", NODES)
def test_every_way_is_taken_and_is_the_runs_own(nodes: Callable[[str], Nodes], kind: str) -> None:
    trained, _, signatures = nodes(kind)
    routes = Counter(each["route"] for each in answer(trained, TEXTS))
    assert kinds_of(routes) == EXPECTED[kind]
    same(trained, signatures, TEXTS)


@pytest.mark.parametrize("kind", NODES)
def test_the_baseline_tells_words_apart_that_the_network_does_not_know(
    nodes: Callable[[str], Nodes], kind: str
) -> None:
    trained, _, signatures = nodes(kind)
    texts = ["z z z", "zz zz zz", "zzz zzz zzz"]
    assert asked(signatures, texts)["label"].tolist() == [b"a", b"b", b"c"]
    scores = [each["scores"] for each in answer(replace(trained, baseline=None, early=None), texts)]
    assert all(each == pytest.approx(scores[0], abs=1e-5) for each in scores)


def test_a_rule_sees_what_is_masked(nodes: Callable[[str], Nodes]) -> None:
    masked = answer(nodes("all")[0], ["write to me@example.org"])[0]
    assert (masked["route"], masked["label"], masked["masked"]) == ("rule:R1", "a", 1)


@pytest.mark.parametrize("kind", NODES)
@tried(max_examples=6)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=7))
def test_a_text_is_answered_alone_as_in_any_batch(nodes: Callable[[str], Nodes], kind: str, texts: list[str]) -> None:
    _, _, signatures = nodes(kind)
    together = asked(signatures, texts)
    for row, text in enumerate(texts):
        alone = asked(signatures, [text])
        assert (alone["route"][0], alone["label"][0]) == (together["route"][row], together["label"][row])
        np.testing.assert_allclose(alone["scores"][0], together["scores"][row], atol=1e-5)


@pytest.mark.parametrize("kind", NODES)
def test_batches_of_nothing_and_of_one_way_alone(nodes: Callable[[str], Nodes], kind: str) -> None:
    trained, _, signatures = nodes(kind)
    assert asked(signatures, [])["scores"].shape == (0, 3)
    by_route: dict[str, list[str]] = {}
    for text, each in zip(TEXTS, answer(trained, TEXTS), strict=True):
        by_route.setdefault(each["route"].partition(" ")[0], []).append(text)
    for route, texts in by_route.items():
        found = asked(signatures, texts)["route"].tolist()
        assert {each.decode().partition(" ")[0] for each in found} == {route}
    assert answer(trained, []) == []


@pytest.mark.parametrize("kind", NODES)
def test_a_stock_server_has_all_ops_and_every_node_is_drawn(nodes: Callable[[str], Nodes], kind: str) -> None:
    trained, folder, _ = nodes(kind)
    found = operations(folder)
    assert not missing(found, "2.20")
    assert not unservable(found)
    graph = read_saved_model(folder)
    weights, ops = _weights(graph), _ops_by_stage(graph)
    facts = {
        "labels": list(LABELS),
        "max_length": 8,
        "pairs": False,
        "data": {"features": {}},
        "rules": SETTINGS["answer.rules"],
        "baseline": {"stack": [0.6, 0.9], "margin": 2.0},
        "exits": [{"layer": 1, "stack": list(STACK)}, {"layer": 2, "stack": None}],
        "windows": trained.settings.text.windows,
        "chosen_share": trained.settings.text.chosen_share,
    }
    stages = {stage.name: stage for stage in _stages(facts, weights)}
    names = list(stages)
    assert {"rules", "baseline", "stack"} <= set(names)
    assert ("exit 1" in names) == ("exit 2" in names) == bool(trained.settings.model.exits)
    if "exit 1" in names:
        heard = "baseline logits float64[B, 3]"
        assert [heard in stages[f"exit {after}"].inputs for after in AFTER] == [True, False]
    assert ("window choice" in names) == ("windows" in names) == (trained.settings.text.windows > 1)
    assert all(ops[name] > 1 for name in names)
    assert parameters(trained) == sum(int(np.prod(shape)) for shape in weights.values())


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("shape", [(3, 8), (3, 16), (1, 3), (2, 0), (0, 8), (0, 0)], ids=str)
def test_tokens_may_be_none_at_all(nodes: Callable[[str], Nodes], kind: str, shape: tuple[int, int]) -> None:
    if kind == "exits" and shape[1] > 8:
        pytest.skip("its texts are one window")
    _, _, signatures = nodes(kind)
    names = ("input_ids", "attention_mask", "token_type_ids")
    logits = signatures[TOKENS](**dict.fromkeys(names, tf.zeros(shape, tf.int32)))["logits"].numpy()
    assert logits.shape == (shape[0], 3)
    assert np.isfinite(logits).all()
    # Without any token a text has no baseline's answer, and is the same whatever its padding.
    assert (logits == logits[:1]).all()


@pytest.mark.parametrize("kind", ["exits", "all"])
def test_tokens_know_no_rules_and_leave_by_the_same_exits(nodes: Callable[[str], Nodes], kind: str) -> None:
    _, _, signatures = nodes(kind)
    # Tokens do not tell unknown words apart.
    texts = [text for text in TEXTS if len(text) < 12 and "z" not in text]
    answers = asked(signatures, texts)
    logits = signatures[TOKENS](**signatures["encode"](text=tf.constant(texts)))["logits"]
    by_network = [row for row, route in enumerate(answers["route"]) if not route.startswith(b"rule:")]
    scores = np.sort(tf.nn.softmax(logits / 0.8).numpy(), axis=1)[:, ::-1]
    np.testing.assert_allclose(scores[by_network], answers["scores"][by_network], atol=1e-5)
