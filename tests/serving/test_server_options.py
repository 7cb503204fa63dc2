"""What a server takes over from the servable that it serves."""

from __future__ import annotations

import json
from pathlib import Path

from tfclassify.export import Export
from tfclassify.serving.batching import BatchingOptions
from tfclassify.serving.server import _fitted


def test_batching_is_fitted_to_a_servable(toy_exported: Export) -> None:
    made = _fitted(BatchingOptions(), toy_exported.folder)
    assert made == BatchingOptions(full_length_bytes=6 * toy_exported.facts["max_length"], padded=False)
    # As many rows as full texts would fit into the bytes of a batch.
    asked = BatchingOptions(max_batch_bytes=1000 * 6 * toy_exported.facts["max_length"] // 100)
    assert _fitted(asked, toy_exported.folder).max_batch_rows == 10
    sizes = BatchingOptions(allowed_batch_sizes=(1, 64))
    assert _fitted(sizes, toy_exported.folder).max_batch_rows == 64


def test_of_other_models_nothing_is_known(tmp_path: Path) -> None:
    asked = BatchingOptions(full_length_bytes=7)
    assert _fitted(asked, tmp_path) == asked
    (tmp_path / "servable.json").write_text(json.dumps(["no facts"]), encoding="utf-8")
    assert _fitted(asked, tmp_path) == asked
