"""Installing the backend and removing it: a real environment and a real pip, of a package that stands in its place."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from clients import REPOSITORY
from standing_in import hang, recipe, write_sources, write_wheel

from blender_addon.core import installer as module
from blender_addon.core.backend_folder import BackendFolder, usual_root
from blender_addon.core.commands import Commands
from blender_addon.core.environments import ask, notes, program_at
from blender_addon.core.errors import AddonError
from blender_addon.core.installer import Installer, Recipe, State
from blender_addon.core.version import VERSION

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the backend is for Python 3.11")

OTHER = f"{VERSION}.post1"
"""A version of the same series."""
HALF_INSTALLING = (
    "import sys\n"
    "from pathlib import Path\n"
    "from standing_in import recipe\n"
    "from blender_addon.core.installer import *\n"
    "installer = Installer(recipe(Path(sys.argv[1])), BackendFolder(Path(sys.argv[2])))\n"
    "installer.install()\n"
    "while installer.poll().busy: time.sleep(0.05)\n"
)


@pytest.fixture(autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds what it is told to install, and nothing besides."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path_factory.mktemp("nothing")))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def folder(tmp_path: Path) -> BackendFolder:
    return BackendFolder(tmp_path / "user" / "backend")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete installation of `OTHER`."""
    root = tmp_path_factory.mktemp("made") / "backend"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        sources = write_sources(tmp_path_factory.mktemp("sources"), OTHER)
        state = finished(Installer(recipe(sources, OTHER), BackendFolder(root)))
        assert state.error is None, state.error
    return root


@pytest.fixture
def installed(made: Path, folder: BackendFolder) -> BackendFolder:
    """A complete installation of `OTHER`, for a test to change."""
    shutil.copytree(made, folder.root, symlinks=True)
    return folder


def wait(installer: Installer, until: Callable[[State], object], within: float = 120) -> State:
    deadline, timer = time.monotonic() + within, threading.Event()
    while True:
        state = installer.poll()
        if until(state):
            return state
        assert time.monotonic() < deadline, state
        timer.wait(0.01)


def finished(installer: Installer, start: Callable[[Installer], None] = Installer.install) -> State:
    start(installer)
    return wait(installer, lambda state: not state.busy)


def reached(sign: Path, ended: Callable[[], bool], within: float = 120) -> psutil.Process:
    """The process that has written its number to `sign`."""
    deadline, timer = time.monotonic() + within, threading.Event()
    while not sign.exists():
        assert time.monotonic() < deadline
        assert not ended()
        timer.wait(0.01)
    return psutil.Process(int(sign.read_text()))


def assert_gone(process: psutil.Process) -> None:
    process.wait(20)
    assert not process.is_running()


# Installing


