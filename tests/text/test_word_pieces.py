"""Ids equal those of the reference, whatever the text, the vocabulary, and where the graph runs."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from itertools import chain, product
from pathlib import Path

import pytest
import tensorflow as tf
import vocabularies
from both_tokenizers import Both, compared
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_tokenizer import reference, reference_ids, reference_words

import tfclassify.text
from tfclassify.errors import UsageError
from tfclassify.text.hard_texts import hard_texts
from tfclassify.text.word_pieces import (
    APART,
    SpecialIds,
    Tokenize,
    put_together,
    read_vocabulary,
    special_ids,
    tokenizer,
    word_pieces,
)

BERT = "expected the vocab.txt of a BERT model, one word piece per line"

# Every one of them is in TensorFlow 2.2, and of TensorFlow Text there is one.
CORE_OPS = """
AddV2 All Any Assert BitwiseAnd Cast ConcatV2 Const Cumsum Equal Fill GatherV2 Greater GreaterEqual
HashTableV2 Identity If InitializeTableV2 Less LogicalAnd LogicalNot LookupTableFindV2 LowerBound MergeV2Checkpoints
Minimum Mul Neg NoOp NotEqual Pack PadV2 Placeholder Prod RaggedGather Range Reshape RestoreV2 RightShift SaveV2 Select
SelectV2 Shape ShardedFilename Size Squeeze StatefulPartitionedCall StatelessIf StaticRegexFullMatch StridedSlice
StringJoin Sub Sum TopKV2 Transpose UnicodeDecode UnicodeEncode Unique Where
"""

LOADER = """
import json, sys
import tensorflow as tf
exec(sys.argv[2])
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
made = served(tf.constant(json.load(sys.stdin)))
json.dump({name: value.numpy().tolist() for name, value in made.items()}, sys.stdout)
"""


def differences(both: Both, texts: list[str]) -> list[str]:
    pairs = zip(texts, both.ours(texts), both.reference(texts), strict=True)
    return [ascii(text[:80]) for text, ours, theirs in pairs if ours != theirs]


def test_torture(both: Both) -> None:
    assert differences(both, hard_texts()) == []


@given(st.lists(st.text(), min_size=1, max_size=20))
@settings(max_examples=500, deadline=None)
def test_any_text(both: Both, texts: list[str]) -> None:
    assert both.ours(texts) == both.reference(texts)


@given(st.text(st.sampled_from("".join(text for text in hard_texts() if len(text) < 60)), max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_mixture_of_odd_characters(both: Both, text: str) -> None:
    assert both.ours([text]) == both.reference([text])


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_bytes(both: Both, texts: list[bytes]) -> None:
    assert both.ours(texts) == both.reference([text.decode("utf-8", "replace") for text in texts])  # type: ignore[arg-type]


@given(st.sets(st.text("ab#", min_size=1, max_size=6), max_size=25))
@settings(max_examples=8, deadline=None)
def test_any_vocabulary(tmp_path_factory: pytest.TempPathFactory, pieces: set[str]) -> None:
    both = compared(
        vocabularies.write(tmp_path_factory.mktemp("any"), [*pieces, *(f"##{piece}" for piece in pieces)]),
        lower_case=True,
    )
    words = ["".join(letters) for length in range(1, 8) for letters in product("ab", repeat=length)]
    assert differences(both, [*words, *(f"{word}#" for word in words[:30]), "##", "##a", "# #b"]) == []


def test_words_of_more_than_100_characters_are_unknown(small: Path) -> None:
    pieces = read_vocabulary(small)
    made = word_pieces(small, lower_case=False)(["𐐀" * 100, "𐐀" * 101, f"a {'x' * 101} a"]).to_list()
    first, inner, unknown, a = (pieces.index(piece) for piece in ("𐐀", "##𐐀", "[UNK]", "a"))
    assert made == [[first, *[inner] * 99], [unknown], [a, unknown, a]]


def test_a_special_token_in_a_text_is_text(small: Path) -> None:
    tokens = ["[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]"]
    texts = [f"a {token} b" for token in tokens]
    ours, theirs = tokenizer(small)(texts).to_list(), reference(small, lower_case=True)
    assert ours == reference_ids(theirs, texts, special=True)
    for token, text, ids in zip(tokens, texts, ours, strict=True):
        token_id = read_vocabulary(small).index(token)
        assert token_id not in ids[1:-1]
        # What the reference does unless told otherwise.
        assert token_id in theirs(text)["input_ids"][1:-1]


@pytest.mark.parametrize("lower_case", [True, False])
def test_tokenizer_puts_cls_and_sep_around(small: Path, lower_case: bool) -> None:
    made = tokenizer(str(small), lower_case)(hard_texts())
    assert isinstance(made, tf.RaggedTensor)
    assert (made.dtype, made.shape.rank, made.ragged_rank) == (tf.int32, 2, 1)
    assert made.to_list() == reference_ids(reference(small, lower_case=lower_case), hard_texts(), special=True)


def test_tokenizer_lowers_case_unless_told_otherwise(small: Path) -> None:
    pieces = read_vocabulary(small)
    assert tokenizer(small)(["É"]).to_list() == [[pieces.index(piece) for piece in ("[CLS]", "e", "[SEP]")]]


def test_no_texts_and_empty_texts(small: Path) -> None:
    cls, sep = (read_vocabulary(small).index(token) for token in ("[CLS]", "[SEP]"))
    without, around = word_pieces(small, lower_case=True), tokenizer(small)
    assert without(tf.constant([], tf.string)).to_list() == []
    assert without(["", " ", "\0"]).to_list() == [[], [], []]
    assert around(tf.constant([], tf.string)).to_list() == []
    assert around(["", " "]).to_list() == [[cls, sep]] * 2


def test_vocabularies_of_one_size_are_kept_apart(tmp_path: Path) -> None:
    first = word_pieces(vocabularies.write(tmp_path, ["a", "b"], name="1"), lower_case=True)
    second = word_pieces(vocabularies.write(tmp_path, ["b", "a"], name="2"), lower_case=True)
    assert first(["a b"]).to_list() == [[6, 7]]
    assert second(["a b"]).to_list() == [[7, 6]]
    assert first(["a b"]).to_list() == [[6, 7]]


def test_no_piece_with_a_replacement_character_can_match(tmp_path: Path) -> None:
    # Older servers write U+FFFD in words, for code points that are no characters; the reference never does.
    tokenize = word_pieces(vocabularies.write(tmp_path, ["a", "\ufffd", "##\ufffd", "b"]), lower_case=True)
    held = [value for value in tokenize.get_concrete_function().captured_inputs if value.dtype == tf.string]
    assert [[piece.decode() for piece in value.numpy()] for value in held] == [[*vocabularies.SPECIAL, "a", "b"]]
    assert tokenize(["a \ufffd b a\uffff"]).to_list() == [[6, 9, 2]]


def test_a_tokenizer_made_while_a_function_is_traced_outlives_it(small: Path) -> None:
    made = []

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def traced(texts: tf.Tensor) -> tf.RaggedTensor:
        made.append(word_pieces(small, lower_case=True))
        return made[0](texts)

    expected = reference_ids(reference(small, lower_case=True), ["the card."])
    assert traced(["the card."]).to_list() == expected
    assert made[0](["the card."]).to_list() == expected


def test_many_calls_at_once_in_tf_data(small: Path) -> None:
    tokenize = word_pieces(small, lower_case=True)
    chunks = tf.data.Dataset.from_tensor_slices(list(hard_texts())).batch(16)
    made = chunks.map(lambda texts: tokenize(texts), num_parallel_calls=4).as_numpy_iterator()
    flat = [row.tolist() for chunk in made for row in chunk]
    assert flat == reference_ids(reference(small, lower_case=True), hard_texts())


def test_a_text_of_thousands_of_unknown_words_does_not_hold_a_server_up(small: Path) -> None:
    tokenize = word_pieces(small, lower_case=True)
    tokenize(["warm"])
    text = " ".join(f"{number:0100d}" for number in range(1000))
    started = time.perf_counter()
    assert tokenize([text]).values.shape[0] == 100_000
    assert time.perf_counter() - started < 5


def exported(folder: Path, vocabulary: Path) -> Path:
    """Exports raw text to ids, cased by ``word_pieces`` inside of another function and uncased by ``tokenizer``."""
    cased, uncased = word_pieces(vocabulary, lower_case=False), tokenizer(vocabulary)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
    def served(text: tf.Tensor) -> dict[str, tf.Tensor]:
        pieces, row = cased(text), uncased(text)
        return {"cased": pieces.values, "lengths": pieces.row_lengths(), "uncased": row.values}

    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures={"serving_default": served})
    return folder / "1"


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Path:
    """A SavedModel that was moved after it was written, and whose vocabulary file is gone."""
    folder = tmp_path_factory.mktemp("saved")
    vocabulary = folder / "vocab.txt"
    shutil.copy(small, vocabulary)
    written = exported(folder, vocabulary)
    vocabulary.unlink()
    return written.rename(folder / "2")


def test_a_saved_model_holds_one_op_of_tensorflow_text_and_no_path(saved_model: Path) -> None:
    assert {"WordpieceTokenizeWithOffsets"} == saved_ops(saved_model) - set(CORE_OPS.split())
    assert not list((saved_model / "assets").glob("*"))
    assert str(saved_model.parent).encode() not in (saved_model / "saved_model.pb").read_bytes()


@pytest.mark.parametrize(
    "registering", ["import tensorflow_text", "from tfclassify.text.word_pieces import text_ops; text_ops()"]
)
def test_a_saved_model_needs_nothing_but_itself_and_the_op(saved_model: Path, small: Path, registering: str) -> None:
    command = [sys.executable, "-c", LOADER, str(saved_model), registering]
    loaded = subprocess.run(command, input=json.dumps(hard_texts()), capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    made = json.loads(loaded.stdout)
    cased = reference_ids(reference(small, lower_case=False), hard_texts())
    uncased = reference_ids(reference(small, lower_case=True), hard_texts(), special=True)
    assert made["lengths"] == list(map(len, cased))
    assert made["cased"] == list(chain.from_iterable(cased))
    assert made["uncased"] == list(chain.from_iterable(uncased))


def saved_ops(folder: Path) -> set[str]:
    """Returns the op names of a SavedModel's graph and of its function library."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graphs = [graph.graph_def for graph in saved.meta_graphs]
    functions = [function for graph in graphs for function in graph.library.function]
    return {node.op for graph in graphs for node in graph.node} | {
        node.op for body in functions for node in body.node_def
    }


