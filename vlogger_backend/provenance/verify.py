"""What a file says of how it came to be: by its credentials, by the mark in its pixels, and in a plain sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors import InputError
from .credentials import Credentials, read_credentials
from .looking import files_in, pictures_of
from .reading import read_mark

_LONGEST = 300.0
"""Seconds; a file on which reading takes longer was made to do so."""
_MEMORY = 8 << 30
_LONGEST_WORD = 200


class Verdict(StrEnum):
    """What is to be thought of a file."""

    GENERATED = "generated"
    """Made by vlogger: its credentials, its mark, or both say so."""
    BROKEN = "broken"
    """Credentials and file don't fit each other: something was changed after signing, or credentials were moved."""
    OTHER = "other"
    """No sign of vlogger, but credentials of another program."""
    NONE = "none"
    """No sign, which proves nothing."""


@dataclass(frozen=True)
class Finding:
    """What was found in a file.

    credentials : of the file, None if there are none; of a folder, those of its frames if they all say the same
    mark        : the first 8 hexadecimal digits of the take's SHA-256 that the mark names, "" if none was found
    score       : of the mark, 0 if none was found; 11 and more is found (`reading.LEAST_SCORE`)
    verdict     : what is to be thought of it
    conclusion  : the same in a plain sentence
    """

    file: str
    credentials: Credentials | None
    mark: str
    score: float
    verdict: Verdict
    conclusion: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def verify(path: Path) -> Finding:
    """Look at a video, a picture, or a folder of frames, in a process of its own: a file that was made to do harm to
    those who read it does it to that process.

    Raises InputError if it can't be read.
    """
    files_in(path)
    command = [sys.executable, "-m", "vlogger_backend.provenance", str(path.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path} takes too long to read; it may be damaged. Look at a part of it.") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        if done.returncode > 0 and done.stderr and b"MemoryError" not in done.stderr:
            raise RuntimeError(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1]) from error
        raise InputError(
            f"{path} can't be read; it is damaged, or was made to do harm to those who read it."
        ) from error
    if "error" in answer:
        raise InputError(answer["error"].replace(str(path.absolute()), str(path)))
    said = answer["credentials"]
    credentials = Credentials(**{**said, "faults": tuple(said["faults"])}) if said else None
    return Finding(**{**answer, "file": str(path), "credentials": credentials, "verdict": Verdict(answer["verdict"])})


def examine(path: Path) -> Finding:
    """As `verify`, in this process."""
    files = files_in(path)
    credentials = _credentials_of(files)
    mark, score = "", 0.0
    try:
        groups = pictures_of(files)
    except InputError:
        if credentials is None or not credentials.generator:
            raise
        groups = []  # what holds broken credentials can't always be decoded
    for pictures in groups:
        if reading := read_mark(pictures):
            mark, score = reading.payload.take, round(reading.score, 1)
            break
    verdict, conclusion = _concluded(credentials, mark, any(groups))
    return Finding(str(path), credentials, mark, score, verdict, conclusion)


def answer(path: Path) -> str:
    """What the process of `verify` prints: a Finding, or an error, as JSON."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not on Windows; and not where less is allowed already
    try:
        return json.dumps(examine(path).to_json())
    except InputError as error:
        return json.dumps({"error": str(error)})


def _credentials_of(files: list[Path]) -> Credentials | None:
    """Of several files: those of the first if all say the same, else broken ones that say so."""
    found = [read_credentials(file) for file in files]
    first = next((one for one in found if one), None)
    if first is None:
        return None
    first = _printable(first)
    bad = next((one for one in found if one and not one.whole), None)
    if bad:
        return _printable(bad)
    without = sum(one is None for one in found)
    other = sum(one is not None and one.statement != first.statement for one in found)
    if without or other:
        faults = tuple(
            f"{count} of {len(found)} frames {what}"
            for count, what in ((without, "have no credentials"), (other, "say something else"))
            if count
        )
        return Credentials(False, first.known, first.generator, first.signer, first.source, first.statement, faults)
    return first


def _concluded(credentials: Credentials | None, mark: str, looked: bool) -> tuple[Verdict, str]:
    by_mark = f"the mark in its pixels names a take of vlogger's whose hash begins with {mark}" if mark else ""
    if credentials is None:
        if mark:
            return Verdict.GENERATED, f"Generated by vlogger: {by_mark}. It has no content credentials any more."
        return Verdict.NONE, "No sign of vlogger was found, which proves nothing."
    if not credentials.whole:
        also = f"; {by_mark}" if mark else ""
        if not credentials.generator:
            return Verdict.BROKEN, f"Its content credentials are too damaged to be read{also}."
        return (
            Verdict.BROKEN,
            f"Its content credentials, made by {credentials.generator}, are broken: the file was changed after it was "
            f"signed, or they are another's{also}.",
        )
    if not credentials.statement:
        if mark:
            return Verdict.GENERATED, f"Generated by vlogger: {by_mark}. Its credentials are {credentials.generator}'s."
        return Verdict.OTHER, (
            f"Its content credentials are whole, and were made by {credentials.generator or 'another program'}, not by "
            f"vlogger. No sign of vlogger was found, which proves nothing."
        )
    said = credentials.statement
    take = str(said.get("take", ""))
    if mark and not take.startswith(mark):
        return (
            Verdict.BROKEN,
            f"Its content credentials name the take {take[:8]}, the mark in its pixels another, {mark}: one of them "
            f"was put there afterwards.",
        )
    who = "this computer" if credentials.known else f'someone unknown here who calls himself "{credentials.signer}"'
    marked = "and the mark in its pixels agrees" if mark else _why_no_mark(said, looked)
    return Verdict.GENERATED, (
        f"Generated by vlogger from the take {take[:8]}…: its content credentials say so, are whole, and were signed "
        f"by {who}, {marked}."
    )


def _why_no_mark(said: dict[str, Any], looked: bool) -> str:
    if said.get("marked") is False:
        return "and it was made without a mark in its pixels, as they say"
    if not looked:
        return "but its pixels could not be looked at for the mark"
    return "but the mark that they speak of was not found in its pixels"


def _printable(credentials: Credentials) -> Credentials:
    """Without what would disturb a terminal, and of a length that can be read: a file may say anything."""
    return Credentials(
        credentials.whole,
        credentials.known,
        _word(credentials.generator),
        _word(credentials.signer),
        _word(credentials.source),
        {_word(name): _word(value) for name, value in list(credentials.statement.items())[:20]},
        tuple(_word(fault) for fault in credentials.faults[:20]),
    )


def _word(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    return "".join(letter if letter.isprintable() else " " for letter in str(value)[:_LONGEST_WORD])
