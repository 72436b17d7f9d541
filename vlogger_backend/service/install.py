"""Starting the service with the user's session: systemd on Linux, launchd on macOS, the Task Scheduler on Windows.

Each system's own way for programs of one user: no administrator is needed, and the service has the user's rights.
"""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from ..errors import InputError
from ..files import writing

NAME = "vlogger"
_LABEL = "org.vlogger.service"
_WHAT = "vlogger: speech in, character animation out"


def install(arguments: Sequence[str]) -> str:
    """Start `vlogger serve ARGUMENTS` now and whenever the user logs in; returns a sentence that says how.

    Raises InputError if the system refuses.
    """
    command = command_line(arguments)
    if sys.platform == "win32":
        _create_task(command)
        return f"The service starts when you log in, as the task {NAME} of the Task Scheduler; it runs now."
    path = _place()
    with writing(path) as temporary:
        temporary.write_bytes(launchd_plist(command) if sys.platform == "darwin" else systemd_unit(command).encode())
    if sys.platform == "darwin":
        _do("launchctl", "bootout", f"{_session()}/{_LABEL}", needed=False)  # an older one
        _do("launchctl", "bootstrap", _session(), str(path))
    else:
        _do("systemctl", "--user", "daemon-reload")
        _do("systemctl", "--user", "enable", path.name)
        _do("systemctl", "--user", "restart", path.name)
    return f"The service starts when you log in ({path}); it runs now."


def uninstall() -> str:
    """Undo `install`: the service ends and won't start by itself; its library stays. Returns a sentence about it.

    Raises InputError if it was not installed, or the system refuses.
    """
    if sys.platform == "win32":
        _do("schtasks", "/End", "/TN", NAME, needed=False)
        _do("schtasks", "/Delete", "/TN", NAME, "/F")
    else:
        path = _place()
        if not path.exists():
            raise InputError(f"The service is not installed ({path} is not there); there is nothing to undo.")
        if sys.platform == "darwin":
            _do("launchctl", "bootout", f"{_session()}/{_LABEL}", needed=False)
        else:
            _do("systemctl", "--user", "disable", "--now", path.name, needed=False)
        path.unlink()
    return "The service no longer starts by itself. Its library and all that is in it are still there."


def command_line(arguments: Sequence[str]) -> list[str]:
    """The command that runs the service with this very installation, without a window on Windows."""
    python = Path(sys.executable)
    quiet = python.with_name("pythonw.exe")
    return [str(quiet if quiet.exists() else python), "-m", "vlogger_backend.cli", "serve", *arguments]


def systemd_unit(command: Sequence[str]) -> str:
    """A unit for `systemd --user` (systemd.service(5)); it is started again if it crashes."""
    line = " ".join(_systemd_quoted(part) for part in command)
    return (
        f"[Unit]\nDescription={_WHAT}\n\n"
        f"[Service]\nExecStart={line}\nRestart=on-failure\nRestartPreventExitStatus=2\nUMask=0077\n\n"
        "[Install]\nWantedBy=default.target\n"
    )


def launchd_plist(command: Sequence[str]) -> bytes:
    """A launch agent (launchd.plist(5)); it is started again if it crashes."""
    agent = {
        "Label": _LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"Crashed": True},
        "ProcessType": "Interactive",
        "Umask": 0o077,
    }
    return plistlib.dumps(agent)


def scheduled_task(command: Sequence[str], user: str) -> str:
    """A task of the Task Scheduler 2.0, for this user's own sessions and with no more than the user's rights.

    The XML form, because `schtasks /SC ONLOGON` needs an administrator, and ends tasks after three days.
    """
    program, arguments = command[0], subprocess.list2cmdline(command[1:])
    user = escape(user)
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>{escape(_WHAT)}</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>{user}</UserId></LogonTrigger></Triggers>
  <Principals><Principal id="Author"><UserId>{user}</UserId><LogonType>InteractiveToken</LogonType>
    <RunLevel>LeastPrivilege</RunLevel></Principal></Principals>
  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries><StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit></Settings>
  <Actions Context="Author"><Exec><Command>{escape(program)}</Command>
    <Arguments>{escape(arguments)}</Arguments></Exec></Actions>
</Task>
"""


def _place() -> Path:
    """The file that the session's manager reads."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return config / "systemd" / "user" / f"{NAME}.service"


def _create_task(command: Sequence[str]) -> None:
    user = f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.xml"
        path.write_text(scheduled_task(command, user), encoding="utf-16")
        _do("schtasks", "/Create", "/TN", NAME, "/XML", str(path), "/F")
    _do("schtasks", "/Run", "/TN", NAME)


def _session() -> str:
    return f"gui/{os.getuid()}"


def _systemd_quoted(part: str) -> str:
    """`part` in quotes; systemd takes backslashes, % and $ for its own otherwise."""
    for special, instead in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        part = part.replace(special, instead)
    return f'"{part}"'


def _do(*command: str, needed: bool = True) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, errors="replace")
        reason = "" if done.returncode == 0 else (done.stderr or done.stdout or f"exit code {done.returncode}").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason and needed:
        raise InputError(
            f"{command[0]} could not be told to start the service ({reason.splitlines()[0]}). "
            "Start it by hand instead: vlogger serve"
        )
