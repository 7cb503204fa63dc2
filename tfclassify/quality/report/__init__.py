"""The report of a run: one page with pictures that needs nothing beside it, and a model card."""

from tfclassify.quality.report.card import card
from tfclassify.quality.report.page import page
from tfclassify.quality.report.story import Story

__all__ = ["Story", "card", "page"]