@pytest.fixture(scope="module")
def apart(small: Path) -> Tokenize:
    return word_pieces(small, lower_case=True, apart=True)


@pytest.fixture(scope="module")
def plain(small: Path) -> Tokenize:
    return word_pieces(small, lower_case=True)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text("ab#☃雪é [", max_size=8), min_size=1, max_size=6))
def test_unknown_words_told_apart_and_put_together(
    small: Path, plain: Tokenize, apart: Tokenize, texts: list[str]
) -> None:
    expected, found = plain(texts).to_list(), apart(texts)
    unknown = special_ids(read_vocabulary(small)).unknown
    assert put_together(found, unknown).to_list() == expected
    told = [each for row in found.to_list() for each in row]
    for each, own in zip(chain.from_iterable(expected), told, strict=True):
        assert APART <= own < 2 * APART if each == unknown else own == each


def test_an_unknown_word_has_one_id_wherever_it_stands(apart: Tokenize) -> None:
    one, other = apart(["☃ 雪 ☃", "雪"]).to_list()
    assert one[0] == one[2] != one[1] == other[0]
    # As ids are in files: another hash would make nonsense of them.
    assert one[:2] == [2398820, 2903130]
    assert apart([""]).to_list() == [[]]


def test_core_ops_are_tensorflows_own() -> None:
    assert [name for name in CORE_OPS.split() if not hasattr(tf.raw_ops, name)] == []


