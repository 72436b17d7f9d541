"""A package that stands in the place of the backend: as small as can be, but real, so that pip installs it offline."""

from __future__ import annotations

import json
import textwrap
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blender_addon.core.installer import Recipe
from blender_addon.core.version import VERSION

_BUILDER = """
import os, sys, threading, zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
{building}
    name = "vlogger-{version}"
    with zipfile.ZipFile(Path(folder) / f"{{name}}-py3-none-any.whl", "w") as wheel:
        for path in sorted(Path("vlogger_backend").iterdir()):
            wheel.write(path, f"vlogger_backend/{{path.name}}")
        facts = f"{{name}}.dist-info"
        wheel.writestr(f"{{facts}}/METADATA", "Metadata-Version: 2.1\\nName: vlogger\\nVersion: {version}\\n{needs}")
        tags = "Root-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{{facts}}/WHEEL", "Wheel-Version: 1.0\\nGenerator: builder\\n" + tags)
        wheel.writestr(f"{{facts}}/RECORD", "")
    return f"{{name}}-py3-none-any.whl"
"""
_CLI = """
import os, sys, threading
{running}
if "--version" in sys.argv:
    print("vlogger {version}")
else:
    print({findings!r})
    sys.exit({code})
"""


def write_sources(
    folder: Path,
    version: str = VERSION,
    building: str = "",
    running: str = "",
    findings: Sequence[dict[str, Any]] = (),
    needs: Sequence[str] = (),
) -> Path:
    """The sources of the package in `folder`; `building` and `running` are code for when it is built, and run."""
    package = folder / "vlogger_backend"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "builder"\nbackend-path = ["."]\n'
        f'[project]\nname = "vlogger"\nversion = "{version}"\n'
    )
    needed = "".join(f"Requires-Dist: {name}\\n" for name in needs)
    indented = textwrap.indent(building, "    ")
    (folder / "builder.py").write_text(_BUILDER.format(building=indented, version=version, needs=needed))
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    said = json.dumps(list(findings), indent=1)
    code = 2 if any(finding["needed"] and not finding["fine"] for finding in findings) else 0
    (package / "cli.py").write_text(_CLI.format(running=running, version=version, findings=said, code=code))
    return folder


def write_wheel(path: Path, script: str = "") -> Path:
    """A package without content, but for a script of its own name; `path` ends in NAME-1.0-py3-none-any.whl."""
    name = path.name.partition("-")[0]
    with zipfile.ZipFile(path, "w") as wheel:
        if script:
            entry = zipfile.ZipInfo(f"{name}-1.0.data/scripts/{name}")
            entry.external_attr = 0o100755 << 16  # pip keeps it executable
            wheel.writestr(entry, script)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def recipe(sources: Path, version: str = VERSION, **changes: Any) -> Recipe:
    """How to install it: with the pip that Python brings, and little of the disk."""
    return Recipe(sources, version, **{"disk": 50_000_000, **changes})


def hang(sign: Path) -> str:
    """Code that writes the number of its process to `sign`, and then does nothing for ever."""
    return (
        f"with open({str(sign) + '.new'!r}, 'w') as file: file.write(str(os.getpid()))\n"
        f"os.replace({str(sign) + '.new'!r}, {str(sign)!r})\n"
        "threading.Event().wait()\n"
    )
