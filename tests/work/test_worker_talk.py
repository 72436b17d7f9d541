"""What worker and parent say arrives as it was said, and nonsense is known as such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_backend.camera import Camera
from vlogger_backend.request import Body, Request, Style
from vlogger_backend.work.task import (
    Advanced,
    Animate,
    Cancelled,
    CurvesDone,
    Done,
    Failed,
    FileDone,
    FrameDone,
    MakeCharacter,
    MakeProducts,
    PreviewDone,
    Render,
)
from vlogger_backend.work.wire import Begun, cancel_line, message_line, read_command, read_message, run_line

text = st.text(max_size=30)
part = st.floats(0, 1)
number = st.integers(0, 10**6)
paths = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20).map(Path)
bodies = st.builds(Body, age=part, height=part)
requests = st.builds(
    Request, text, st.none() | text, fps=st.floats(1, 240), seed=number, style=st.builds(Style, head=part), body=bodies
)
products = st.lists(st.sampled_from([".fbx", ".mp4"])).map(tuple)
still = (1.0, 0.0, 0.0, 0.1, 0.0, 1.0, 0.0, 1 / 3, 0.0, 0.0, 1.0, -2.5)
cameras = st.integers(1, 3).map(lambda count: Camera(64, 48, (still,) * count, (0.5,) * count))
tasks = (
    st.builds(Animate, paths, requests, paths, products, st.booleans())
    | st.builds(MakeProducts, paths, paths, paths, products)
    | st.builds(Render, paths, paths, cameras, st.none() | bodies, number, st.none() | number)
    | st.builds(MakeCharacter, paths, bodies)
)
messages = st.one_of(
    st.builds(Begun),
    st.builds(Advanced, text, part),
    st.builds(FileDone, text),
    st.builds(CurvesDone, number, number),
    st.builds(FrameDone, number),
    st.builds(PreviewDone),
    st.builds(Done, st.dictionaries(text, part | text | st.booleans())),
    st.builds(Failed, text, st.booleans(), text),
    st.builds(Cancelled),
)


@given(number, tasks)
def test_a_task_arrives_as_it_was_asked(run: int, task) -> None:
    line = run_line(run, task)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_command(line) == (run, task)
    assert read_command(cancel_line(run)) == (run, None)


@given(number, messages)
def test_a_message_arrives_as_it_was_told(run: int, message) -> None:
    line = message_line(run, message)
    assert line.count(b"\n") == 1
    assert read_message(line) == (run, message)


@given(st.binary())
def test_bytes_are_not_messages(line: bytes) -> None:
    assert read_message(line) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
)


@given(messages, st.data())
def test_a_message_with_one_thing_wrong_is_nonsense_or_another_message(message, data) -> None:
    said = json.loads(message_line(1, message))
    name = data.draw(st.sampled_from(sorted(said)))
    said[name] = data.draw(json_values)
    understood = read_message(json.dumps(said).encode())
    assert understood is None or message_line(*understood).strip() == json.dumps(said, separators=(",", ":")).encode()


@pytest.mark.parametrize("field", ["stage", "done", "run", "kind"])
def test_a_message_that_lacks_something_is_nonsense(field: str) -> None:
    said = json.loads(message_line(1, Advanced("Listening", 0.5)))
    del said[field]
    assert read_message(json.dumps(said).encode()) is None
    said[field], said["more"] = 1, 2
    assert read_message(json.dumps(said).encode()) is None
