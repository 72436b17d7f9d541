"""The stack machine of a pickle, which writes down what Python would do.

A pickle is a program (`pickletools` describes its instructions) that may import and call anything. This machine knows
the same instructions, of all protocols, but where Python would import and call, it makes a note of the name and the
arguments, and refuses a name that is not on its list. So there is no code that a file could reach. It takes memory in
proportion to the file: lengths are checked against what is there, and nothing of a stranger is hashed or compared.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MOST_STEPS = 1_000_000
"""Instructions: the models' own have some thousand, since an array is one."""
_LONGEST_NAME = 200

ARRAY, ARRAY_CLASS, DTYPE, SCALAR, BUFFER = "array", "array class", "dtype", "scalar", "buffer"
CSC, CSR, COO = "csc", "csr", "coo"
CH, SELECT, SHELL = "chumpy.ch.Ch", "chumpy.reordering.Select", "shell"
CLASS, NEW, SEQUENCE, TABLE, BYTES = "class", "new", "sequence", "table", "bytes"


def _known_names() -> dict[tuple[str, str], str]:
    names = {("numpy", "ndarray"): ARRAY_CLASS, ("numpy", "dtype"): DTYPE, ("_codecs", "encode"): BYTES}
    for core in ("numpy.core", "numpy._core"):
        names |= {(f"{core}.multiarray", "_reconstruct"): ARRAY, (f"{core}.multiarray", "scalar"): SCALAR}
        names |= {(f"{core}.numeric", "_frombuffer"): BUFFER}
    for form in (CSC, CSR, COO):
        for module in (f"scipy.sparse.{form}", f"scipy.sparse._{form}"):
            names |= {(module, f"{form}_matrix"): form, (module, f"{form}_array"): form}
    names |= {("chumpy.ch", "Ch"): CH, ("chumpy", "Ch"): CH, ("chumpy.reordering", "Select"): SELECT}
    names |= {("chumpy.ch", "MatVecMult"): SHELL}
    names |= {("chumpy.ch_ops", name): SHELL for name in ("add", "subtract", "mult", "divide")}
    names |= {("chumpy.reordering", name): SHELL for name in ("transpose", "reshape", "Concatenate")}
    names |= {("torch._utils", "_rebuild_tensor_v2"): SHELL, ("torch.storage", "_load_from_bytes"): SHELL}
    for module in ("__builtin__", "builtins"):
        names |= {(module, name): SEQUENCE for name in ("set", "frozenset", "list", "tuple")}
        names |= {(module, "object"): CLASS, (module, "dict"): TABLE, (module, "bytes"): BYTES}
    names |= {("collections", "OrderedDict"): TABLE}
    return names | {
        (module, name): NEW for module in ("copy_reg", "copyreg") for name in ("_reconstructor", "__newobj__")
    }


_KNOWN = _known_names()
"""What these files name, and what it is to us. A `SHELL` is known and harmless, but what it would compute is not."""


class UnreadableError(ValueError):
    """It is damaged, or holds what we have no use for."""


class ForeignError(Exception):
    """It names what is none of a body model's business."""


@dataclass(frozen=True, eq=False)
class Name:
    """Something that Python would import, by what it is to us."""

    kind: str


@dataclass(eq=False)
class Object:
    """Something that Python would have built: of what, from what, and the state that was put into it."""

    kind: str
    args: tuple[Any, ...]
    state: Any = None


def run(data: bytes) -> Any:
    """What a pickle would give: None, bool, int, float, str, memoryview (bytes, and the str of Python 2), list (sets
    too), tuple, dict, `Name` and `Object`.

    Raises ForeignError if it names, calls or changes anything that body models don't, and UnreadableError (or another
    ValueError) if it is damaged.
    """
    return _Machine(data).run()


