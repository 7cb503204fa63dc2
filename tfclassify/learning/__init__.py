"""Learning: objectives summed in one training step, the optimizer, the distribution strategy, and the fit."""
