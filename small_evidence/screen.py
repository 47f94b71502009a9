"""What a run shows: a line for each step that is done and, last of all, the errors or what the run made."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# What each rule did, in words
STEPS = {
    "check": "tables checked",
    "synthesise": "studies graded and pooled",
    "present": "tables, texts and report written",
    "draw": "figures drawn",
    "draw_figure": "figure drawn",
    "export": "files for the journal packed",
    "record": "record of the run written",
    "freeze": "release frozen",
    "publish_site": "site written",
    "archive": "archive written",
    "all": "every result is up to date",
}
# What a person opens first, in this order
TO_OPEN = (
    "results/report.html", "results/tables/table_iv.xlsx", "results/figures/summary_forest.pdf",
    "results/tables/awaiting.xlsx", "results/changes.md",
)  # fmt: skip
WRITTEN = ("results", "data/releases")
LOGS = Path("results/logs")
NAMED = 5  # files named one by one


class Screen(logging.Handler):
    """Shows a run of Snakemake; the last words are printed when Snakemake closes its log.

    Where Snakemake is silent (`quiet: all`), this also prints the steps, and what kept the run from starting.

    Attributes
    ----------
    workflow : of Snakemake
    since : float; seconds since the epoch when the run began
    is_silent : bool; whether Snakemake prints nothing itself
    rules : names of the rules by the number of their job, of the jobs that began
    logs : logs of the jobs that failed
    messages : what Snakemake reported as errors
    """

    def __init__(self, workflow: Any) -> None:
        from snakemake.settings.enums import Quietness  # type: ignore[import-untyped]  # has no types

        super().__init__()
        self.workflow = workflow
        self.since = time.time()
        self.is_silent = Quietness.ALL in (workflow.output_settings.quiet or ())
        self.rules: dict[int, str] = {}
        self.logs: list[str] = []
        self.messages: list[str] = []
        self.finished = ""
        self.is_complete = False
        self.is_closed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message of Snakemake."""
        from snakemake.common import NOTHING_TO_BE_DONE_MSG  # type: ignore[import-untyped]  # has no types
        from snakemake_interface_logger_plugins.common import LogEvent

        event, fields = getattr(record, "event", None), vars(record)
        if event == LogEvent.JOB_INFO:
            self.rules[fields["jobid"]] = fields["rule_name"]
        elif event == LogEvent.JOB_FINISHED:
            rule = self.rules.get(fields["job_id"], "")
            self.finished = STEPS.get(rule, rule.replace("_", " "))
        elif event == LogEvent.PROGRESS:
            self.is_complete = fields["done"] == fields["total"]
            if self.finished:
                seconds = time.time() - self.since
                self.show(f"{fields['done']} of {fields['total']}: {self.finished} ({seconds:.0f} s)")
        elif event == LogEvent.JOB_ERROR:
            self.logs += map(str, fields["log"])
        elif event == LogEvent.GROUP_ERROR:
            self.logs += [str(path) for job in fields["job_error_info"] for path in job["log"]]
        elif event == LogEvent.ERROR and fields.get("exception") == "MissingRuleException":
            self.messages += self._unknown_targets()
        elif event == LogEvent.ERROR and fields.get("exception") == "ProtectedOutputException":
            self.messages += _protected()
        elif event == LogEvent.ERROR:
            self.messages.append(record.getMessage())
        elif record.msg == NOTHING_TO_BE_DONE_MSG:
            self.show("Nothing to do: every result is up to date.")

    def show(self, line: str) -> None:
        """Print a line, where Snakemake does not."""
        if self.is_silent:
            print(line, flush=True)

    def close(self) -> None:
        """Print the last words, once."""
        super().close()
        if self.is_closed:
            return
        self.is_closed = True
        if self.is_complete:
            print(closing_words(self.since), flush=True)
        elif words := self._errors():
            print(words, file=sys.stderr, flush=True)

    def _errors(self) -> str:
        messages = "\n".join(self.messages) if self.is_silent else ""
        return errors_of(self.logs, self.since) or messages

    def _unknown_targets(self) -> Iterator[str]:
        """What was asked for and no rule makes, with the nearest file or rule."""
        from small_evidence.extraction.schema import nearest

        rules = list(self.workflow.rules)
        files = [str(path) for rule in rules if not rule.has_wildcards() for path in rule.output]
        for target in sorted(map(str, self.workflow.dag_settings.targets)):
            if not (self.workflow.is_rule(target) or any(rule.is_producer(target) for rule in rules)):
                near = nearest(target, [*files, *(rule.name for rule in rules)])
                yield f"{target}: no file or rule of this review" + (f"; nearest is {near}" if near else "")


def _protected() -> Iterator[str]:
    """Results that belong to another user or are protected, in one sentence."""
    paths = [path for folder in map(Path, WRITTEN) for path in sorted(folder.rglob("*")) if path.is_file()]
    protected = [path.as_posix() for path in paths if not os.access(path, os.W_OK)]
    if protected:
        more = f" (and {len(protected) - 1} more)" if len(protected) > 1 else ""
        yield f"{protected[0]}{more} is not yours to change; the results are as they were"


def closing_words(since: float) -> str:
    """What a run that began at `since` (seconds since the epoch) wrote, in one sentence."""
    new = sorted(path.as_posix() for path in _new_files(map(Path, WRITTEN), since) if LOGS not in path.parents)
    first = [path for path in TO_OPEN if path in new]
    if first:
        return f"Done. Open {', '.join(first)}."
    if not new:
        return "Done. The tables were checked; no result is new."
    more = len(new) - NAMED
    return f"Done. Written: {', '.join(new[:NAMED])}{f' and {more} more' if more > 0 else ''}."


def errors_of(logs: Iterable[str], since: float) -> str:
    """What the logs of failed jobs say that were written since (seconds since the epoch)."""
    paths = [path for path in map(Path, dict.fromkeys(logs)) if path.is_file() and path.stat().st_mtime >= since]
    texts = [path.read_text(encoding="utf-8").strip() for path in paths]
    return "\n\n".join(text for text in texts if text)


def _new_files(folders: Iterable[Path], since: float) -> list[Path]:
    paths = [path for folder in folders for path in folder.rglob("*")]
    return [path for path in paths if path.is_file() and path.stat().st_mtime >= since]