class _Machine:
    """The stack machine, for one file."""

    def __init__(self, data: bytes) -> None:
        self._bytes = data
        self._data = memoryview(data)
        self._at = 0
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(_MOST_STEPS):
            code = self._take(1)[0]
            if code == ord("."):
                return self._pop()
            step = _STEPS.get(code)
            if step is None:
                raise UnreadableError(f"it is no pickle, or damaged at byte {self._at - 1}")
            step(self)
        raise UnreadableError("it is too long a program to be a body model")

    # What instructions are made of.

    def _take(self, count: int) -> memoryview:
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise UnreadableError("it ends too early")
        part = self._data[self._at : end]
        self._at = end
        return part

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def line(self, longest: int | None = None) -> bytes:
        end = self._bytes.find(b"\n", self._at, None if longest is None else self._at + longest)
        if end < 0:
            raise UnreadableError("it ends too early")
        part = self._bytes[self._at : end]
        self._at = end + 1
        return part

    def counted(self, form: str) -> memoryview:
        return self._take(self.number(form))

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise UnreadableError("it takes what it has not given")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise UnreadableError("it takes what it has not given")
        return self._stack[-1]

    def _since_mark(self) -> list[Any]:
        if not self._marks:
            raise UnreadableError("it takes what it has not given")
        items, self._stack = self._stack, self._marks.pop()
        return items

    # Instructions.

    def real(self) -> None:
        self.push(float(struct.unpack(">d", self._take(8))[0]))

    def int_line(self) -> None:
        text = self.line(_LONGEST_NAME)
        self.push(text == b"01" if text in (b"00", b"01") else int(text))

    def long_bytes(self, form: str) -> None:
        data = self.counted(form)
        if len(data) > _LONGEST_NAME:
            raise UnreadableError("a number of it is absurdly large")
        self.push(int.from_bytes(data, "little", signed=True))

    def quoted(self) -> None:
        text = self.line()
        if len(text) < 2 or text[:1] not in b"'\"" or text[-1:] != text[:1]:
            raise UnreadableError("a text of it has no quotes")
        self.push(memoryview(codecs.escape_decode(text[1:-1])[0]))

    def text(self, form: str) -> None:
        self.push(str(self.counted(form), "utf-8", "surrogatepass"))

    def mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def pop_mark(self) -> None:
        self._since_mark()

    def duplicate(self) -> None:
        self.push(self._top())

    def tuple_of(self, count: int) -> None:
        self.push(tuple(reversed([self._pop() for _ in range(count)])))

    def items(self, make: Callable[[list[Any]], Any]) -> None:
        items = self._since_mark()
        self.push(make(items))

    def append(self) -> None:
        self._extend([self._pop()])

    def appends(self) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise UnreadableError("it appends to what is no list")
        target.extend(items)

    def set_item(self) -> None:
        value = self._pop()
        self._set([self._pop(), value])

    def set_items(self) -> None:
        self._set(self._since_mark())

    def _set(self, pairs: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, dict):
            raise UnreadableError("it sets an entry of what is no dictionary")
        target.update(_table(pairs))

    def put(self, index: int) -> None:
        self._memo[index] = self._top()

    def memoize(self) -> None:
        self.put(len(self._memo))

    def get(self, index: int) -> None:
        if index not in self._memo:
            raise UnreadableError("it takes what it has not given")
        self.push(self._memo[index])

    def name(self) -> None:
        module, name = self.line(_LONGEST_NAME), self.line(_LONGEST_NAME)
        self.push(_named(module.decode("latin-1"), name.decode("latin-1")))

    def stacked_name(self) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ForeignError("names something in a way that hides it")
        self.push(_named(module, name))

    def reduce(self) -> None:
        args, maker = self._pop(), self._pop()
        self.push(_made(maker, args))

    def new(self) -> None:
        args, maker = self._pop(), self._pop()
        self.push(_made(maker, args))

    def new_with_names(self) -> None:
        names, args, maker = self._pop(), self._pop(), self._pop()
        if names != {}:
            raise UnreadableError("it builds something with named arguments")
        self.push(_made(maker, args))

    def instance(self) -> None:
        self.name()
        maker = self._pop()
        self.push(_made(maker, tuple(self._since_mark())))

    def object_since_mark(self) -> None:
        maker, *args = self._since_mark() or [None]
        self.push(_made(maker, tuple(args)))

    def build(self) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Object) and target.state is None:
            target.state = state
        elif not isinstance(target, dict | list):  # of those, attributes are of no interest
            raise ForeignError("changes something that it has not built")

    def foreign(self) -> None:
        raise ForeignError("refers to things outside of it")


def _named(module: str, name: str) -> Name:
    kind = _KNOWN.get((module, name))
    if kind is None:
        raise ForeignError(f"names {_shown(module)}.{_shown(name)}")
    return Name(kind)


def _shown(name: str) -> str:
    """A stranger's words in a sentence: short, and without what a terminal would obey."""
    return re.sub(r"[^\w.\-]", "?", name, flags=re.ASCII)[:60]


def _made(maker: Any, args: Any) -> Any:
    if not isinstance(maker, Name) or not isinstance(args, tuple):
        raise ForeignError("calls something that has no name")
    if maker.kind == NEW:
        return _made(args[0], ()) if args else _made(None, ())
    if maker.kind == SEQUENCE:
        return list(args[0]) if args and isinstance(args[0], list | tuple) else []
    if maker.kind == TABLE:
        return _table([half for pair in _pairs(args) for half in pair])
    return Object(maker.kind, args)


