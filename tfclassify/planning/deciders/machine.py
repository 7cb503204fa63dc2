"""How the machine is used: number format and distribution strategy."""

from __future__ import annotations

from tfclassify.hardware import Hardware
from tfclassify.planning.chips import CHIPS, chip_name, peak
from tfclassify.planning.facts import Decision, Facts
from tfclassify.settings import Settings

TPU_STEPS = 16


def decide_precision(settings: Settings, facts: Facts) -> Decision:
    """Takes bfloat16 where the hardware multiplies it."""
    return choose_precision(facts.hardware)


def choose_precision(hardware: Hardware) -> Decision:
    """Chooses the number format, which has to be known before the machine is measured."""
    if hardware.accelerators:
        if all(device.bfloat16 for device in hardware.accelerators):
            return Decision("bfloat16", f"the {hardware.accelerators[0].kind} multiplies bfloat16")
        return Decision("float32", f"the {hardware.accelerators[0].kind} does not multiply bfloat16")
    if hardware.cpu_bfloat16:
        return Decision("bfloat16", "this processor has instructions for products of bfloat16")
    return Decision("float32", "this processor has no instructions for products of bfloat16")


def decide_strategy(settings: Settings, facts: Facts) -> Decision:
    """Uses every accelerator of this machine."""
    kinds = [device.kind for device in facts.hardware.accelerators]
    if not kinds:
        return Decision("one", f"no accelerator is there, {facts.hardware.cores} cores are")
    known = _speed(settings, facts)
    if "tpu" in kinds:
        return Decision("tpu", f"{kinds.count('tpu')} TPU cores are there{known}")
    if len(kinds) > 1:
        return Decision("mirrored", f"{len(kinds)} GPUs are there{known}")
    return Decision("one", f"one GPU is there{known}")


def _speed(settings: Settings, facts: Facts) -> str:
    """Says by which numbers seconds are predicted."""
    name = chip_name(facts.hardware.accelerators[0])
    chip = CHIPS[name]
    products, memory = peak(chip, settings.train.precision) / 1e12, chip.bytes_per_second / 1e9
    return f"; the least seconds are predicted as for a {name}, {products:.0f} TFLOP/s and {memory:.0f} GB/s"


def decide_shapes(settings: Settings, facts: Facts) -> Decision:
    """Gives an accelerator static shapes, which is all that it compiles."""
    kinds = [device.kind for device in facts.hardware.accelerators]
    if "tpu" in kinds:
        return Decision("static", "a TPU runs nothing else, and compiles all shapes by itself")
    if kinds:
        return Decision("compiled", "XLA fuses what a GPU else reads and writes in between")
    return Decision("dynamic", "the processor takes any shape, and is faster without gradients of one common shape")


def decide_embedding_updates(settings: Settings, facts: Facts) -> Decision:
    """Moves only what a batch looked up, where the number of rows may differ from step to step."""
    if facts.hardware.accelerators:
        return Decision("dense", "how many rows a batch looks up is not static, as an accelerator needs it")
    rows = facts.encoder.vocabulary
    return Decision("rows", f"a batch looks up few of the {rows} word vectors; the others need no pass in each step")


def decide_steps_per_execution(settings: Settings, facts: Facts) -> Decision:
    """Lets a TPU make several steps in one call of its host."""
    if any(device.kind == "tpu" for device in facts.hardware.accelerators):
        return Decision(TPU_STEPS, "a TPU that is called for each step waits for its host in between")
    return Decision(1, "a call for each step costs little here, and each can be the last one when it is asked to stop")


MACHINE = {
    "train.precision": decide_precision,
    "train.strategy": decide_strategy,
    "train.shapes": decide_shapes,
    "train.embedding_updates": decide_embedding_updates,
    "train.steps_per_execution": decide_steps_per_execution,
}
