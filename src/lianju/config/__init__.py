"""Every setting of every verb: what it means, its range, its default. Loads without torch.

A recipe is a YAML file of these settings. What it leaves out has the default written here;
`--set section.name=value` on the command line overrides both.
"""

from lianju.config.loading import (
    changed,
    from_flags,
    load_settings,
    parse_assignments,
    recipe_names,
    setting_names,
    validate,
    writing_settings,
)
from lianju.config.messages import short
from lianju.config.prompt_texts import INSTRUCTION, SYSTEM, PromptTexts
from lianju.config.settings import (
    FREE_LENGTH,
    MOST_SHOTS,
    DataSettings,
    DecodeSettings,
    LoraSettings,
    ModelSettings,
    PromptSettings,
    PromptStyle,
    RunSettings,
    ServeSettings,
    Settings,
    TrainSettings,
)
from lianju.config.verse import OPEN_RHYME, VerseSettings

__all__ = [
    "FREE_LENGTH",
    "INSTRUCTION",
    "MOST_SHOTS",
    "OPEN_RHYME",
    "SYSTEM",
    "DataSettings",
    "DecodeSettings",
    "LoraSettings",
    "ModelSettings",
    "PromptSettings",
    "PromptStyle",
    "PromptTexts",
    "RunSettings",
    "ServeSettings",
    "Settings",
    "TrainSettings",
    "VerseSettings",
    "changed",
    "from_flags",
    "load_settings",
    "parse_assignments",
    "recipe_names",
    "setting_names",
    "short",
    "validate",
    "writing_settings",
]
