"""Weights of large models on the user's disk: found, of the right kind, whole, and never pickled.

All of it is seen from the files' names and headers, before anything is loaded. Only the safetensors format is read: a
pickle can run any program when it is opened.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(/[\w./-]+)?")
"""owner/name, or a folder or file in it."""
_NAMES = ("diffusion_pytorch_model", "model")
_VARIANTS = (None, "fp16", "bf16")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".h5", ".msgpack")
_UNFINISHED = (".incomplete", ".part", ".crdownload", ".aria2", ".tmp", ".download")
_HEADER = 100_000_000
"""Bytes; the safetensors library refuses longer headers."""


@dataclass(frozen=True)
class Weights:
    """A model in a folder, not loaded.

    folder     : where it is
    config     : its config.json
    parameters : how many numbers it has
    variant    : "fp16" or "bf16", if its files are of that name
    """

    folder: Path
    config: Mapping[str, Any]
    parameters: int
    variant: str | None = None


def located(source: str, what: str, wanted: Sequence[str], fetch: bool = True) -> Path | None:
    """The folder or file that `source` names: a path here, or `owner/name` on the Hugging Face hub, of which the files
    of the patterns `wanted` are fetched into the hub's own cache. `what` it is, in words.

    None if it is on the hub and not in the cache, and `fetch` is False.

    Raises InputError if there is no such path and it is no hub's name, or it can't be fetched.
    """
    path = Path(source).expanduser()
    if path.exists():
        return path
    if path.is_absolute() or not _HUB.fullmatch(source) or source.startswith("."):
        raise InputError(f"There is no folder {source} for {what}; give the folder that holds it.")
    from huggingface_hub import snapshot_download

    owner, name, *inside = source.split("/", 2)
    patterns = [f"{inside[0]}/{pattern}" for pattern in wanted] + [inside[0]] if inside else list(wanted)
    try:
        folder = snapshot_download(
            f"{owner}/{name}", allow_patterns=patterns, ignore_patterns=["*.fp16.*", "*.non_ema.*"],
            local_files_only=not fetch,
        )  # fmt: skip
    except Exception as error:  # the hub's client has no common base for what may go wrong
        if not fetch:
            return None
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(
            f"{source} is no folder here, and {what} could not be fetched by that name from the Hugging Face hub "
            f"({reason}); download it and give its folder."
        ) from error
    found = Path(folder, *inside)
    return found if found.exists() or fetch else None


def read_weights(folder: Path, what: str, kinds: Sequence[str]) -> Weights:
    """Look at a model's folder. `what` it is to be, in words; `kinds` are the classes that it may be.

    Raises InputError if it is not there, another kind, pickled, or not whole.
    """
    config = read_config(folder, what)
    kind = config.get("_class_name") or next(iter(config.get("architectures") or []), None)
    if kind is not None and kind not in kinds:
        raise InputError(f"{folder} is a {kind}, where {what} ({kinds[0]}) is needed; give the folder of that.")
    for variant in _VARIANTS:
        files = _files(folder, variant, what)
        if files:
            return Weights(folder, config, sum(read_header(file, what) for file in files), variant)
    raise InputError(_why_none(folder, what))


def read_config(folder: Path, what: str, name: str = "config.json") -> Mapping[str, Any]:
    """A JSON file of a model's folder. Raises InputError if it is missing or damaged."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder} for {what}; give the folder with its {name}.")
    path = folder / name
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder} has no {name}, so it is not {what}; give the folder that has one.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read ({error}); download {what} again.") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is no description of a model; download {what} again.")
    return config


def read_header(path: Path, what: str) -> int:
    """How many numbers a safetensors file holds, by its header. Raises InputError if it is not one, or not whole."""
    again = f"download {what} again"
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
            if (start + file.read(32)).startswith(b"version https://git-lfs"):
                raise InputError(f"{path} is only Git LFS's pointer to the weights; run git lfs pull in its folder.")
            length = int.from_bytes(start, "little")
            if len(start) < 8 or not 2 <= length <= min(_HEADER, max(size - 8, 2)):
                raise InputError(f"{path} is no safetensors file, or its start is damaged; {again}.")
            file.seek(8)
            tensors = [entry for name, entry in json.loads(file.read(length)).items() if name != "__metadata__"]
        end = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
        parameters = int(sum(math.prod(entry["shape"]) for entry in tensors))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InputError(f"{path} is no safetensors file, or it is damaged ({error}); {again}.") from error
    if size < end:
        raise InputError(f"{path} is cut off: {size:,} of {end:,} bytes are there; {again}.")
    return parameters


@contextmanager
def loading(what: str, base: str) -> Iterator[None]:
    """Load models without the libraries' chatter and bars; what they complain of is said in one sentence."""
    import diffusers
    import torch
    import transformers

    before = diffusers.utils.logging.get_verbosity(), transformers.utils.logging.get_verbosity()
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # what is made before its weights are read is filled at random
            warnings.simplefilter("ignore", FutureWarning)  # about names that their next versions will drop
            yield
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{what} can't be loaded together ({reason}); give those that are made for {base}, as they were published."
        ) from error
    finally:
        for library, level in zip((diffusers, transformers), before, strict=True):
            library.utils.logging.set_verbosity(level)


def _files(folder: Path, variant: str | None, what: str) -> list[Path]:
    """The weights' files of one variant, none if there are none. Raises InputError if some of several are missing."""
    middle = f".{variant}" if variant else ""
    for name in _NAMES:
        single = folder / f"{name}{middle}.safetensors"
        if single.is_file():
            return [single]
        index = folder / f"{name}.safetensors.index{middle}.json"
        if index.is_file():
            listed = read_config(folder, what, index.name).get("weight_map")
            if not isinstance(listed, dict) or not listed:
                raise InputError(f"{index} lists no files; download {what} again.")
            files = [folder / str(file) for file in sorted(set(listed.values()))]
            missing = [file.name for file in files if not file.is_file()]
            if missing:
                raise InputError(
                    f"{folder} is not whole: {len(missing)} of {len(files)} files of {what} are missing, {missing[0]} "
                    "first; download it again."
                )
            return files
    return []


def _why_none(folder: Path, what: str) -> str:
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    unfinished = _with_suffix(names, _UNFINISHED)
    if unfinished:
        return f"{folder} has {what} only half-downloaded ({unfinished}); let the download finish, or start it again."
    pickled = _with_suffix(names, _PICKLES)
    if pickled:
        return (
            f"{folder} has {what} only as a pickle ({pickled}), which could run any program and is not opened; get its "
            ".safetensors file, or convert it with diffusers' save_pretrained."
        )
    return f"{folder} has no weights of {what}; a file such as {_NAMES[0]}.safetensors is missing: download it again."


def _with_suffix(names: Iterable[str], suffixes: Sequence[str]) -> str:
    return next((name for name in names if name.endswith(tuple(suffixes))), "")
