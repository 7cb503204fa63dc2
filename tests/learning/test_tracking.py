"""Trackers: found before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import tf_keras as keras

from tfclassify.errors import UsageError
from tfclassify.learning import tracking


@pytest.mark.parametrize("there", [True, False])
def test_a_tracker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: object() if there else None)
    tracking.check([])
    if there:
        tracking.check(["tensorboard"])
        return
    with pytest.raises(UsageError) as caught:
        tracking.check(["tensorboard"])
    assert str(caught.value) == ("track=tensorboard needs the package tensorboard; type: pip install tensorboard")


def test_tensorboard_writes_into_the_folder(tmp_path: Path) -> None:
    made = tracking.tensorboard(tmp_path / "board")
    assert isinstance(made, keras.callbacks.TensorBoard)
    assert made.log_dir == str(tmp_path / "board")
