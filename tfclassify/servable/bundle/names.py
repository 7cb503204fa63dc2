"""A model's name as requests, clusters and dashboards can write it."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Nothing in these needs quoting in a URL, a shell, a text proto or PromQL.
SERVED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LONGEST_SERVED, LONGEST_DNS = 63, 40
DIGEST = 8


def served_name(name: str) -> str:
    """Returns the name that requests use: the model's own where it is plain, else one made from it.

    Args:
        name: of the model; any text.

    Returns:
        1 to 63 ASCII letters, digits, ``.``, ``_`` and ``-``, a letter or digit first. Different names give
        different ones: a changed name ends in a digest of the whole.
    """
    return name if SERVED.fullmatch(name) else _marked(_plain(name, "._-"), name, LONGEST_SERVED)


def dns_name(name: str) -> str:
    """Returns the name as Kubernetes takes it for a Service (RFC 1035): at most 40 characters.

    Args:
        name: of the model; any text.

    Returns:
        Lower-case ASCII letters, digits and ``-``, a letter first. Only the case of letters, ``_`` and ``.`` are
        let go without a trace: ``ag_news`` is ``ag-news``; anything else that changed ends in a digest.
    """
    folded = name.lower().replace("_", "-").replace(".", "-")
    # A letter of mathematics has no lower case until it is a letter of the alphabet.
    plain = _plain(folded, "-").lower()
    kept = plain == folded and len(plain) <= LONGEST_DNS and plain[:1].isalpha()
    return plain if kept else _marked(plain if plain[:1].isalpha() else f"model-{plain}", name, LONGEST_DNS)


def _plain(name: str, marks: str) -> str:
    """Returns the ASCII letters and digits of a name; what lies between them becomes a hyphen."""
    ascii_only = unicodedata.normalize("NFKD", name[:1000]).encode("ascii", "ignore").decode()
    return re.sub(rf"[^A-Za-z0-9{marks}]+", "-", ascii_only).strip(marks)


def _marked(plain: str, name: str, longest: int) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    return f"{plain[: longest - DIGEST - 1].strip('._-') or 'model'}-{digest}"
