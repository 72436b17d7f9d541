"""Imports point one way (docs/architecture.md), and heavy modules wait until they are used."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vlogger_backend"
FLOORS = {
    "motion": 0,
    "speech": 1,
    "performance": 2,
    "avatars": 2,
    "portraits": 3,
    "provenance": 3,
    "exports": 4,
    "renderers": 4,
    "animate": 5,
    "products": 5,
    "persons": 5,
    "training": 6,
    "work": 6,
    "doctor": 6,
    "service": 7,
    "batch": 7,
    "demo": 8,
    "cli": 9,
}
"""Rooms (folders) and single modules; those without a floor (errors, files, progress, request) may be used by all."""
HEAVY = {
    *("torch", "bpy", "anny", "librosa", "pyrender", "OpenGL", "matplotlib", "av", "pocketsphinx", "trimesh", "ray"),
    *("mediapipe", "cv2", "diffusers", "transformers", "c2pa", "skimage"),
}


def imports_of(tree: ast.AST, path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports; relative ones from the package's top."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = path.relative_to(PACKAGE.parent).parts[: -node.level]
                origin = ".".join([*base, *([node.module] if node.module else [])])
                yield from (origin, *(f"{origin}.{alias.name}" for alias in node.names))
            elif node.module:
                yield node.module


def modules_of(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_the_floors_below(room: str) -> None:
    assert modules_of(room)
    for path in modules_of(room):
        for name in imports_of(ast.parse(path.read_text("utf-8")), path):
            other = name.split(".")[1] if name.startswith("vlogger_backend.") else ""
            if other in FLOORS and other != room:
                assert FLOORS[other] < FLOORS[room], f"{path.name} imports {name}"


@pytest.mark.parametrize("package", [PACKAGE, PACKAGE.parent / "blender_addon"], ids=lambda path: path.name)
def test_no_modules_import_each_other_in_a_circle(package: Path) -> None:
    """Where they do it within functions too: whoever reads one would have to have read the other."""
    modules = {".".join(path.relative_to(package.parent).with_suffix("").parts): path for path in package.rglob("*.py")}
    imported = {}
    for name, path in modules.items():
        names = set(imports_of(ast.parse(path.read_text("utf-8")), path))
        imported[name] = (names & set(modules)) - {name}
    assert sum(map(len, imported.values())) > len(modules)
    tuple(TopologicalSorter(imported).static_order())  # raises CycleError, which names the circle


def test_heavy_modules_are_imported_where_they_are_used() -> None:
    """All but what only ever runs on its own: the training of the painter is torch from end to end."""
    for path in set(PACKAGE.rglob("*.py")) - {PACKAGE / "training" / "train.py"}:
        top = [node for node in ast.parse(path.read_text("utf-8")).body if not isinstance(node, ast.If)]
        names = {n.split(".")[0] for n in imports_of(ast.Module([n for n in top if not is_code(n)], []), path)}
        assert not names & HEAVY, f"{path.name} imports {names & HEAVY} at its top"


def is_code(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
