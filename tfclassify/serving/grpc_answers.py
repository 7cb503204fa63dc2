"""The methods of TensorFlow Serving's PredictionService and ModelService, with its checks in its words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tfclassify.errors import UsageError
from tfclassify.serving.example_results import (
    INPUT,
    check_classify,
    check_regress,
    classifications,
    regressions,
    serialized_examples,
)
from tfclassify.serving.faults import client_text
from tfclassify.serving.grpc_calls import Answer, Call, Method
from tfclassify.serving.loaded import Tensors
from tfclassify.serving.models import Models
from tfclassify.serving.served import Outputs, Served
from tfclassify.serving.server_configs import model_configs
from tfclassify.serving.signatures import Signature
from tfclassify.serving.status import Code, Refusal
from tfclassify.serving.tensor_protos import read_tensor, write_tensor
from tfclassify.serving.version_state import State

DEFAULT_SIGNATURE = "serving_default"
SIGNATURE_DEF = "signature_def"
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
RELOAD_SECONDS = 600.0

Run = Callable[[str, Tensors], Awaitable[Outputs]]


@dataclass(frozen=True)
class _Lent:
    """A version that is lent to a call, how it is run, and the runs so far."""

    served: Served
    run: Run
    running: list[Future[Outputs]]

    def answer(self, response: Any, rows: int = 0) -> Answer:
        """Returns the answer, with what batching wrote onto the runs."""
        waited = [getattr(future, "queue_seconds", 0.0) for future in self.running]
        filled = [getattr(future, "batch_rows", 0) for future in self.running]
        version = self.served.loaded.version
        return Answer(response, version, rows, max(waited, default=0.0), max(filled, default=0))


async def predict(call: Call, request: Any) -> Answer:
    """Answers ``Predict``."""
    spec = _spec(request)
    with _lent(call, spec) as lent:
        name = spec.signature_name or DEFAULT_SIGNATURE
        signature = lent.served.loaded.signatures.get(name)
        if signature is None:
            raise Refusal(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        wanted = _filtered(signature, request.output_filter)
        inputs = {each: read_tensor(message, each) for each, message in request.inputs.items()}
        found = await lent.run(name, inputs)
        response = predict_pb2.PredictResponse()
        _describe(response.model_spec, lent.served, name)
        for each in wanted:
            response.outputs[each].CopyFrom(write_tensor(found[each]))
        return lent.answer(response, _rows(inputs))


async def classify(call: Call, request: Any) -> Answer:
    """Answers ``Classify``."""
    spec = _spec(request)
    with _lent(call, spec) as lent:
        response = classification_pb2.ClassificationResponse()
        rows = await _classify(lent, spec, request.input, response.result)
        _describe(response.model_spec, lent.served, spec.signature_name)
        return lent.answer(response, rows)


async def regress(call: Call, request: Any) -> Answer:
    """Answers ``Regress``."""
    spec = _spec(request)
    with _lent(call, spec) as lent:
        response = regression_pb2.RegressionResponse()
        rows = await _regress(lent, spec, request.input, response.result)
        _describe(response.model_spec, lent.served, spec.signature_name)
        return lent.answer(response, rows)


async def multi_inference(call: Call, request: Any) -> Answer:
    """Answers ``MultiInference``: classify and regress of one model, by several signatures, on the same examples."""
    if not request.tasks or not request.tasks[0].model_spec.name:
        raise _invalid("ModelSpec has no name specified.")
    _check_tasks(request.tasks)
    with _lent(call, request.tasks[0].model_spec) as lent:
        response = inference_pb2.MultiInferenceResponse()
        results = [response.results.add() for _ in request.tasks]
        rows = await asyncio.gather(
            *(_task(lent, task, request.input, result) for task, result in zip(request.tasks, results, strict=True))
        )
        return lent.answer(response, rows[0])


async def model_metadata(call: Call, request: Any) -> Answer:
    """Answers ``GetModelMetadata``."""
    spec = _spec(request, named=False)
    if not request.metadata_field:
        raise _invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise _invalid(f"Metadata field {field} is not supported")
    with _lent(call, _named(spec)) as lent:
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _describe(response.model_spec, lent.served, "")
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in lent.served.loaded.definitions.items():
            definitions.signature_def[name].CopyFrom(definition)
        response.metadata[SIGNATURE_DEF].Pack(definitions)
        return lent.answer(response)


async def model_status(call: Call, request: Any) -> Answer:
    """Answers ``GetModelStatus``; as in the stock server a label is not looked at."""
    spec = _spec(request, named=False)
    version = spec.version.value if spec.HasField("version") else None
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in call.models.statuses(spec.name, version):
        row = response.model_version_status.add(version=status.version)
        row.state = get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
        row.status.error_code = int(Code[status.error_code])
        row.status.error_message = status.error_message
    return Answer(response)


async def reload_config(call: Call, request: Any) -> Answer:
    """Answers ``HandleReloadConfigRequest``, once the new models have been loaded."""
    if request.config.WhichOneof("config") != "model_config_list":
        raise _invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    try:
        configs = model_configs(request.config)
    except UsageError as error:
        raise _invalid(client_text(str(error))) from error
    seconds = RELOAD_SECONDS if call.deadline is None else max(0.0, call.deadline - time.monotonic())
    await asyncio.to_thread(call.models.reconfigure, configs, wait_seconds=min(seconds, RELOAD_SECONDS))
    _check_reloaded(call.models)
    response = model_management_pb2.ReloadConfigResponse()
    response.status.SetInParent()
    return Answer(response)


def _named_model(request: Any) -> str:
    return request.model_spec.name


def _model_of_tasks(request: Any) -> str:
    return request.tasks[0].model_spec.name if request.tasks else ""


def _no_model(request: Any) -> str:
    return ""


PREDICTION_METHODS = (
    Method("Predict", "predict", _named_model, predict),
    Method("Classify", "predict", _named_model, classify),
    Method("Regress", "predict", _named_model, regress),
    Method("MultiInference", "predict", _model_of_tasks, multi_inference),
    Method("GetModelMetadata", "metadata", _named_model, model_metadata),
)
MODEL_METHODS = (
    Method("GetModelStatus", "metadata", _named_model, model_status),
    Method("HandleReloadConfigRequest", "admin", _no_model, reload_config),
)


@contextmanager
def _lent(call: Call, spec: Any) -> Iterator[_Lent]:
    """Lends a version until the last run has ended, though the call may end before."""
    kind = spec.WhichOneof("version_choice")
    version = spec.version.value if kind == "version" else None
    label = spec.version_label if kind == "version_label" else None
    held, running = ExitStack(), list[Future[Outputs]]()
    served = held.enter_context(call.models.use(spec.name, version=version, label=label))

    async def run(signature: str, inputs: Tensors) -> Outputs:
        future = served.submit(signature, inputs, call.deadline)
        running.append(future)
        return await asyncio.wrap_future(future)

    try:
        yield _Lent(served, run, running)
    finally:
        _when_all_ended(running, held.close)


def _when_all_ended(futures: Sequence[Future[Outputs]], then: Callable[[], None]) -> None:
    left, ended = [future for future in futures if not future.done()], count(1)
    if not left:
        then()
    for future in left:
        future.add_done_callback(lambda _: then() if next(ended) == len(left) else None)


def _spec(request: Any, *, named: bool = True) -> Any:
    if not request.HasField("model_spec"):
        raise _invalid("Missing ModelSpec")
    return _named(request.model_spec) if named else request.model_spec


def _named(spec: Any) -> Any:
    if not spec.name:
        raise _invalid("ModelSpec has no name specified.")
    return spec


def _describe(spec: Any, served: Served, signature_name: str) -> None:
    spec.name, spec.version.value = served.loaded.name, served.loaded.version
    spec.signature_name = signature_name


def _filtered(signature: Signature, wanted: Sequence[str]) -> list[str]:
    """Returns the outputs to answer with: those asked for, or all."""
    for place, name in enumerate(wanted):
        if name not in signature.outputs:
            known = ",".join(sorted(signature.outputs))
            raise _invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{known}}}."
            )
        if name in wanted[:place]:
            raise _invalid(f"duplicate output tensor alias: {name}")
    return list(wanted) or list(signature.outputs)


def _rows(inputs: Tensors) -> int:
    return max((len(value) for value in inputs.values() if value.ndim), default=1)


async def _classify(lent: _Lent, spec: Any, examples: Any, result: Any) -> int:
    name = _example_signature(lent.served, spec, check_classify)
    serialized = serialized_examples(examples)
    found = await lent.run(name, {INPUT: serialized})
    for pairs in classifications(found, len(serialized)):
        row = result.classifications.add()
        for label, score in pairs:
            row.classes.add(label=label, score=score)
    return len(serialized)


async def _regress(lent: _Lent, spec: Any, examples: Any, result: Any) -> int:
    name = _example_signature(lent.served, spec, check_regress)
    serialized = serialized_examples(examples)
    found = await lent.run(name, {INPUT: serialized})
    for value in regressions(found, len(serialized)):
        result.regressions.add(value=value)
    return len(serialized)


def _example_signature(served: Served, spec: Any, check: Callable[[Signature], None]) -> str:
    name = spec.signature_name or DEFAULT_SIGNATURE
    signature = served.loaded.signatures.get(name)
    if signature is None:
        raise _invalid(f"No signature was found with the name: {name}")
    check(signature)
    return name


async def _task(lent: _Lent, task: Any, examples: Any, result: Any) -> int:
    _describe(result.model_spec, lent.served, task.model_spec.signature_name)
    if task.method_name == CLASSIFY:
        return await _classify(lent, task.model_spec, examples, result.classification_result)
    return await _regress(lent, task.model_spec, examples, result.regression_result)


def _check_tasks(tasks: Sequence[Any]) -> None:
    names: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise _invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise _invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in names:
            raise _invalid(f"Duplicate evaluation of signature: {name}")
        names.add(name)
        if task.method_name not in (CLASSIFY, REGRESS):
            raise Refusal(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")


def _check_reloaded(models: Models) -> None:
    missing = [name for name in models.names() if not _answers(models, name)]
    if missing:
        raise Refusal(Code.UNKNOWN, f"{len(missing)} servable(s) did not become available: {{{', '.join(missing)}}}")
    for name, _, version in models.waiting_labels():
        raise Refusal(
            Code.FAILED_PRECONDITION,
            f"Request to assign label to version {version} of model {name}, "
            "which is not currently available for inference",
        )


def _answers(models: Models, name: str) -> bool:
    try:
        return any(status.state == State.AVAILABLE for status in models.statuses(name))
    except Refusal:
        return False


def _invalid(message: str) -> Refusal:
    return Refusal(Code.INVALID_ARGUMENT, message)