@pytest.mark.shared
def test_every_listed_server_has_the_op(shared: Path) -> None:
    listed = json.loads((shared / "reference" / "tfserving_tf_text_ops.json").read_text(encoding="utf-8"))
    for server, linked in listed["serving"].items():
        assert "WordpieceTokenizeWithOffsets" in listed["ops_by_tf_text"][linked["tf_text"]], server


def data_texts(shared: Path) -> list[str]:
    csv.field_size_limit(1 << 24)
    texts = []
    for path in sorted((shared / "data").glob("*/*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            texts += [row[name] for row in csv.DictReader(file) for name in ("text", "text_b") if row.get(name)]
    assert len({path.parent for path in (shared / "data").glob("*/*.csv")}) == 13
    return texts


def chunked_differences(both: Both, texts: list[str]) -> list[str]:
    chunks = (texts[start : start + 4096] for start in range(0, len(texts), 4096))
    return [difference for chunk in chunks for difference in differences(both, chunk)]


def frequent(words: Iterable[list[str]], count: int) -> list[str]:
    counts = Counter(word for row in words for word in row if len(word) > 1)
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:count]]


@pytest.mark.shared
@pytest.mark.slow
def test_real_data_with_a_real_uncased_vocabulary(shared: Path) -> None:
    both = compared(shared / "models" / "all-MiniLM-L6-v2" / "vocab.txt", lower_case=True)
    texts = data_texts(shared)
    assert len(texts) == 165_112
    assert chunked_differences(both, [*texts, *hard_texts()]) == []


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.long
def test_real_data_with_a_cased_vocabulary_made_of_them(shared: Path, tmp_path: Path) -> None:
    texts = data_texts(shared)
    sample = texts[::10]
    words = frequent(reference_words(sample, lower_case=False), 20_000)
    ends = frequent(([word[-size:] for word in words for size in (2, 3, 4) if len(word) > size + 1],), 3_000)
    pieces = [*words, *(f"##{end}" for end in ends), *vocabularies.pieces(sorted(set("".join(sample))))]
    vocabulary = vocabularies.write(tmp_path, pieces)
    assert 25_000 < len(read_vocabulary(vocabulary)) < 40_000
    assert chunked_differences(compared(vocabulary, lower_case=False), [*texts, *hard_texts()]) == []


