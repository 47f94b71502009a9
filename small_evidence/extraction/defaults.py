"""What a review leaves out and what is taken for it: whole tables made from the rows of responses."""

import pandas as pd

from small_evidence.extraction.schema import SILENT, columns, humanise

# The outcome of a review that names none: its column `responders` counts responders.
RESPONSE = {
    "outcome": "response",
    "label": "Response",
    "event_singular": "had a response",
    "event_plural": "had a response",
    "noun_singular": "responder",
    "noun_plural": "responders",
}


def outcomes_of(responses: pd.DataFrame) -> pd.DataFrame:
    """The table outcomes of a review without one: a row for each outcome of its responses, in words made from it."""
    named = dict.fromkeys(slug for slug in responses["outcome"] if slug not in SILENT)
    rows = [RESPONSE if slug == RESPONSE["outcome"] else _outcome(slug) for slug in named]
    made = pd.DataFrame(rows, columns=columns("outcomes"))
    return made.assign(good="yes", unit="share").astype("str").assign(_row=range(2, len(made) + 2))


def _outcome(slug: str) -> dict[str, str]:
    label = humanise(slug)
    words = label.lower()
    return {
        "outcome": slug,
        "label": label,
        "event_singular": f"had {words}",
        "event_plural": f"had {words}",
        "noun_singular": f"patient with {words}",
        "noun_plural": f"patients with {words}",
    }
