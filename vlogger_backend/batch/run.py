"""Running a batch: what is missing is made, by whatever makes it; then everything is reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from itertools import chain
from pathlib import Path

from ..animate import models_behind
from ..errors import InputError
from .board import Board
from .lines import Script
from .local import Watch
from .making import Result, Status, Todo, examine, failed, unchanged
from .report import Summary, write_report

Maker = Callable[[Sequence[Todo], Watch], Iterator[Result]]
"""Makes lines, on this machine or on many."""


def run_batch(
    script: Script, folder: Path, products: Sequence[str], again: bool, make: Maker, board: Board
) -> tuple[Result, ...]:
    """Make the lines of a script into `folder`: a take each, and `products` (suffixes), with a report of it all.

    What is there and unchanged stays, unless `again`. Ctrl-C is raised again when the report is written; what is
    finished by then is kept.

    Raises InputError if the folder can't be written.
    """
    began, started = datetime.now(), time.perf_counter()
    results = {line.number: Result(line, Status.LEFT) for line in script.lines}

    def report() -> None:
        summary = Summary(script.path.name, began, time.perf_counter() - started)
        write_report(folder, tuple(results.values()), summary)

    try:
        todos, refused = [], []
        behind = cache(partial(models_behind, progress=board.preparing))
        for i, line in enumerate(script.lines):
            board.looked(i, len(script.lines))
            try:
                todo = examine(line, folder, products, again, behind(line.request.body))
            except InputError as error:
                refused.append(failed(line, str(error)))
                continue
            if todo.wanted:
                todos.append(todo)
            else:
                results[line.number] = unchanged(todo)
        board.begins(len(script.lines), len(script.lines) - len(todos) - len(refused))
        for result in chain(refused, make(todos, board.at_work) if todos else ()):
            results[result.line.number] = result
            board.ended(result)
    except KeyboardInterrupt:
        report()
        raise
    report()
    return tuple(results.values())
