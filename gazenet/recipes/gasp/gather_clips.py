"""The clips of a training: for the optimisation, for the scores during it, and for the test afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gazenet.config.training import TrainConfig
from gazenet.recipes.gasp.extract_cues import Extract, check_cues, choose_items, open_clips
from gazenet.recipes.gasp.gasp_samples import Clip
from gazenet.recipes.gasp.picture_clips import open_pictures


@dataclass(frozen=True)
class TrainingClips:
    """Clips by use. Those of the test show the test's own cues where the config names some."""

    train: Sequence[Clip]
    validation: Sequence[Clip]
    test: Sequence[Clip]


def find(config: TrainConfig) -> Callable[[Extract], TrainingClips]:
    """Find everything the config names, so that a wrong name ends a run before anything is computed or written.

    Return a function that opens the clips, making cue maps that the cache lacks. Both raise GazenetError.
    """
    data, test_cues = config.data, config.test_cues or config.cues
    size = config.input_size
    if data.frames_root is not None:
        training, held = (open_pictures(data, part, config.cues, size) for part in (data.train, data.validation))
        pictures = TrainingClips(training, held, open_pictures(data, data.test, test_cues, size))
        return lambda extract: pictures
    check_cues(config)
    chosen, validating, tested = (choose_items(config, part) for part in (data.train, data.validation, data.test))

    def opened(extract: Extract) -> TrainingClips:
        """Make the cue maps and open the clips."""
        both = open_clips(config, [*chosen, *validating], extract)
        test = open_clips(config.model_copy(update={"cues": test_cues}), tested, extract) if tested else []
        return TrainingClips(both[: len(chosen)], both[len(chosen) :], test)

    return opened
