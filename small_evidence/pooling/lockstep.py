"""Searches that ask questions, advanced together, so that what several ask at one time is answered at once."""

from collections.abc import Generator, Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)
Question = TypeVar("Question")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


def advance(
    searches: Mapping[Name, Generator[Question, Answer, Result]], answers: Mapping[Name, Answer | None]
) -> tuple[dict[Name, Question], dict[Name, Result]]:
    """Give each search its answer, None to begin it: what those that go on ask next, and what the others return."""
    asked: dict[Name, Question] = {}
    results: dict[Name, Result] = {}
    for name, answer in answers.items():
        try:
            asked[name] = next(searches[name]) if answer is None else searches[name].send(answer)
        except StopIteration as end:
            results[name] = end.value
    return asked, results
