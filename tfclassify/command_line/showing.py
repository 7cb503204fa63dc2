"""What a verb's result is on standard output: text for people, values for ``--json``, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tfclassify.planning.planner import Plan, plan_yaml, reasons_markdown
from tfclassify.planning.summary import summary
from tfclassify.runs import Run, state_of

if TYPE_CHECKING:
    from tfclassify.doctor import Checkup
    from tfclassify.evaluate import Evaluation
    from tfclassify.export import Export
    from tfclassify.inspect import Inspection
    from tfclassify.predict import Prediction
    from tfclassify.serve import Served

DONE, STOPPED = 0, 75


@dataclass(frozen=True)
class Shown:
    """A result: lines for people, plain values for programs, and the exit status."""

    text: str
    values: Any
    status: int = DONE


def show_plan(plan: Plan) -> Shown:
    """Shows a plan in a few lines, then as the file that repeats it, then the reasons."""
    decisions = {key: asdict(each) for key, each in plan.decisions.items()}
    values = {
        "settings": plan.settings.model_dump(mode="json"),
        "decisions": decisions,
        "costs": asdict(plan.costs),
        "alternatives": [asdict(each) for each in plan.alternatives],
        "answered": [asdict(each) for each in plan.answered],
    }
    return Shown(f"{summary(plan)}\n\n{plan_yaml(plan)}\n{reasons_markdown(plan)}", values)


def show_run(run: Run) -> Shown:
    """Shows how a training ended: its figures beside the baseline's, and where everything is."""
    state = state_of(run)
    if state != "finished":
        text = f"{state} on request; go on with: python -m tfclassify.train run={run.folder}"
        return Shown(text, {"run": str(run.folder), "state": state}, STOPPED)
    report = json.loads(run.report.read_text(encoding="utf-8"))
    values = {"run": str(run.folder), "state": state, "report": report}
    return Shown(f"{figures(report)}\nrun: {run.folder}\nreport: {run.folder / 'report.html'}", values)


def show_evaluation(evaluation: Evaluation) -> Shown:
    """Shows the figures, and where the report is."""
    values = {"output": str(evaluation.folder), "report": evaluation.report}
    return Shown(f"{figures(evaluation.report)}\nreport: {evaluation.folder / 'report.html'}", values)


def show_prediction(prediction: Prediction) -> Shown:
    """Shows where the answers are; nothing where they are on standard output themselves."""
    values = asdict(prediction)
    return Shown("" if prediction.output == "-" else f"{prediction.rows} answers: {prediction.output}", values)


def show_export(export: Export) -> Shown:
    """Shows where the version is, what loads it, and what the gates found."""
    facts = export.facts
    parity, tokenizer = facts["parity"], facts["tokenizer"]
    texts = tokenizer["texts"] + tokenizer["hard_texts"]
    lines = [
        f"version {facts['version']}: {export.folder}",
        f"TensorFlow Serving {facts['lowest_server']} and later load it (checked for {facts['target_server']})",
        f"answers as the run does on {parity['rows']} rows, to {parity['largest_difference']:.1e}",
        f"token ids differ from the reference's on {tokenizer['different']} of {texts} texts",
        *_drift(facts["precision"]["drift"]),
        *_comparison(facts["better_than"]),
    ]
    return Shown("\n".join(lines), {"output": str(export.folder), "servable": facts})


def show_inspection(inspection: Inspection) -> Shown:
    """Shows the stages as a table, then signatures, ops and the lowest server."""
    found = inspection.description
    lines = [f"{'stage':<12} {'parameters':>12} {'FLOPs a token':>14} {'ops':>5}  out"]
    for stage in found["stages"]:
        figures = f"{stage['parameters']:>12,} {stage['flops_per_token']:>14,} {stage['ops']:>5}"
        lines.append(f"{stage['name']:<12} {figures}  {', '.join(dict.fromkeys(stage['outputs']))}")
    for name, signature in found["signatures"].items():
        lines.append(f"{name}({_listed(signature['inputs'])}) -> {_listed(signature['outputs'])}")
    ops = f"{sum(found['ops'].values())} ops of {len(found['ops'])} kinds"
    lines.append(f"{found['parameters']:,} parameters, {found['size_bytes'] / 1e6:.1f} MB, {ops}")
    lines.append(f"TensorFlow Serving {found['lowest_server']} and later load it")
    page = [] if inspection.page is None else [f"page: {inspection.page}"]
    return Shown("\n".join([*lines, *page]), found)


def show_checkup(checkup: Checkup) -> Shown:
    """Shows what was looked at, then each finding with a few examples, the serious ones first."""
    page = [] if checkup.page is None else [f"page: {checkup.page}"]
    return Shown("\n".join([*checkup.lines, *page]), checkup.values)


def show_served(served: Served) -> Shown:
    """Shows nothing: a server has said what it had to say while it ran."""
    return Shown("", asdict(served))


def _listed(tensors: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {each['dtype']}{_shape(each['shape'])}" for name, each in tensors.items())


def _shape(sizes: list[int] | None) -> str:
    return "" if sizes is None else f"[{', '.join('None' if size < 0 else str(size) for size in sizes)}]"


def _drift(drift: Mapping[str, Any] | None) -> list[str]:
    if drift is None:
        return []
    changed = f"{drift['other_labels']} of {drift['rows']} rows get another label"
    return [f"in {drift['precision']} scores are off by up to {drift['largest_difference']:.1e}; {changed}"]


def _comparison(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    low, high = found["interval"]
    shares = f"{found['accuracy']:.1%} of {found['rows']} rows right, before {found['replaced_accuracy']:.1%}"
    return [f"{shares} (difference {low:+.1%} to {high:+.1%})"]


def figures(report: Mapping[str, Any]) -> str:
    """Puts the main figures of a report into a few lines."""
    lines = []
    for name, split in report["splits"].items():
        low, high = split["accuracy_interval"]
        interval = f"({low:.3f} to {high:.3f})"
        lines.append(f"{name:<11} {_scores(split)}  {interval}  {split['rows']} rows")
        if "scope" in split:
            lines.append(f"{'':<11} out of scope: AUROC {_number(split['scope']['auroc'])}")
        lines += [f"{'':<11} {_route(route, each)}" for route, each in split.get("routes", {}).items()]
        if name in report.get("baseline", {}):
            lines.append(f"{'  baseline':<11} {_scores(report['baseline'][name])}  TF-IDF + logistic regression")
    return "\n".join([*lines, *_training(report)])


def _training(report: Mapping[str, Any]) -> list[str]:
    if "plan" not in report:
        return []
    planned, actual = report["plan"]["predicted"], report["plan"]["actual"]
    rows = (
        ("seconds per epoch", "seconds_per_epoch", 1.0, ".1f"),
        ("peak memory, GB", "peak_memory_bytes", 1e-9, ".2f"),
        ("padding, %", "padding_share", 100.0, ".1f"),
    )
    return [
        f"{title:<17} planned {_scaled(planned[key], factor, form)}, was {_scaled(actual[key], factor, form)}"
        for title, key, factor, form in rows
    ]


def _route(name: str, figures: Mapping[str, Any]) -> str:
    return f"by {name}: {figures['share']:.1%} of the rows, accuracy {_number(figures['accuracy'])}"


def _scaled(value: float | None, factor: float, form: str) -> str:
    return "not measured" if value is None else f"{value * factor:{form}}"


def _scores(split: Mapping[str, Any]) -> str:
    return f"accuracy {_number(split['accuracy'])}  macro-F1 {_number(split['macro_f1'])}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
