"""Running a batch: what it leaves, what it does the second time, and what survives when something goes wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from batch_files import Run, contents, read_report, times, write_table
from licensed_files import small_model, write_model
from spoken import LINE

from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.batch.lines import read_script
from vlogger_backend.batch.local import make_here
from vlogger_backend.batch.making import Status, Todo, examine
from vlogger_backend.errors import InputError
from vlogger_backend.motion.take import read_meta, read_take
from vlogger_backend.speech.voice import is_spoken

COMMAND = [sys.executable, "-c", "from vlogger_backend.cli import main; main()", "batch"]


def no_watch(todo: Todo, stage: str, done: float) -> None: ...


def test_a_table_becomes_takes_and_only_what_changes_is_made_again(
    run: Run, line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(line, tmp_path / "line.wav")
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    rows = [
        ("line.wav", LINE, "act1/line", 12),
        ("", "Good morning.", "act1/morning", 12),
        ("broken.wav", "", "broken", 12),
        ("line.wav", "Something else is written here.", "wrong", 12),
    ]
    out = tmp_path / "lines-takes"

    assert run(write_table(tmp_path, rows), "--products", "glb", "--workers", 2, "--json") == 2
    shown = capsys.readouterr()
    first = {result["output"]: result for result in json.loads(shown.out)}
    assert [result["status"] for result in first.values()] == ["made", "made", "failed", "failed"]
    assert "broken.wav" in shown.err
    assert "2 of 4 done, 2 failed" in shown.err
    assert set(contents(out)) == {
        "act1/line.npz", "act1/line.glb", "act1/morning.wav", "act1/morning.npz", "act1/morning.glb",
    }  # fmt: skip
    assert read_take(out / "act1" / "line.npz").request.text == LINE
    assert read_meta(out / "act1" / "morning.npz").method == "aligned"
    assert is_spoken(out / "act1" / "morning.wav")
    assert read_report(out)["act1/line"]["status"] == "made"
    assert float(read_report(out)["act1/line"]["seconds"]) == pytest.approx(first["act1/line"]["seconds"])
    assert "line.wav" in read_report(out)["wrong"]["error"]
    assert "act1/morning" in (out / "report.html").read_text("utf-8")

    made = times(out)
    assert run(write_table(tmp_path, rows[:2]), "--products", "glb") == 0
    assert "2 of 2 done (2 unchanged)" in capsys.readouterr().err
    assert times(out) == made
    assert {row["status"] for row in read_report(out).values()} == {"unchanged"}
    assert float(read_report(out)["act1/morning"]["seconds"]) == pytest.approx(first["act1/morning"]["seconds"])

    (out / "act1" / "line.glb").unlink()
    rows[1] = ("", "Good evening.", "act1/morning", 12)
    assert run(write_table(tmp_path, rows[:2]), "--products", "glb", "-q") == 0
    again = times(out)
    assert {path for path in again if again[path] != made[path]} == {
        "act1/line.glb", "act1/morning.wav", "act1/morning.npz", "act1/morning.glb",
    }  # fmt: skip
    assert read_meta(out / "act1" / "morning.npz").request.text == "Good evening."

    before = contents(out)
    assert run(write_table(tmp_path, rows[:2]), "--products", "glb", "-q", "--again") == 0
    assert contents(out) == before, "the same request gives the same bytes"
    assert all(moment > again[path] for path, moment in times(out).items())


def test_what_a_line_needs_is_told_by_its_files_alone(run: Run, line: Path, tmp_path: Path) -> None:
    shutil.copy(line, tmp_path / "line.wav")
    out = tmp_path / "lines-takes"
    table = write_table(tmp_path, [("line.wav", "", "a", 12), ("", "Good morning.", "b", 12)])
    assert run(table, "-q") == 0
    a, b = read_script(table, out, None, ()).lines

    def wanted(products: Sequence[str] = ()) -> list[tuple[str, ...]]:
        return [examine(each, out, products, again=False).wanted for each in (a, b)]

    assert wanted() == [(), ()]
    assert wanted([".glb"]) == [(".glb",), (".glb",)]
    for name in "ab":
        (out / f"{name}.glb").write_bytes(b"")
    os.utime(out / "a.glb", (0, 0))
    assert wanted([".glb"]) == [(".glb",), ()], "older than its take"
    (out / "a.npz").write_bytes((out / "a.npz").read_bytes()[:-100])
    assert wanted([".glb"]) == [(".npz", ".glb"), ()], "damaged"
    with open(out / "b.wav", "rb+") as file:
        file.seek(10_000)
        file.write(b"\1\2")
    assert wanted() == [(".npz",), (".npz",)], "the sound was edited"


def test_another_model_makes_another_take(
    run: Run, line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    shutil.copy(line, tmp_path / "line.wav")
    table, out = tmp_path / "lines.csv", tmp_path / "lines-takes"
    table.write_text("audio,body,output\nline.wav,anna,a\nline.wav,,b\n")

    def register(seed: int) -> None:
        file = write_model(tmp_path / f"{seed}_SMPLH_FEMALE.npz", small_model("smplh", 16, seed), "npz")
        (tmp_path / f"{1 - seed}_SMPLH_FEMALE.npz").unlink(missing_ok=True)
        shelf.add(file, "anna")

    register(0)
    assert run(table, "-q", "--workers", 1) == 0
    first = contents(out)
    assert run(table, "-q", "--workers", 1) == 0
    assert [row["status"] for row in read_report(out).values()] == ["unchanged", "unchanged"]
    register(1)
    assert run(table, "-q", "--workers", 1) == 0
    assert [row["status"] for row in read_report(out).values()] == ["made", "unchanged"]
    assert contents(out)["a.npz"] != first["a.npz"]
    (tmp_path / "1_SMPLH_FEMALE.npz").unlink()
    assert run(table, "-q") == 2, "the model is gone"


def test_checking_makes_nothing(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path, [("", "Good morning.", "a", 24), ("", "Good evening.", "b", 24)])
    assert run(table, "--check") == 0
    assert "2 lines, 2 for the offline voice" in capsys.readouterr().err
    write_table(tmp_path, [("none.wav", "", "a", 24), ("", "Good evening.", "../b", 0)])
    assert run(table, "--check", "--json") == 2
    shown = capsys.readouterr()
    assert [(p["line"], p["column"]) for p in json.loads(shown.out)["problems"]] == [
        (2, "audio"), (3, "fps"), (3, "output"),
    ]  # fmt: skip
    assert "3 things have to be mended first" in shown.err
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--products", "fbx,obj"], "obj is unknown"),
        (["--gpus", "0.5"], "--cluster"),
        (["--characters", "none.toml"], "none.toml can't be read"),
        (["-o", "lines.csv"], "can't be written"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(
    run: Run, options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path, [("", "Good morning.", "a", 24)])
    assert run("lines.csv", *options, "-q") == 2
    shown = capsys.readouterr().err.strip()
    assert says in shown
    assert len(shown.splitlines()) == 1


def todos_of(folder: Path, names: str) -> list[Todo]:
    """Lines that are spoken, short and simple."""
    table = write_table(folder, [("", f"Good morning, {name}.", name, 12) for name in names])
    out = folder / "out"
    return [examine(each, out, (), again=False) for each in read_script(table, out, None, ()).lines]


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if any("work.child" in part for part in child.cmdline())]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise there")
def test_a_crash_takes_its_line_alone_and_not_at_the_first_time(tmp_path: Path) -> None:
    left = {"a": 1, "b": 2}  # how often the worker of each line is killed

    def kill(todo: Todo, stage: str, done: float) -> None:
        if stage == "Listening" and left.get(todo.line.name, 0):
            left[todo.line.name] -= 1
            for worker in workers_of(psutil.Process()):
                worker.kill()

    todos = todos_of(tmp_path, "abc")
    results = {r.line.name: r for r in make_here(todos, kill, folder=tmp_path / "out", workers=1)}
    assert {name: result.status for name, result in results.items()} == {
        "a": Status.MADE, "b": Status.FAILED, "c": Status.MADE,
    }  # fmt: skip
    assert "second time" in results["a"].warnings[0]
    assert "ended by the system" in results["b"].error
    assert results["b"].exit_code == 1
    assert set(contents(tmp_path / "out")) == {"a.wav", "a.npz", "b.wav", "c.wav", "c.npz"}
    assert not workers_of(psutil.Process())


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    results = make_here(todos_of(tmp_path, "abcdef"), no_watch, folder=tmp_path / "out", workers=2)
    first = next(results)
    results.close()
    assert first.status is Status.MADE
    assert not workers_of(psutil.Process())
    assert not list((tmp_path / "out").glob(".*"))


def test_two_batches_do_not_share_a_folder_and_a_dead_one_leaves_nothing(tmp_path: Path) -> None:
    todos = todos_of(tmp_path, "ab")
    results = make_here(todos, no_watch, folder=tmp_path / "out", workers=1)
    next(results)
    with pytest.raises(InputError, match="Another batch"):
        next(make_here(todos, no_watch, folder=tmp_path / "out", workers=1))
    [work] = (tmp_path / "out").glob(".batch-*")
    dead = work.with_name(f"{work.name.rpartition('-')[0]}-1")  # our number, but of a process that began in 1970
    dead.mkdir()
    (dead / "half").write_bytes(b"")
    results.close()
    list(make_here(todos[:1], no_watch, folder=tmp_path / "out", workers=1))
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole consoles only")
def test_a_stopped_batch_keeps_what_is_finished_and_goes_on_the_next_time(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    rows = [("", f"Good morning, {name}.", name, 12) for name in "abcdefghijkl"]
    rows.insert(4, ("broken.wav", "", "broken", 12))
    table, out = write_table(tmp_path, rows), tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, str(table), "-o", str(out), "--workers", "2"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for said in process.stderr:  # a failure is told at once; lines before it are finished then
        if "broken (line 6)" in said:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "Stopped" in errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert not list(out.glob(".*"))
    before = read_report(out)
    made = {name for name, row in before.items() if row["status"] == "made"}
    assert made == {path.stem for path in out.glob("*.npz")}
    assert 2 <= len(made) < 12
    assert {row["status"] for name, row in before.items() if name not in made} == {"failed", "left"}
    takes = times(out)

    assert run(table, "-o", out, "-q") == 2
    after = read_report(out)
    assert {name for name, row in after.items() if row["status"] == "unchanged"} == made
    assert len(list(out.glob("*.npz"))) == 12
    assert all(moment == takes[path] for path, moment in times(out).items() if Path(path).stem in made)


def test_silence_and_files_of_an_earlier_take_are_warnings(run: Run, tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "quiet.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"\0" * 32000)
    assert run(write_table(tmp_path, [("quiet.wav", "", "", 12)]), "-q") == 0
    out = tmp_path / "lines-takes"
    assert "No speech was heard" in read_report(out)["quiet"]["warnings"]
    (out / "quiet.fbx").write_bytes(b"")
    os.utime(out / "quiet.fbx", (0, 0))
    assert run(tmp_path / "lines.csv", "-q") == 0
    assert "--products fbx makes them anew" in read_report(out)["quiet"]["warnings"]
