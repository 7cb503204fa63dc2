"""What would go wrong on devices, or go right at the price of time, found before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.batches import Bucket
from tfclassify.data.shares import flattened, share_shapes
from tfclassify.errors import UsageError
from tfclassify.learning.compiling import Compiled, compiled_step, zeros
from tfclassify.learning.hlo import all_products, dynamic_shapes, host_calls, narrow_exponentials
from tfclassify.learning.objectives import choose
from tfclassify.learning.step import training_step
from tfclassify.model.classifier import BertClassifier, Step
from tfclassify.settings import Settings

NEWEST_TPU = "2.20.0"
TPU_FILES = ("/dev/accel0", "/dev/vfio/0")
NARROW = {"bfloat16": "bf16", "float16": "f16"}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: what was looked at, what is the cause, and what mends it.

    What is not ``fatal`` costs time only.
    """

    check: str
    cause: str
    mend: str
    fatal: bool = True


def before_training(
    model: BertClassifier,
    settings: Settings,
    targets: NDArray,
    spec: Mapping[str, tf.TensorSpec],
    *,
    replicas: int,
    optimise: bool = False,
) -> list[Finding]:
    """Looks at everything that a training of this plan would meet; at the steps only where devices compile them.

    Args:
        model: compiled with an optimizer that is built.
        settings: the plan's.
        targets: of the training rows, int32[N] or float32[N, C].
        spec: of the batches.
        replicas: among which they are shared out.
        optimise: whether to compile the steps, and not only to translate them into what XLA compiles.
    """
    train = settings.train
    found = check_labels(targets, model.config.num_labels)
    found += check_shares(train.buckets, replicas=replicas, parts=train.accumulation_steps)
    if train.strategy == "tpu":
        found += check_tpu()
    if train.shapes == "dynamic":
        return found
    shapes = share_shapes(train.buckets, shares=replicas, multiple=train.accumulation_steps)
    folded = tf.data.Dataset.from_tensors(zeros(shapes[-1], spec))
    found += check_elements(flattened(folded, shapes).element_spec)
    step = training_step(
        choose(train.objectives),
        accumulation_steps=train.accumulation_steps,
        seed=settings.seed,
        # The variables of all replicas are on none of their devices.
        updates=replicas == 1,
        layers=True,
    )
    return found + check_steps(model, step, shapes, spec, precision=train.precision, optimise=optimise)


def refuse(findings: Sequence[Finding], *, say: Callable[[str], None]) -> None:
    """Says what costs time, and refuses what cannot be.

    Raises:
        UsageError: something is fatal.
    """
    for finding in findings:
        if finding.fatal:
            raise UsageError(f"{finding.cause}; {finding.mend}")
        say(f"{finding.cause}; {finding.mend}")


def check_labels(targets: NDArray, classes: int) -> list[Finding]:
    """Looks whether every label is one of the classes; devices do not, and train on what lies beside.

    Args:
        targets: int32[N] classes, or float32[N, C] of zeros and ones.
        classes: C.
    """
    if targets.ndim == 2:
        wrong = np.flatnonzero(~np.isin(targets, (0, 1)).all(axis=1))
        cause = "training row {row} has {value} among its labels, which are 0 or 1"
    else:
        wrong = np.flatnonzero((targets < 0) | (targets >= classes))
        cause = f"training row {{row}} has class {{value}}, but there are {classes}, counted from 0"
    if not len(wrong):
        return []
    row = int(wrong[0])
    value = targets[row] if targets.ndim == 1 else targets[row][~np.isin(targets[row], (0, 1))][0]
    return [Finding("labels", cause.format(row=row, value=value), "mend the labels, or read the data anew")]


def check_elements(spec: Mapping[str, tf.TensorSpec]) -> list[Finding]:
    """Looks for strings and unknown sizes in what would reach a device that compiles what it runs."""
    found = []
    for name, each in spec.items():
        if each.dtype == tf.string:
            found.append(
                Finding(
                    "elements",
                    f"'{name}' of a batch is a string, which an accelerator does not hold",
                    "look it up as a number before it is put into a batch",
                )
            )
        elif not each.shape.is_fully_defined():
            sizes = "unknown" if each.shape.rank is None else str(each.shape.as_list()).replace("None", "?")
            found.append(
                Finding(
                    "elements",
                    f"'{name}' of a batch has the shape {sizes}, and an accelerator compiles sizes that are known",
                    "give elements one constant shape, or set train.shapes=dynamic",
                )
            )
    return found


