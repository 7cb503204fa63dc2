"""What is fitted on the validation rows once the network stands: temperature, and thresholds of labels and of scope."""

from __future__ import annotations

from dataclasses import replace

from tfclassify.learning.trained import Trained
from tfclassify.quality.calibration import scope_score, scores
from tfclassify.quality.predictions import Predictions, in_scope
from tfclassify.quality.temperature import fit_temperature
from tfclassify.quality.thresholds import best_threshold, scope_threshold

BY_VALIDATION = "validation"


def calibrated(trained: Trained, predictions: Predictions) -> Trained:
    """Fits the temperature of the scores and the thresholds of labels and scope, as far as the plan asks for it.

    Args:
        trained: the classifier.
        predictions: of the validation rows, with the logits that are to be read.
    """
    asked, several = trained.settings.answer, trained.labels.multilabel
    temperature, threshold, scope = trained.temperature, trained.threshold, trained.scope_threshold
    if asked.calibrate == "temperature":
        temperature = fit_temperature(predictions.logits, predictions.truth, multilabel=several)
    if asked.thresholds == BY_VALIDATION and several:
        calibrated = scores(predictions.logits, temperature=temperature, multilabel=several)
        threshold = best_threshold(calibrated, predictions.truth)
    if asked.scope != "none":
        inside = in_scope(predictions)
        scope = scope_threshold(scope_score(predictions.logits[inside], temperature), asked.scope)
    return replace(trained, temperature=temperature, threshold=threshold, scope_threshold=scope)
