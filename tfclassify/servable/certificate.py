"""The tokenizer's certificate: how often the exported graph's ids differ from the reference tokenizer's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from tfclassify.errors import UsageError
from tfclassify.text.packing import Slices
from tfclassify.text.paragraphs import BLANK_LINES
from tfclassify.text.windows import Windowing, kept, pack_windows, spans
from tfclassify.text.word_pieces import CLS, SEP, UNK, read_vocabulary

SHOWN = 5


@dataclass(frozen=True)
class Certificate:
    """What was compared and what differed.

    Attributes:
        reference: the tokenizer that the ids were compared with, and its version.
        texts: texts, or pairs, of the user's own data.
        hard_texts: texts that tokenizers are known to disagree on.
        different: of both together.
        share: of them, 0 to 1.
        limit: the share at which an export is refused is above this.
        examples: a few that differ.
    """

    reference: str
    texts: int
    hard_texts: int
    different: int
    share: float
    limit: float
    examples: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """Returns it as it is written down."""
        return asdict(self)


def reference(vocabulary: Path, *, lower_case: bool, max_length: int | None) -> Tokenizer:
    """Returns the reference tokenizer (that of ``transformers.BertTokenizerFast``) without special tokens in texts.

    Texts are cut at a length in tokens, or not at all.
    """
    pieces = {piece: place for place, piece in enumerate(read_vocabulary(vocabulary))}
    made = Tokenizer(WordPiece(pieces, unk_token=UNK))
    made.normalizer = BertNormalizer(lowercase=lower_case)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = BertProcessing((SEP, pieces[SEP]), (CLS, pieces[CLS]))
    if max_length is not None:
        made.enable_truncation(max_length, strategy="longest_first")
    return made


def certify(
    made: Tokenizer,
    found: Sequence[Sequence[int]],
    texts: Sequence[Any],
    *,
    own: int,
    limit: float,
    version: str,
    windows: Windowing | None = None,
) -> Certificate:
    """Compares the ids of the exported graph with the reference's.

    Args:
        made: the reference.
        found: N rows of ids.
        texts: N texts, or pairs as tuples; the first ``own`` are the user's.
        own: how many of them are.
        limit: the largest share that may differ.
        version: of the reference.
        windows: into which the graph cuts long texts, where it does; the reference knows of none.

    Raises:
        UsageError: more differ than that.
    """
    expected = [each.ids for each in made.encode_batch(list(texts))] if windows is None else _cut(made, texts, windows)
    different = [place for place, ids in enumerate(expected) if ids != list(found[place])]
    examples = tuple(repr(texts[place])[:200] for place in different[:SHOWN])
    share = len(different) / max(len(texts), 1)
    if share > limit:
        raise UsageError(
            f"the exported tokenizer gives other ids than the reference for {len(different)} of {len(texts)} texts, "
            f"such as {examples[0]}; expected at most a share of {limit:g}"
        )
    return Certificate(version, own, len(texts) - own, len(different), share, limit, examples)


def _cut(made: Tokenizer, texts: Sequence[str], windows: Windowing) -> list[list[int]]:
    """Returns the reference's ids in windows, one after the other, without padding."""
    cls, sep = made.token_to_id(CLS), made.token_to_id(SEP)
    found = []
    for text in texts:
        paragraphs = re.split(BLANK_LINES, text, flags=re.ASCII)
        parts = [np.array(each.ids, np.int32) for each in made.encode_batch(paragraphs, add_special_tokens=False)]
        pieces, breaks = np.concatenate(parts), np.cumsum([len(part) for part in parts])
        whole = Slices(pieces, np.zeros(1, np.int64), np.array([len(pieces)], np.int32))
        flat = kept(whole, windows, [np.unique(breaks)])
        cut = spans(flat, windows)
        shape = 1, int(cut.lengths.shape[1] * windows.length)
        packed = pack_windows(flat, cut, windows, shape=shape, cls=cls, sep=sep)
        found.append(packed.ids[packed.mask > 0].tolist())
    return found
