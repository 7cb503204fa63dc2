"""The verbs: what each can be told, where its function is, and how its result is shown."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from tfclassify.settings import (
    DoctorRequest,
    EvaluateRequest,
    ExportRequest,
    InspectRequest,
    PlanRequest,
    PredictRequest,
    ServeRequest,
    Settings,
)


@dataclass(frozen=True)
class Verb:
    """A verb: what it can be told, its function, a summary in a line, an example, and what shows its result.

    Functions are named as ``module:function`` and imported when the verb is run: help must not wait for TensorFlow.
    ``tensorflow`` says whether it is loaded before, without its start-up messages.
    """

    request: type[BaseModel]
    function: str
    summary: str
    example: str
    show: str
    tensorflow: bool = True


VERBS: dict[str, Verb] = {
    "plan": Verb(
        PlanRequest,
        "tfclassify.plan:plan",
        "say what would be trained, why, and what it would cost; train nothing",
        "data.train=reviews.csv",
        "tfclassify.command_line.showing:show_plan",
    ),
    "train": Verb(
        Settings,
        "tfclassify.train:train",
        "plan, fine-tune, judge and report; leaves a run",
        "data.train=reviews.csv run=runs/reviews",
        "tfclassify.command_line.showing:show_run",
    ),
    "evaluate": Verb(
        EvaluateRequest,
        "tfclassify.evaluate:evaluate",
        "judge a run on its own test rows, or on others",
        "run=runs/reviews data.test=new.csv",
        "tfclassify.command_line.showing:show_evaluation",
    ),
    "predict": Verb(
        PredictRequest,
        "tfclassify.predict:predict",
        "answer the rows of a file or a pipe, of any size",
        "run=runs/reviews input=new.csv output=answers.csv",
        "tfclassify.command_line.showing:show_prediction",
    ),
    "export": Verb(
        ExportRequest,
        "tfclassify.export:export",
        "write one SavedModel, raw text in and answers out, proven before it ships",
        "run=runs/reviews output=saved_models/reviews",
        "tfclassify.command_line.showing:show_export",
    ),
    "inspect": Verb(
        InspectRequest,
        "tfclassify.inspect:inspect",
        "show what is in an exported classifier: stages, costs, ops, signatures",
        "servable=saved_models/reviews output=inspection",
        "tfclassify.command_line.showing:show_inspection",
    ),
    "doctor": Verb(
        DoctorRequest,
        "tfclassify.doctor:doctor",
        "say what is wrong with data, or without data with the installation, and what deals with it",
        "data.train=reviews.csv output=checkup",
        "tfclassify.command_line.showing:show_checkup",
        # One of the things that may be wrong is that it cannot be imported.
        tensorflow=False,
    ),
    "serve": Verb(
        ServeRequest,
        "tfclassify.serve:serve",
        "answer requests over REST and gRPC, as TensorFlow Serving does",
        "models=reviews:saved_models/reviews",
        "tfclassify.command_line.showing:show_served",
    ),
}
