"""What this installation can do, and why not: looked at in a process of its own, since looking loads everything."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..doctor import MODELS, RENDERER, Finding, body_models
from ..errors import InputError

_LONGEST = 180.0
"""Seconds that the look may take on a machine that is busy."""


@dataclass(frozen=True)
class Gpu:
    """A graphics card, by the driver's own account; bytes of its memory."""

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class RendererAnswer:
    """Something that can paint shots, by the name that a painting gives. `missing` is what it lacks, if not ready."""

    name: str
    ready: bool
    detail: str
    missing: str


@dataclass(frozen=True)
class ModelAnswer:
    """A body model of the user's, or a person on one, by the name that a request's body gives.

    title, kind    : what model it is: `smplx`, `smplh`, `flame`
    person_on      : of a person, the name of the model that they are fitted to
    expression     : whether its face moves
    ready          : whether the model's file is where it was, and as large
    licence, terms : what its licence allows, in short, and the page that holds
    """

    name: str
    title: str
    kind: str
    person_on: str | None
    expression: bool
    ready: bool
    licence: str
    terms: str


@dataclass(frozen=True)
class Capabilities:
    parts: list[Finding]
    gpus: list[Gpu]
    renderers: list[RendererAnswer]
    models: list[ModelAnswer]


class Examiner:
    """Has the installation examined once, when it is first asked for, and remembers what was found.

    Body models come and go while the service runs, so they are looked up each time.
    """

    def __init__(self) -> None:
        self._examination: asyncio.Task[list[Finding]] | None = None

    async def capabilities(self) -> Capabilities:
        """What was found, the graphics memory that is free now, and the models that there are now."""
        if self._examination is None or (self._examination.done() and not _succeeded(self._examination)):
            self._examination = asyncio.create_task(_examine())
        found, gpus, models = await asyncio.gather(
            asyncio.shield(self._examination), _gpus(), asyncio.to_thread(_models)
        )
        parts = [models[0] if part.name == MODELS else part for part in found]
        renderers = [_renderer(part) for part in parts if part.name.startswith(RENDERER)]
        return Capabilities(parts, gpus, renderers, models[1])

    async def stop(self) -> None:
        """End an examination under way."""
        if self._examination is not None:
            self._examination.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._examination


def _renderer(part: Finding) -> RendererAnswer:
    return RendererAnswer(part.name.removeprefix(RENDERER), part.fine, part.detail, "" if part.fine else part.cost)


def _models() -> tuple[Finding, list[ModelAnswer]]:
    """The body models that are registered now, then the persons on them; a list that can't be read is a finding."""
    from ..avatars.licensed import shelf

    def told(model: shelf.Registered, person: shelf.Person | None = None) -> ModelAnswer:
        return ModelAnswer(
            person.name if person else model.name,
            model.title,
            model.kind,
            model.name if person else None,
            model.expression > 0,
            model.state == "there" and (person is None or person.sha256 == model.sha256),
            model.source.licence,
            model.source.terms,
        )

    try:
        entries, persons = shelf.registered(), shelf.persons()
    except InputError:
        return body_models(), []
    models = {entry.name: entry for entry in entries}
    people = [told(models[person.model], person) for person in persons if person.model in models]
    return body_models(), [*map(told, entries), *people]


async def _examine() -> list[Finding]:
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    output = await _output_of(
        sys.executable, "-P", "-m", "vlogger_backend.cli", "doctor", "--json", environment={"PYTHONPATH": path}
    )
    try:
        return [Finding(**finding) for finding in json.loads(output)]
    except (ValueError, TypeError):
        return [Finding("vlogger", False, "vlogger doctor ended without an answer", "run it by hand to see why")]


async def _gpus() -> list[Gpu]:
    """NVIDIA's cards; the driver's own tool is there wherever the driver is."""
    output = await _output_of(
        "nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"
    )
    gpus = []
    for line in output.decode(errors="replace").splitlines():
        name, *sizes = (part.strip() for part in line.rsplit(",", 2))
        with suppress(ValueError):
            total, free = (int(size) << 20 for size in sizes)
            gpus.append(Gpu(name, total, free))
    return gpus


async def _output_of(*command: str, environment: dict[str, str] | None = None) -> bytes:
    """What a program prints; nothing if it isn't there or takes too long. It ends with us."""
    null = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=null, stdout=asyncio.subprocess.PIPE, stderr=null, env={**os.environ, **(environment or {})}
        )
    except OSError:
        return b""
    try:
        async with asyncio.timeout(_LONGEST):
            return (await process.communicate())[0]
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _succeeded(task: asyncio.Task[list[Finding]]) -> bool:
    return not task.cancelled() and task.exception() is None