def test_a_vocabulary_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_vocabulary(tmp_path / "vocab.txt")
    assert str(caught.value) == f"no vocabulary file '{tmp_path / 'vocab.txt'}'; {BERT}"
    with pytest.raises(UsageError) as caught:
        tokenizer(tmp_path)
    assert str(caught.value) == f"no vocabulary file '{tmp_path}'; {BERT}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[UNK]\n[CLS]\n[SEP]\n\xff\n", "the vocabulary file 'FILE' is not UTF-8; " + BERT),
        (b"", f"the vocabulary file 'FILE' has no [UNK], [CLS], [SEP]; {BERT}, among them [UNK], [CLS] and [SEP]"),
        (b"[UNK]\n[CLS]\na\n", f"the vocabulary file 'FILE' has no [SEP]; {BERT}, among them [UNK], [CLS] and [SEP]"),
        (
            b"[UNK]\n[CLS]\n[SEP]\nthe\na\nthe\n",
            "the vocabulary file 'FILE' has 'the' on lines 4 and 6; "
            "expected every word piece once, because its line is its id",
        ),
    ],
)
@pytest.mark.parametrize("reader", [read_vocabulary, tokenizer, lambda path: word_pieces(path, lower_case=True)])
def test_a_vocabulary_file_that_is_none(tmp_path: Path, content: bytes, message: str, reader: object) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        reader(path)  # type: ignore[operator]
    assert str(caught.value).replace(str(path), "FILE") == message


def test_a_vocabulary_whose_ids_would_be_those_of_unknown_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["[UNK]", "[CLS]", "[SEP]", *map(str, range(2000))]), encoding="utf-8")
    monkeypatch.setattr(tfclassify.text.word_pieces, "APART", 2003)
    assert len(read_vocabulary(path)) == 2003
    monkeypatch.setattr(tfclassify.text.word_pieces, "APART", 2002)
    with pytest.raises(UsageError) as caught:
        read_vocabulary(path)
    assert str(caught.value) == f"the vocabulary file '{path}' has 2,003 word pieces; expected at most 2,002"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_are_read_as_the_reference_reads_them(tmp_path: Path, line_end: str) -> None:
    expected = [*vocabularies.SPECIAL, "a", "##\u2028", "\x0b", "\u0085", " b ", "##\u0301"]
    path = tmp_path / "vocab.txt"
    path.write_bytes(line_end.join(expected).encode())
    assert read_vocabulary(path) == expected
    assert reference(path, lower_case=True).get_vocab() == {piece: place for place, piece in enumerate(expected)}


def test_special_ids() -> None:
    assert special_ids(["[CLS]", "a", "[UNK]", "[SEP]", "[PAD]"]) == SpecialIds(pad=4, unknown=2, cls=0, sep=3)
    with pytest.raises(UsageError) as caught:
        special_ids(["[CLS]", "[UNK]"])
    assert str(caught.value) == "the vocabulary has no [PAD], [SEP]; expected [PAD], [UNK], [CLS] and [SEP] in it"


def test_the_room_is_entered_without_tensorflow() -> None:
    program = "import sys, tfclassify.text; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
    assert tfclassify.text.tokenizer is tokenizer
    with pytest.raises(AttributeError, match="has no attribute 'tokeniser'"):
        _ = tfclassify.text.tokeniser