def check_shares(buckets: Sequence[Bucket], *, replicas: int, parts: int) -> list[Finding]:
    """Looks for buckets whose rows cannot be shared out evenly, so that rows are computed that do not count."""
    found = []
    shares = share_shapes(buckets, shares=replicas, multiple=parts)
    for (rows, length), (share, _) in zip(buckets, shares, strict=True):
        if (filled := share * replicas) > rows:
            found.append(
                Finding(
                    "shares",
                    f"batches of [{rows}, {length}] are filled up to {filled} rows for {replicas} replicas "
                    f"in {parts} parts",
                    f"a number of rows that is a multiple of {replicas * parts} would waste none",
                    fatal=False,
                )
            )
    return found


def check_tpu(*, files: Sequence[str] = TPU_FILES) -> list[Finding]:
    """Looks for what TensorFlow needs to find a TPU: the wheel that knows one, its runtime, and the TPU."""
    found = []
    if _version("tensorflow-tpu") is None:
        found.append(
            Finding(
                "tpu",
                f"TensorFlow {tf.__version__} is installed without TPUs",
                f"type: pip uninstall -y tensorflow && pip install tensorflow-tpu=={NEWEST_TPU} "
                "tensorflow-text==2.20.1 tf-keras==2.20.1 "
                "-f https://storage.googleapis.com/libtpu-tf-releases/index.html",
            )
        )
    if find_spec("libtpu") is None:
        found.append(
            Finding(
                "tpu",
                "libtpu, by which TensorFlow drives a TPU, is not installed",
                f"type: pip install tensorflow-tpu=={NEWEST_TPU} "
                "-f https://storage.googleapis.com/libtpu-tf-releases/index.html",
            )
        )
    if not any(Path(each).exists() for each in files):
        found.append(
            Finding(
                "tpu",
                f"no TPU is attached: there is none of {', '.join(files)}",
                "start a machine that has one (in Colab: Runtime, Change runtime type), or set train.strategy=one",
            )
        )
    return found


def check_steps(
    model: BertClassifier,
    step: Step,
    shapes: Sequence[Bucket],
    spec: Mapping[str, tf.TensorSpec],
    *,
    precision: str,
    optimise: bool = True,
) -> list[Finding]:
    """Compiles the step of every bucket by XLA, and reads what came of it.

    Args:
        model: compiled with an optimizer that is built.
        step: the training step, of batches in their own shape.
        shapes: [rows, length] of what a replica gets.
        spec: of the batches.
        precision: number format of the matrix products, as the plan has it.
        optimise: whether to compile, and not only to translate the step into what XLA compiles.
    """
    found: list[Finding] = []
    programs = set()
    for shape in shapes:
        try:
            made = compiled_step(model, step, shape, spec, optimise=optimise)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            found.append(_uncompiled(shape, error))
            continue
        found += _read(made, classes=model.config.num_labels, precision=precision)
        programs.add(tuple(each.arrays for each in made.given.computations[made.given.entry]))
    if not found and len(programs) != len(shapes):
        cause = f"{len(programs)} programs are compiled for {len(shapes)} shapes"
        found.append(Finding("steps", cause, "give every bucket in train.buckets a length of its own", fatal=False))
    return found


def _uncompiled(shape: Bucket, error: Exception) -> Finding:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return Finding(
        "steps",
        f"the step of the shape {list(shape)} does not compile under XLA: {lines[0] if lines else error!r}",
        "take what is not made for it out of train.objectives, or set train.shapes=dynamic",
    )


def _read(made: Compiled, *, classes: int, precision: str) -> list[Finding]:
    program, where = made.given, f"the step of the shape {list(made.shape)}"
    found = []
    for names, what, mend in (
        (dynamic_shapes(made.optimised or program), "sizes that are not static", "set train.shapes=dynamic"),
        (host_calls(made.optimised or program), "calls of the host", "take Python functions out of train.objectives"),
    ):
        if names:
            found.append(Finding("steps", f"{where} has {what}, the first one in {names[0]}", mend))
    wanted = NARROW.get(precision)
    kinds = [kind for kind, _ in all_products(program)]
    wide = sum(kind != wanted for kind in kinds)
    if wanted and wide:
        cause = f"{wide} of {len(kinds)} matrix products in {where} are not made in {precision}"
        found.append(Finding("steps", cause, "leave the dtype of layers to the policy", fatal=False))
    if narrow_exponentials(program, classes):
        found.append(
            Finding(
                "steps",
                f"{where} has a loss over {classes} classes in {precision}, whose sums lose small probabilities",
                "cast the logits to float32 in the objective",
            )
        )
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
