"""The command line: words to settings, a verb's function, its result on standard output, progress on standard error."""

from tfclassify.command_line.running import main
from tfclassify.command_line.verbs import VERBS

__all__ = ["VERBS", "main"]
