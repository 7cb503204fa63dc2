"""The models that have a short name, and the sizes that planning needs to know of any model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderSize:
    """The numbers that decide what an encoder costs."""

    layers: int
    width: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int = 512

    @property
    def embedding_parameters(self) -> int:
        """Parameters that are looked up, not multiplied: word, position and type embeddings."""
        return (self.vocabulary + self.positions + 2) * self.width

    @property
    def layer_parameters(self) -> int:
        """Parameters of the layers and the pooler, each used once per token (the pooler once per text)."""
        attention = 4 * self.width * (self.width + 1)
        feed_forward = 2 * self.width * self.intermediate + self.width + self.intermediate
        norms = 4 * self.width
        return self.layers * (attention + feed_forward + norms) + self.width * (self.width + 1)

    @property
    def parameters(self) -> int:
        """All parameters but those of the classification head."""
        return self.embedding_parameters + self.layer_parameters + 2 * self.width


@dataclass(frozen=True)
class Preset:
    """A model with a short name: where it is on the hub, and how large it is."""

    hub_name: str
    size: EncoderSize


def _bert(hub_name: str, layers: int, width: int, vocabulary: int = 30522) -> Preset:
    return Preset(hub_name, EncoderSize(layers, width, width // 64, 4 * width, vocabulary))


PRESETS: dict[str, Preset] = {
    "minilm": Preset("sentence-transformers/all-MiniLM-L6-v2", EncoderSize(6, 384, 12, 1536, 30522)),
    "minilm-l12": Preset("microsoft/MiniLM-L12-H384-uncased", EncoderSize(12, 384, 12, 1536, 30522)),
    "bert-tiny": _bert("google/bert_uncased_L-2_H-128_A-2", 2, 128),
    "bert-mini": _bert("google/bert_uncased_L-4_H-256_A-4", 4, 256),
    "bert-small": _bert("google/bert_uncased_L-4_H-512_A-8", 4, 512),
    "bert-medium": _bert("google/bert_uncased_L-8_H-512_A-8", 8, 512),
    "bert-base": _bert("google-bert/bert-base-uncased", 12, 768),
    "bert-base-cased": _bert("google-bert/bert-base-cased", 12, 768, 28996),
    "bert-large": _bert("google-bert/bert-large-uncased", 24, 1024),
    "bert-base-chinese": _bert("google-bert/bert-base-chinese", 12, 768, 21128),
    "multilingual": _bert("google-bert/bert-base-multilingual-cased", 12, 768, 119547),
    "random-tiny": Preset("", EncoderSize(2, 32, 2, 64, 109)),
}
