"""Judging a classifier: metrics with intervals, calibration, a baseline to beat, and the pages that say so."""
