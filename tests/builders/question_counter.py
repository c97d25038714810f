"""Record what is asked of databases, to test how many questions a page or a command needs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from graph.connection.database import Database
from graph.cypher.models import MODELS
from tests.builders.query_texts import TEXTS

NAMES = {text: name for name, text in TEXTS.items()}
HIDING = ("FLAGS", "SENSITIVE", "ALL_FLAGS", "HIDDEN_TEXTS")  # texts that ask what is hidden


@dataclass(frozen=True)
class Question:
    """A query text and its parameters, as text."""

    text: str
    parameters: str

    @property
    def name(self) -> str:
        """The text's name in graph/cypher, or the text where it has none."""
        return NAMES.get(self.text, self.text)


@contextmanager
def recorded_questions() -> Iterator[list[Question]]:
    """Record every question to any database while the block runs, from all threads of this process.

    A `read` that `reading_once` answers from memory asks nothing, and is not recorded.
    """
    questions = list[Question]()
    with ExitStack() as stack:
        for verb in ("_read", "write", "write_idempotent", "query"):
            stack.enter_context(patch.object(Database, verb, _recording(getattr(Database, verb), questions)))
        yield questions


def _recording(method: Callable[..., Any], questions: list[Question]) -> Callable[..., Any]:
    def record(database: Database, text: str, *positional: Any, **named: Any) -> Any:
        questions.append(Question(text, repr((positional, sorted(named.items(), key=lambda item: item[0])))))
        return method(database, text, *positional, **named)

    return record


def surplus(questions: list[Question]) -> list[str]:
    """Return the names of the questions that were asked too often.

    These are models more than once, what is hidden more than twice, and any question that was asked before.
    """
    models = [question for question in questions if question.text == MODELS]
    hiding = [question for question in questions if question.name in HIDING]
    repeated = [question for place, question in enumerate(questions) if question in questions[:place]]
    return [question.name for question in (*models[1:], *hiding[2:], *repeated)]
