"""How batches reach the replicas of a strategy: each gets its share of the same rows, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfclassify.data.batches import AHEAD, Bucket
from tfclassify.data.shares import flattened, shared_out


def fed(
    make: Callable[[], tf.data.Dataset], strategy: tf.distribute.Strategy, *, shapes: Sequence[Bucket] | None = None
) -> Any:
    """Returns what ``model.fit`` takes under a strategy.

    Args:
        make: makes the whole batches, whose rows are a multiple of the replicas.
        strategy: the replicas.
        shapes: of what a replica gets, where elements are to have one constant shape; None leaves them as they are.
    """
    if strategy.num_replicas_in_sync == 1 and shapes is None:
        return make()

    def of_pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        shares, pipelines = context.num_replicas_in_sync, context.num_input_pipelines
        number = shares // pipelines
        made = shared_out(make(), shares=shares, first=context.input_pipeline_id * number, number=number)
        if shapes is not None:
            made = flattened(made, shapes)
        # Nobody reads past the last step; asking every worker in each step whether there is more would cost time.
        return made.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)).prefetch(AHEAD)

    return strategy.distribute_datasets_from_function(of_pipeline)
