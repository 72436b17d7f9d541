"""What is told to each system's own manager of services; none of them is asked here."""

import plistlib
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vlogger_backend.errors import InputError
from vlogger_backend.service import install
from vlogger_backend.service.serve import Serving

ODD = ["/opt/my tools/python", "-m", "vlogger_backend.cli", "serve", "--library", 'C:\\a "b" 100% $HOME é &<']


def test_the_command_means_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLOGGER_LIBRARY", str(tmp_path / "mine"))
    assert Serving().arguments()[:2] == ["--library", str(tmp_path / "mine")]
    given = Serving(Path("here"), "10.0.0.5", 8443, 10**9, Path("c.pem"), Path("k.pem"), stay_with_stdin=True)
    assert given.arguments() == [
        "--library", str(tmp_path / "here"), "--host", "10.0.0.5", "--quota", "1", "--port", "8443",
        "--certificate", str(tmp_path / "c.pem"), "--key", str(tmp_path / "k.pem"),
    ]  # fmt: skip


def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "vlogger.service"
    unit.write_text(install.systemd_unit(["/bin/sh", *ODD[1:]]), encoding="utf-8")
    text = unit.read_text("utf-8")
    assert 'C:\\\\a \\"b\\" 100%% $$HOME é &<"' in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    done = subprocess.run(["systemd-analyze", "verify", "--user", unit], capture_output=True, text=True, check=False)
    assert str(unit.name) not in done.stderr, done.stderr


def test_launchd_reads_the_agent() -> None:
    agent = plistlib.loads(install.launchd_plist(ODD))
    assert agent["ProgramArguments"] == ODD
    assert agent["RunAtLoad"] is True


def test_windows_reads_the_task() -> None:
    text = install.scheduled_task(ODD, "HOME\\Zoë & co")
    task = ElementTree.fromstring(text.replace(' encoding="UTF-16"', ""))
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert task.findtext(".//t:Command", None, names) == ODD[0]
    assert task.findtext(".//t:Arguments", None, names) == subprocess.list2cmdline(ODD[1:])
    assert {user.text for user in task.findall(".//t:UserId", names)} == {"HOME\\Zoë & co"}
    assert task.findtext(".//t:ExecutionTimeLimit", None, names) == "PT0S"


def test_a_system_that_refuses_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="vlogger serve"):
        install.install(Serving(tmp_path / "library").arguments())
    install.uninstall()
    with pytest.raises(InputError, match="not installed"):
        install.uninstall()
