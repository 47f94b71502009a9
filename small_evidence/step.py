"""How each step of the workflow begins, before it loads what it works with."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from small_evidence import ReviewError
from small_evidence.alone import join_run

GARBAGE = 100_000  # objects after which unused ones are sought; a step makes many that all stay to its end


def begin_step(log: str | Path) -> None:
    """Send what this process prints of errors to a log; of an error that people can correct, only its own words."""
    gc.set_threshold(GARBAGE)
    join_run()
    with Path(log).open("w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), sys.stderr.fileno())
    print_all = sys.excepthook
    sys.excepthook = lambda kind, error, trace: (
        print(error, file=sys.stderr) if isinstance(error, ReviewError) else print_all(kind, error, trace)
    )