def _pairs(args: tuple[Any, ...]) -> list[Any]:
    if args and isinstance(args[0], dict):
        return list(args[0].items())
    pairs = list(args[0]) if args and isinstance(args[0], list | tuple) else []
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise UnreadableError("a dictionary of it is none")
    return pairs


def _table(pairs: list[Any]) -> dict[Any, Any]:
    """A dictionary, from keys and values in turn. A key that is no text or number is of no use, and never hashed."""
    if len(pairs) % 2:
        raise UnreadableError("a dictionary of it has a key without a value")
    return {_key(pairs[i]): pairs[i + 1] for i in range(0, len(pairs), 2)}


def _key(value: Any) -> Any:
    if isinstance(value, memoryview):
        return str(value, "latin-1")
    return value if isinstance(value, str | int | float | None) else object()


_STEPS: dict[int, Callable[[_Machine], None]] = {
    code[0]: step
    for code, step in {
        b"\x80": lambda m: m.number("<B"),  # protocol
        b"\x95": lambda m: m.number("<Q"),  # frame
        b"N": lambda m: m.push(None),
        b"\x88": lambda m: m.push(True),
        b"\x89": lambda m: m.push(False),
        b"I": _Machine.int_line,
        b"L": lambda m: m.push(int(m.line(_LONGEST_NAME).rstrip(b"L"))),
        b"J": lambda m: m.push(m.number("<i")),
        b"K": lambda m: m.push(m.number("<B")),
        b"M": lambda m: m.push(m.number("<H")),
        b"\x8a": lambda m: m.long_bytes("<B"),
        b"\x8b": lambda m: m.long_bytes("<i"),
        b"F": lambda m: m.push(float(m.line(_LONGEST_NAME))),
        b"G": _Machine.real,
        b"S": _Machine.quoted,
        b"T": lambda m: m.push(m.counted("<i")),
        b"U": lambda m: m.push(m.counted("<B")),
        b"B": lambda m: m.push(m.counted("<I")),
        b"C": lambda m: m.push(m.counted("<B")),
        b"\x8e": lambda m: m.push(m.counted("<Q")),
        b"\x96": lambda m: m.push(m.counted("<Q")),
        b"V": lambda m: m.push(str(m.line(), "raw-unicode-escape")),
        b"X": lambda m: m.text("<I"),
        b"\x8c": lambda m: m.text("<B"),
        b"\x8d": lambda m: m.text("<Q"),
        b"(": _Machine.mark,
        b"0": _Machine.pop,
        b"1": _Machine.pop_mark,
        b"2": _Machine.duplicate,
        b")": lambda m: m.push(()),
        b"\x85": lambda m: m.tuple_of(1),
        b"\x86": lambda m: m.tuple_of(2),
        b"\x87": lambda m: m.tuple_of(3),
        b"t": lambda m: m.items(tuple),
        b"]": lambda m: m.push([]),
        b"l": lambda m: m.items(list),
        b"}": lambda m: m.push({}),
        b"d": lambda m: m.items(_table),
        b"\x8f": lambda m: m.push([]),  # a set
        b"\x91": lambda m: m.items(list),  # a frozen set
        b"a": _Machine.append,
        b"e": _Machine.appends,
        b"\x90": _Machine.appends,  # to a set
        b"s": _Machine.set_item,
        b"u": _Machine.set_items,
        b"p": lambda m: m.put(int(m.line(_LONGEST_NAME))),
        b"q": lambda m: m.put(m.number("<B")),
        b"r": lambda m: m.put(m.number("<I")),
        b"\x94": _Machine.memoize,
        b"g": lambda m: m.get(int(m.line(_LONGEST_NAME))),
        b"h": lambda m: m.get(m.number("<B")),
        b"j": lambda m: m.get(m.number("<I")),
        b"c": _Machine.name,
        b"\x93": _Machine.stacked_name,
        b"R": _Machine.reduce,
        b"\x81": _Machine.new,
        b"\x92": _Machine.new_with_names,
        b"i": _Machine.instance,
        b"o": _Machine.object_since_mark,
        b"b": _Machine.build,
        **dict.fromkeys(  # persistent ids, registered extensions, buffers beside the file
            (b"P", b"Q", b"\x82", b"\x83", b"\x84", b"\x97", b"\x98"), _Machine.foreign
        ),
    }.items()
}
