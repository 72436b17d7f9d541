"""The same batch on Ray: the same bytes, and nothing lost with a process."""

import importlib.util
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest
from batch_files import Run, contents, read_report, write_table
from spoken import LINE

from vlogger_backend import __version__
from vlogger_backend.batch.cluster import Sent, make_on_cluster, make_there
from vlogger_backend.batch.lines import read_script
from vlogger_backend.batch.local import make_here
from vlogger_backend.batch.making import Status, Todo, examine
from vlogger_backend.request import Request
from vlogger_backend.work.task import Failed

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason='Ray is not here: pip install ".[cluster]"'
)
on_cluster = partial(make_on_cluster, address=None, workers=None, gpus=0.0)


def no_watch(todo: Todo, stage: str, done: float) -> None: ...


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets Ray's processes find the package, installed or not."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@needs_ray
@pytest.mark.usefixtures("reachable")
def test_the_results_are_those_of_this_machine_alone(
    run: Run, line: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "line.wav").write_bytes(line.read_bytes())
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    rows = [
        ("line.wav", LINE, "act1/line", 12),
        ("line.wav", "", "act1/line.2", 24),
        ("", "Good morning.", "act1/morning", 12),
        ("broken.wav", "", "broken", 12),
    ]
    table, out = write_table(tmp_path, rows), tmp_path / "lines-takes"
    assert run(table, "--products", "glb", "-q") == 2
    here, report = contents(out), read_report(out)
    out.rename(tmp_path / "here")
    (out / "act1").mkdir(parents=True)
    shutil.copy(tmp_path / "here" / "act1" / "line.2.npz", out / "act1")  # of this one, only the product is made there
    capfd.readouterr()

    assert run(table, "--products", "glb", "--cluster", "-q") == 2
    shown = capfd.readouterr()
    assert contents(out) == here
    assert len(here) == 7
    assert [row["status"] for row in read_report(out).values()] == ["made", "made", "made", "failed"]
    assert read_report(out)["broken"]["error"] == report["broken"]["error"]
    assert len((shown.out + shown.err).splitlines()) == 1, "what Ray says is kept off the display"


@needs_ray
@pytest.mark.usefixtures("reachable")
@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise there")
def test_a_lost_process_costs_no_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [("", f"Good morning, {name}.", name, 12) for name in "abcdef"]
    out = tmp_path / "out"
    lines = read_script(write_table(tmp_path, rows), out, None, ()).lines
    results, killed = [], 0
    for result in on_cluster([examine(each, out, (), again=False) for each in lines], no_watch):
        results.append(result)
        workers = [p for p in psutil.Process().children(recursive=True) if p.name().startswith("ray::make_there")]
        if not killed and workers:
            killed = len([worker.kill() for worker in workers])
    assert killed
    assert capfd.readouterr() == ("", ""), "what Ray says is kept off the display"
    assert {result.status for result in results} == {Status.MADE}
    there = contents(out)
    for path in out.glob("*.npz"):
        path.unlink()
    list(make_here([examine(each, out, (), again=False) for each in lines], no_watch, folder=out, workers=1))
    assert contents(out) == there


def test_a_machine_with_other_models_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    sound = b"nobody hears it"
    sent = [
        Sent(__version__, "a", Request("a.wav", body="smplx-neutral"), ".wav", sound, None, (), "a hash"),
        Sent(__version__, "b", Request("b.wav"), ".wav", sound, None, (), "a hash"),
    ]
    for returned, says in zip(map(make_there, sent), ("lacks the body model smplx-neutral", "other body"), strict=True):
        assert isinstance(returned.outcome, Failed)
        assert returned.outcome.mendable
        assert says in returned.outcome.sentence
        assert "vlogger models add" in returned.outcome.sentence
        assert returned.files == {}


@needs_ray
def test_a_cluster_that_is_not_there_is_one_sentence(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path, [("", "Good morning.", "a", 12)])
    assert run(table, "--address", "127.0.0.1:1", "-q") == 2
    said = capfd.readouterr().err.strip()
    assert "--address" in said
    assert len(said.splitlines()) == 1


def test_without_ray_one_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    table = write_table(tmp_path, [("", "Good morning.", "a", 12)])
    code = "import sys; sys.modules['ray'] = None; from vlogger_backend.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "batch", str(table), "--cluster", "-q"],
        capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "vlogger[cluster]" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
