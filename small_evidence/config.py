"""The choices of a review: names that changed between versions."""

from __future__ import annotations

from collections.abc import Mapping

from small_evidence import ReviewError

# Keys that had another name in version 0.1.0: old name and new, by section.
RENAMED_KEYS = {
    "grading": {"reference_line": "response_threshold"},
    "synthesis": {"least_studies": "min_studies", "least_arm": "min_arm_size", "level": "conf_level"},
}


def with_present_keys(config: Mapping) -> dict:
    """The config of an older version under the names that its keys have now."""
    return {
        section: {RENAMED_KEYS.get(section, {}).get(key, key): value for key, value in choices.items()}
        for section, choices in config.items()
    }


def refuse_renamed_keys(config: Mapping) -> None:
    """Name the new key for each key that had another name in an older version.

    Raises
    ------
    ReviewError: the config has such keys
    """
    old = [
        f"{section}: {key} is now called {new}"
        for section, renamed in RENAMED_KEYS.items()
        for key, new in renamed.items()
        if key in (config.get(section) or {})
    ]
    if old:
        raise ReviewError("config/config.yaml, " + "; ".join(old))
