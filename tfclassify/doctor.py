"""``doctor``: says what is wrong with data, or without data with the installation, and what deals with it."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for it.
    from tfclassify.command_line import main

    raise SystemExit(main("doctor"))

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfclassify.checkup.finding import Finding, by_severity
from tfclassify.checkup.installation.findings import FINDINGS as INSTALLATION
from tfclassify.checkup.installation.observed import observe
from tfclassify.checkup.telling import (
    data_lines,
    finding_lines,
    finding_values,
    installation_lines,
    installation_values,
)
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.runs import cache_folder, data_name, open_run, write_json, write_text
from tfclassify.settings import AUTO, DataSettings, DoctorRequest, Settings, parse, read

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Checkup:
    """What was found, the serious things first; the same in lines and as plain values, and the page if there is one.

    ``left_out`` names what was not looked for, with why.
    """

    findings: tuple[Finding, ...]
    left_out: Mapping[str, str]
    lines: tuple[str, ...]
    values: Mapping[str, Any]
    page: Path | None


def doctor(settings: DoctorRequest | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Checkup:
    """Looks at data, or at the installation where no data are named.

    Args:
        settings: the data or a run, how much is looked at, and a folder for the page if one is wanted.
        display: gets the progress.

    Raises:
        UsageError: there are no such data, no such run or model, or the page cannot be written.
    """
    request = parse(settings or {}, DoctorRequest)
    named = any(getattr(request.data, split) for split in SPLITS)
    if request.run is not None and named:
        raise UsageError(
            f"run={request.run} brings its own data; leave it out to look at data.train, or leave that out"
        )
    return _data(request, display) if named or request.run is not None else _installation(request, display)


def _installation(request: DoctorRequest, display: Display) -> Checkup:
    display.start("importing what is installed", 0)
    here = observe(cache=cache_folder())
    findings = by_severity(finding for find in INSTALLATION.values() for finding in find(here))
    facts = installation_values(here)
    values = {"installation": facts, "findings": [finding_values(each) for each in findings]}
    lines = (*installation_lines(here), "", *finding_lines(findings, {}))
    page = None
    if request.output is not None:
        from tfclassify.checkup.page import installation_page

        page = _write(request.output, installation_page(facts, findings), values)
    return Checkup(tuple(findings), {}, lines, values, page)


def _data(request: DoctorRequest, display: Display) -> Checkup:
    from tfclassify.checkup.data.findings import find_all
    from tfclassify.checkup.data.overview import overview
    from tfclassify.checkup.data.reading import read_material

    data, model = _asked(request)
    material = read_material(
        data,
        _vocabulary(model, display),
        rows=request.rows,
        shown=request.examples,
        seed=request.seed,
        display=display,
    )
    findings, left_out = find_all(material, skip=request.skip, display=display)
    if request.preflight:
        findings = by_severity([*findings, *_preflight(request, display)])
    known = overview(material)
    values = {"data": known, "findings": [finding_values(each) for each in findings], "left_out": left_out}
    lines = (*data_lines(known), "", *finding_lines(findings, left_out))
    page = None
    if request.output is not None:
        page = _write(request.output, _data_page(material, data, known, findings, left_out), values)
    return Checkup(tuple(findings), left_out, lines, values, page)


def _preflight(request: DoctorRequest, display: Display) -> list[Finding]:
    """Plans a training of these data, or takes the run's plan, and compiles its steps as an accelerator would."""
    from tfclassify.learning.training import rehearse
    from tfclassify.plan import prepare

    if request.run is None:
        given = {name: getattr(request, name).model_dump(exclude_unset=True) for name in ("data", "model")}
        settings = parse(given, Settings)
    else:
        settings = read([str(open_run(request.run).plan)], Settings)
    prepared = prepare(settings, display=display)
    display.start("compiling the training step of each batch shape", 0)
    found = rehearse(prepared.plan, prepared.corpus, prepared.found, prepared.pieces)
    return [
        Finding(
            name=f"preflight_{each.check}",
            severity="serious" if each.fatal else "warning",
            sentence=f"{each.cause}.",
            cost="A training on an accelerator would not begin." if each.fatal else "A training takes longer.",
            remedy=each.mend,
        )
        for each in found
    ]


def _asked(request: DoctorRequest) -> tuple[DataSettings, str]:
    """Returns the data and the model that are asked for, or those of the run."""
    if request.run is None:
        return request.data, str(request.model.name)
    run = open_run(request.run)
    name = str(run.huggingface) if request.model.name == AUTO else request.model.name
    return read([str(run.plan)], Settings).data, name


def _vocabulary(model: str, display: Display) -> Any:
    """Finds the word pieces of a model; where the one that nobody asked for is nowhere, lengths are not measured."""
    from tfclassify.checkup.data.material import Vocabulary
    from tfclassify.model.weights import encoder_size, find, lower_case

    name = "minilm" if model == AUTO else model
    try:
        found = find(name, cache=cache_folder())
    except UsageError as error:
        if model != AUTO:
            raise
        display.say(f"lengths in tokens are not measured: {error}")
        return None
    return Vocabulary(name, found.vocabulary, lower_case(found), encoder_size(found))


def _data_page(
    material: Any, data: DataSettings, known: Mapping[str, Any], findings: list[Finding], left_out: Mapping[str, str]
) -> str:
    from tfclassify.checkup.data.folds import out_of_fold
    from tfclassify.checkup.data.mislabelled import confusions
    from tfclassify.checkup.page import data_page
    from tfclassify.quality.report.pictures.confusion import confusion_matrix

    judged = None if "confused_labels" in left_out else out_of_fold(material)
    drawn = None if judged is None or judged.multilabel else confusion_matrix(confusions(judged), judged.labels)
    lengths = material.statistics.splits["train"].lengths
    name = data_name(str(data.train))
    return data_page(name, known, findings, left_out=left_out, lengths=lengths, confusions=drawn)


def _write(output: str, page: str, values: Mapping[str, Any]) -> Path:
    folder = Path(output).expanduser()
    try:
        write_json(folder / "doctor.json", values)
        write_text(folder / "doctor.html", page)
    except OSError as error:
        raise UsageError(f"output={folder} cannot be written: {error.strerror}") from error
    return folder / "doctor.html"
