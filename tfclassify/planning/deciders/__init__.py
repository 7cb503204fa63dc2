"""One decider per question, in the order in which they are asked: a later one sees what earlier ones decided."""

from tfclassify.planning.deciders.batches import BATCHES, LENGTH
from tfclassify.planning.deciders.learning import LEARNING
from tfclassify.planning.deciders.machine import MACHINE
from tfclassify.planning.deciders.routes import ROUTES
from tfclassify.planning.deciders.task import TASK
from tfclassify.planning.deciders.windows import WINDOWS
from tfclassify.planning.facts import Decider

DECIDERS: dict[str, Decider] = {**TASK, **ROUTES, **MACHINE, **LENGTH, **WINDOWS, **BATCHES, **LEARNING}
