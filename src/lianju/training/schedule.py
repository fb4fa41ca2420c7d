"""The learning rate: it rises in a straight line, then falls along a cosine to zero."""

import math

from lianju.config import TrainSettings


def warmup_steps(steps: int, settings: TrainSettings) -> int:
    """In how many of so many steps the learning rate rises."""
    return max(1, round(settings.warmup * steps)) if settings.warmup else 0


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """The rate at `step` (from 0): linear warm-up, then a cosine down to zero."""
    rising = warmup_steps(steps, settings)
    if step < rising:
        return settings.learning_rate * ((step + 1) / rising)
    done = (step - rising) / max(1, steps - rising)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
