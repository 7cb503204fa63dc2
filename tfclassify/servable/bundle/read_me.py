"""``README.md`` of a bundle: what is what, on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfclassify.quality.report import formats
from tfclassify.quality.report.wording import label_text
from tfclassify.servable.bundle.facts import METRICS_PATH, BundleFacts
from tfclassify.servable.bundle.servers import Server
from tfclassify.servable.bundle.sizes import MEBIBYTE, Needs
from tfclassify.servable.bundle.templating import rendered

MOST_LABELS, LABEL_CHARACTERS = 12, 40


def read_me(
    facts: BundleFacts,
    needs: Needs,
    both: tuple[Server, Server],
    *,
    served: str,
    versions: Sequence[int],
    version_labels: Mapping[str, int],
) -> str:
    """Writes the page; the name and the labels are escaped, and cut where they are long."""
    return rendered(
        "README.md.jinja",
        title=label_text(facts.name),
        labels=[label_text(label, LABEL_CHARACTERS) for label in facts.labels],
        shown=MOST_LABELS,
        multilabel=facts.multilabel,
        served=served,
        version=facts.version,
        versions=versions,
        version_labels=version_labels,
        parameters=formats.count(facts.parameters),
        size=formats.size(facts.size_bytes),
        lowest_server=facts.lowest_server,
        target_server=facts.target_server,
        batch_sizes=facts.batch_sizes,
        max_rows=facts.max_batch_size,
        metrics_path=METRICS_PATH,
        stock=both[1],
        cores=needs.cores,
        memory=f"{needs.memory_bytes // MEBIBYTE} MiB",
    )