def test_it_installs_and_what_it_installed_answers(folder, tmp_path):
    """Though the backend writes a flood of nonsense besides, and says that a part of it does not work here."""
    lacking = {"name": "preview", "needed": True, "fine": False, "detail": "no EGL", "cost": "apt install libegl1"}
    flood = (
        "if 'doctor' in sys.argv:\n"
        "    sys.stdout.buffer.write(bytes(range(256)) * 40_000 + b'x' * 5_000_000)\n"
        "    sys.stdout.buffer.write(b'\\x1b[31m\\r\\r[{\\n[1, 2]\\n')\n"
        "    sys.stdout.flush()\n"
    )
    findings = [lacking, {**lacking, "fine": True}, {**lacking, "needed": False}]
    sources = write_sources(tmp_path / "sources", running=flood, findings=findings)
    before = sorted(sources.rglob("*"))
    installer = Installer(recipe(sources), folder)
    assert folder.current() is None
    installer.install()
    seen: list[State] = []
    wait(installer, lambda state: seen.append(state) or not state.busy)
    assert seen[-1].error is None, seen[-1].error
    assert seen[-1].said == f"vlogger {VERSION} is installed."
    assert [step.state for step in seen[-1].steps] == ["done", "done", "done"]
    fractions = [state.fraction for state in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    found = folder.current()
    assert found is not None
    assert (found.version, found.has_python) == (VERSION, True)
    assert found.notes == ("Preview: no EGL. Apt install libegl1.",)
    assert found.size > 1_000_000
    assert ask(found.python, Commands({})).version == VERSION
    assert sorted(sources.rglob("*")) == before
    assert sorted(path.name for path in folder.root.iterdir()) == ["env-1", "lock"]
    assert all(line.isprintable() and len(line) < 5000 for line in installer.log)


def test_a_newer_version_takes_the_place_of_the_old_once_it_is_complete(installed, tmp_path):
    released = []
    sources = write_sources(tmp_path / "sources")
    old = installed.current()
    state = finished(Installer(recipe(sources), installed, lambda: released.append(installed.current().version)))
    assert state.error is None, state.error
    assert installed.current().version == VERSION
    assert released == [VERSION]
    assert not old.folder.exists()


def test_an_environment_whose_python_is_gone_is_led_to_another(installed, tmp_path):
    environment = installed.current()
    packages = sorted(environment.folder.glob("lib/*/site-packages/*"))
    settings = environment.folder / "pyvenv.cfg"
    settings.write_text("\n".join(f"home = {tmp_path / 'gone'}" if line.startswith("home") else line
                                  for line in settings.read_text().splitlines()))  # fmt: skip
    for link in (environment.folder / "bin").glob("python*"):
        link.unlink()
        link.symlink_to(tmp_path / "gone" / "python")
    assert not environment.has_python
    state = finished(Installer(recipe(tmp_path / "no sources are needed", OTHER), installed))
    assert state.error is None, state.error
    assert installed.current().has_python
    assert ask(installed.current().python, Commands({})).version == OTHER
    assert sorted(environment.folder.glob("lib/*/site-packages/*")) == packages


# Cancelling, killing


@pytest.mark.parametrize("step", [0, 1, 2])
def test_it_is_cancelled_in_each_step(step, installed, tmp_path):
    sign = tmp_path / "sign"
    where = {1: {"building": hang(sign)}, 2: {"running": hang(sign)}}.get(step, {})
    installer = Installer(recipe(write_sources(tmp_path / "sources", **where)), installed)
    installer.install()
    wait(installer, lambda state: state.steps and state.steps[step].state == "running")
    process = reached(sign, lambda: not installer.poll().busy) if where else None
    if step == 1:
        state = wait(installer, lambda state: "Preparing" in state.steps[1].detail)
        assert [step.state for step in state.steps] == ["done", "running", "waiting"]
        assert "3.11" in state.steps[0].detail
        assert any(line.startswith("$ ") and "pip install" in line for line in installer.log)
    installer.cancel()
    assert installer.poll().cancelling
    state = wait(installer, lambda state: not state.busy)
    assert state.error is None
    assert state.said.startswith("Cancelled.")
    assert [s.state for s in state.steps][step] == "failed"
    if process is not None:
        assert_gone(process)
    assert installed.current().version == OTHER
    assert ask(installed.current().python, Commands({})).version == OTHER
    assert {path.name for path in installed.root.iterdir()} <= {"env-1", "lock", "downloads"}


def test_blender_is_killed_halfway(folder, tmp_path):
    """What it started ends with it; what it left never counts, and is gone after the next start."""
    sign = tmp_path / "sign"
    sources = write_sources(tmp_path / "sources", building=hang(sign))
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    command = [sys.executable, "-c", HALF_INSTALLING, str(sources), str(folder.root)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) as blender:
        builder = reached(sign, lambda: blender.poll() is not None)
        other = Installer(recipe(sources), folder)
        assert "Another Blender" in str(finished(other).error)
        other.clean()
        wait(other, lambda state: not state.busy)
        assert folder.leftovers()  # of another's work nothing is cleaned away
        blender.send_signal(signal.SIGKILL)
    assert_gone(builder)
    assert folder.current() is None
    next_start = Installer(recipe(sources), folder)
    next_start.clean()
    wait(next_start, lambda state: not state.busy)
    assert not folder.leftovers()
    assert not list(folder.root.glob("env-*"))


def test_the_programs_it_runs_are_killed(folder, tmp_path):
    sign = tmp_path / "sign"
    installer = Installer(recipe(write_sources(tmp_path / "sources", building=hang(sign))), folder)
    installer.install()
    builder = reached(sign, lambda: not installer.poll().busy)
    leash = next(parent for parent in builder.parents() if any("leash.py" in word for word in parent.cmdline()))
    leash.kill()
    state = wait(installer, lambda state: not state.busy)
    assert "could not be installed" in str(state.error)
    assert_gone(builder)
    assert folder.current() is None


def test_what_stands_still_is_ended(folder, tmp_path):
    sign = tmp_path / "sign"
    sources = write_sources(tmp_path / "sources", building=hang(sign))
    state = finished(Installer(recipe(sources, patience=4.0), folder))
    assert "stands still" in str(state.error)
    assert_gone(psutil.Process(int(sign.read_text()))) if psutil.pid_exists(int(sign.read_text())) else None
    assert folder.current() is None


class Index(http.server.BaseHTTPRequestHandler):
    """Where pip finds packages, as PyPI does it: `files` by name; the missing ones are announced, and not there."""

    files: ClassVar[dict[str, bytes]] = {}
    fetched: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        if self.path.startswith("/simple/"):
            content = f'<a href="/files/{name}-1.0-py3-none-any.whl">{name}-1.0-py3-none-any.whl</a>'.encode()
        else:
            content = self.files.get(name, b"")
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        if self.path.startswith("/files/"):
            self.send_header("Cache-Control", "max-age=365000000, immutable, public")
            self.fetched.append(name)
        else:
            self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


def test_what_was_downloaded_is_not_downloaded_again(folder, tmp_path, monkeypatch):
    first, second = (write_wheel(tmp_path / f"{name}-1.0-py3-none-any.whl") for name in ("first", "second"))
    Index.files = {first.name: first.read_bytes()}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        monkeypatch.setenv("PIP_TRUSTED_HOST", f"127.0.0.1:{server.server_port}")  # pip keeps only what it trusts
        sources = write_sources(tmp_path / "sources", needs=("first", "second"))
        assert finished(Installer(recipe(sources, pip="first"), folder)).error is not None
        assert not list(folder.root.glob("env-*"))
        Index.files[second.name] = second.read_bytes()
        state = finished(Installer(recipe(sources, pip="first"), folder))
        server.shutdown()
    assert state.error is None, state.error
    assert Index.fetched.count(first.name) == 1
    assert Index.fetched.count(second.name) == 2
    assert not folder.downloads.exists()


# What goes wrong


def test_a_package_that_can_not_be_built_is_told_with_pips_reason(folder, tmp_path):
    building = "raise RuntimeError('the moon is full')"
    installer = Installer(recipe(write_sources(tmp_path / "sources", building=building)), folder)
    state = finished(installer)
    assert "could not be installed" in str(state.error)
    assert any("the moon is full" in line for line in installer.log)
    assert [step.state for step in state.steps] == ["done", "failed", "waiting"]
    assert not list(folder.root.glob("env-*"))


def test_a_backend_that_does_not_run_is_not_complete(folder, tmp_path):
    crash = "sys.exit('libGL is broken')"
    state = finished(Installer(recipe(write_sources(tmp_path / "1", running=crash)), folder))
    assert "does not run: libGL is broken" in str(state.error)
    assert folder.current() is None


def test_too_little_disk_is_told_before_anything_is_made(folder, tmp_path):
    state = finished(Installer(recipe(write_sources(tmp_path / "sources"), disk=10**18), folder))
    assert f"needs 1000000000 GB of disk while it is installed, and where {folder.root} is" in str(state.error)
    assert not folder.root.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here ({error})")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_disk_that_fills_up_is_told_and_cleared(small_disk, tmp_path):
    folder = BackendFolder(small_disk / "backend")
    state = finished(Installer(recipe(write_sources(tmp_path / "sources"), disk=1), folder))
    assert "disk is full" in str(state.error), state.error
    assert folder.current() is None
    assert not list(folder.root.glob("env-*"))


def test_a_folder_that_can_not_be_written_to(tmp_path):
    (tmp_path / "user").write_text("a file")
    state = finished(
        Installer(recipe(write_sources(tmp_path / "sources")), BackendFolder(tmp_path / "user" / "backend"))
    )
    assert "can't be written to" in str(state.error)


# Which Python


def write_python(path: Path, says: str, code: int = 0) -> str:
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_pythons_that_do_not_fit_are_passed_over(folder, tmp_path, monkeypatch):
    old = '{"path": "/p", "version": [3, 10, 4], "bits": 64, "kind": "CPython", "lacks": []}'
    small = '{"path": "/p", "version": [3, 11, 4], "bits": 32, "kind": "CPython", "lacks": []}'
    bare = '{"path": "/p", "version": [3, 11, 4], "bits": 64, "kind": "CPython", "lacks": ["ensurepip"]}'
    said = (old, small, bare, "nonsense", "[]")
    commands = [write_python(tmp_path / f"python{i}", words) for i, words in enumerate(said)]
    commands += [write_python(tmp_path / "failing", "no", 3), str(tmp_path / "not there")]
    reasons = (
        "CPython 3.10.4",
        "3.11.4, 32 bit",
        "lacks ensurepip",
        "does not answer",
        "can't be run: no",
    )
    monkeypatch.setattr(module, "places", lambda: [(Path(c).name, (c,)) for c in commands])
    state = finished(Installer(recipe(write_sources(tmp_path / "sources")), folder))
    for reason in (
        *reasons,
        "not there: it can't be run",
        "It could not be fetched either: There is no uv",
        "python.org",
    ):
        assert reason in str(state.error)


@pytest.mark.parametrize("own", [True, False], ids=["by a uv that is fetched first", "by the user's own uv"])
def test_a_python_is_fetched_if_there_is_none(own, folder, tmp_path, monkeypatch):
    """Here `uv`, which would download one, is a script that makes a link to the Python of this test."""
    script = (
        "#!/bin/sh\n"
        'test "$1 $2 $3 $4" = "python install 3.11 --install-dir" || exit 9\n'
        'mkdir -p "$5/cpython-3.11.99/bin"\n'
        f'ln -s {os.path.realpath(sys.executable)} "$5/cpython-3.11.99/bin/python3.11"\n'
    )
    wheel = write_wheel(tmp_path / "uv-1.0-py3-none-any.whl", script)
    user = tmp_path / "bin" / "uv"
    user.parent.mkdir()
    user.write_text(script)
    user.chmod(0o755)
    monkeypatch.setenv("PATH", str(user.parent), prepend=os.pathsep)
    old = write_python(tmp_path / "python", "nonsense")
    monkeypatch.setattr(module, "places", lambda: [("old", (old,))])
    fetching = recipe(write_sources(tmp_path / "sources"), uv=str(wheel) if own else "uv==1.0")
    installer = Installer(fetching, folder)
    state = finished(installer)
    assert state.error is None, state.error
    assert any(f"{user} python install" in line for line in installer.log) != own
    assert folder.current().has_python


# Removing


def test_it_is_removed_without_a_trace(installed, tmp_path):
    released = []
    (installed.root / "downloads" / "http").mkdir(parents=True)
    (installed.root / "temporary").mkdir()
    state = finished(Installer(recipe(tmp_path), installed, lambda: released.append(True)), Installer.remove)
    assert state.error is None
    assert state.said == "The backend is removed. Your takes and the service's library are kept."
    assert released
    assert not installed.root.exists()


def test_what_the_add_on_did_not_make_is_left(installed, tmp_path):
    environment = installed.current().folder
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("!")
    (environment / "my notes").mkdir()
    (environment / "my notes" / "a.txt").write_text("!")
    (environment / "lib" / "link").symlink_to(elsewhere)
    (installed.root / "env-7").symlink_to(elsewhere)
    (installed.root / "env-9").mkdir()
    (installed.root / "env-9" / "model.bin").write_text("!")
    (installed.root / "library").mkdir()
    state = finished(Installer(recipe(tmp_path), installed), Installer.remove)
    assert state.error is None
    for name in ("env-1", "env-7", "env-9", "library"):
        assert str(installed.root / name) in state.said
    assert [path.name for path in environment.iterdir() if path.name != "vlogger-incomplete.json"] == ["my notes"]
    assert (elsewhere / "precious").exists()
    assert (installed.root / "env-9" / "model.bin").exists()
    assert installed.current() is None


def test_half_removed_never_counts(installed, tmp_path):
    """Whatever of it was deleted when the process was killed."""
    environment = installed.current().folder
    os.chmod(environment / "lib", 0o500)
    (environment / "lib" / "locked").mkdir() if os.geteuid() else None
    gone = tmp_path / "gone"
    shutil.copytree(installed.root, gone, symlinks=True)
    (gone / "env-1" / "vlogger.json").rename(gone / "env-1" / "vlogger-incomplete.json")
    shutil.rmtree(gone / "env-1" / "bin")
    half = BackendFolder(gone)
    assert half.current() is None
    half.clean()
    assert not list(gone.glob("env-*"))


@pytest.mark.parametrize(
    "written",
    ["", "[]", "{}", '{"version": 1}', "\x00", '{"version": "1", "python_version": "3", "size": "x", "notes": 3}'],
)
def test_a_damaged_marker_does_not_count(installed, written):
    (installed.current().folder / "vlogger.json").write_text(written)
    assert installed.current() is None


def test_nothing_is_made_where_nothing_is_to_be_cleaned(folder, tmp_path):
    installer = Installer(recipe(tmp_path), folder)
    installer.clean()
    assert installer.poll() == State()
    assert not folder.root.parent.exists()


# Environments of one's own


def test_an_environment_can_be_pointed_to_in_many_ways(installed, tmp_path):
    environment = installed.current()
    for place in (environment.folder, environment.folder / "bin", environment.python):
        assert ask(program_at(place), Commands({})).version == OTHER
    command = tmp_path / "vlogger"
    write_python(command, f"vlogger {VERSION}")
    assert ask(program_at(command), Commands({})).version == VERSION
    with pytest.raises(AddonError, match="nothing at"):
        program_at(tmp_path / "nowhere")
    with pytest.raises(AddonError, match="not a Python environment"):
        program_at(tmp_path / "user")


def test_an_environment_without_our_backend_is_told(installed, tmp_path):
    commands = Commands({})
    with pytest.raises(AddonError, match="has no vlogger"):
        ask(Path(os.path.realpath(sys.executable)), commands)
    for words, message in (
        ("vlogger 99.1", r"has vlogger 99\.1, and this add-on is version"),
        ("vlogger", "not as vlogger does"),
        ("\x07\x1b[3m", "not as vlogger does"),
    ):
        write_python(tmp_path / "vlogger", words)
        with pytest.raises(AddonError, match=message):
            ask(tmp_path / "vlogger", commands)
    write_python(tmp_path / "vlogger", "Segmentation fault", 139)
    with pytest.raises(AddonError, match="can't be used: Segmentation fault"):
        ask(tmp_path / "vlogger", commands)
    with pytest.raises(AddonError, match="does not run"):
        notes(tmp_path / "vlogger", commands)


def test_windows_has_a_short_place_of_its_own(tmp_path, monkeypatch):
    assert usual_root(tmp_path) == tmp_path / "backend"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert usual_root(tmp_path / "Roaming") == tmp_path / "Local" / "vlogger"


def test_the_recipe_is_of_the_backend():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
    assert project["requires-python"] == ">=3.11,<3.12"
    assert Recipe(REPOSITORY, VERSION).uv.startswith("uv==")
