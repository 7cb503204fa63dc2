"""``card.md``: the model card, in Markdown in which nothing that others wrote is markup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfclassify.quality.report import formats, tables, verdict, wording
from tfclassify.quality.report.findings import class_figures, confusions, findings
from tfclassify.quality.report.story import Story, best_epoch, choosing_metric, decided, judged
from tfclassify.quality.report.wording import label_text, plural

PACKAGE = "tfclassify.quality.report"
MAX_LABELS = 200
LICENCE_FACTS = ("licence", "license", "model licence", "model license", "model.licence", "model.license")
DATA_WORDS = ("data", "split", "validation split", "test split")
TRAINING_WORDS = ("model", "seed", "epoch", "time", "hardware", "device", "strategy", "precision", "learning")
TRAINING_KEYS = (
    "model.name",
    "text.max_length",
    "train.epochs",
    "train.learning_rate",
    "train.batch_tokens",
    "train.batch_size",
    "train.precision",
    "train.weight_decay",
    "train.objectives",
    "seed",
)
KINDS = {
    "binary": "one of two labels",
    "multiclass": "exactly one label",
    "multilabel": "any number of labels",
}
# What Markdown reads as markup anywhere in a line (a low line only at the edge of a word), and at its beginning.
INLINE = re.compile(r"[\\`*{}\[\]#|~$]|(?<![^\W_])_|_(?![^\W_])")
LEADING = re.compile(r"^(?:[+=]|-(?!\d)|\d{1,9}(?=[.)](?:\s|$)))")
ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("://", "&#58;//"), ("@", "&#64;"), ("www.", "www&#46;"))


def card(story: Story) -> str:
    """Writes the model card.

    Args:
        story: what it tells; the same story gives the same card.

    Returns:
        Markdown (CommonMark with tables). Labels, notes and facts are escaped: they neither format, link nor load.

    Raises:
        ValueError: the baseline's predictions are not of the same rows.
    """
    written = _environment().get_template("card.md.jinja").render(_context(story))
    return re.sub(r"\n{3,}", "\n\n", written)


def escaped(words: str) -> str:
    """Returns words on one line in which Markdown and HTML see nothing but words."""
    line = INLINE.sub(r"\\\g<0>", " ".join(wording.visible(words).split()))
    for plain, entity in ENTITIES:
        line = line.replace(plain, entity)
    return LEADING.sub(_disarmed, line)


@cache
def _environment() -> Environment:
    made = Environment(  # noqa: S701 -- escaped for Markdown by finalize
        loader=PackageLoader(PACKAGE),
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(percent=formats.percent, decimals=formats.decimals, count=formats.count, plural=plural)
    return made


def _disarmed(found: re.Match[str]) -> str:
    """Returns the beginning of a line that would make it a list or a rule, so that it does not."""
    sign = found.group()
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"


def _escaped(value: object) -> object:
    return value if isinstance(value, Markup | int) else escaped(str(value))


def _context(story: Story) -> dict[str, Any]:
    comparison = verdict.compare(story)
    return {
        "story": story,
        "name": label_text(story.name),
        "figures": judged(story),
        "headline": verdict.headline(story),
        "comparison": verdict.comparison_sentence(story, comparison) if comparison else None,
        "caveats": verdict.caveats(story),
        "splits": tables.split_table(story),
        "ledger": tables.ledger(story),
        "report_rows": story.report.get("rows") or {},
        **_labels(story),
        **_training(story),
        **_facts({name: value for name, value in story.facts.items() if decided(story, name) is None}),
    }


def _labels(story: Story) -> dict[str, Any]:
    pairs = confusions(story.predictions) if story.predictions.kind != "multilabel" else []
    labels = story.predictions.labels
    return {
        "answer": KINDS[story.predictions.kind],
        "labels": [label_text(label) for label in labels[:MAX_LABELS]],
        "labels_left_out": max(0, len(labels) - MAX_LABELS),
        "findings": findings(story, class_figures(story, pairs), pairs),
    }


def _training(story: Story) -> dict[str, Any]:
    return {
        "epochs": len(story.history),
        "best_epoch": best_epoch(story),
        "choosing_metric": tables.figure_name(choosing_metric(story)),
        "decisions": [(key, value) for key, value, _ in story.decisions if key in TRAINING_KEYS],
        "costs": tables.plan_table(story),
    }


def _facts(facts: Mapping[str, str]) -> dict[str, Any]:
    """Returns the facts sorted into those of the data, of the training and others, and the licence."""
    licence = next((value for name, value in facts.items() if name.lower() in LICENCE_FACTS), None)
    sorted_facts: dict[str, list[tuple[str, str]]] = {"data_facts": [], "training_facts": [], "other_facts": []}
    for name, value in facts.items():
        if name.lower() not in LICENCE_FACTS:
            sorted_facts[_place(name.lower())].append((label_text(name), value))
    return {"licence": licence, **sorted_facts}


def _place(name: str) -> str:
    if name.startswith(DATA_WORDS):
        return "data_facts"
    return "training_facts" if name.startswith(TRAINING_WORDS) else "other_facts"
