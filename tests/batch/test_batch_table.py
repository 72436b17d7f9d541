"""The table of a batch: what people's programs write is understood, and everything wrong in it is said at once."""

import contextlib
import csv
import io
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from licensed_files import small_model, write_model

from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.batch.cells import name_of_text, output_name
from vlogger_backend.batch.lines import Line, read_script
from vlogger_backend.batch.problems import Problem, ProblemsError
from vlogger_backend.batch.table import read_table
from vlogger_backend.errors import InputError
from vlogger_backend.request import Body, Style

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two recordings; nobody decodes them while a table is read."""
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "sub/b.wav"):
        (tmp_path / name).write_bytes(b"sound")
    return tmp_path


def read(folder: Path, table: str, characters: str | None = None, products: tuple[str, ...] = ()) -> list[Line]:
    path = folder / "lines.csv"
    path.write_bytes(table.encode())
    who = None
    if characters is not None:
        who = folder / "who.toml"
        who.write_text(characters, "utf-8")
    return list(read_script(path, folder / "out", who, products).lines)


def problems(folder: Path, table: str, characters: str | None = None, products: tuple[str, ...] = ()) -> list[Problem]:
    with pytest.raises(ProblemsError) as error:
        read(folder, table, characters, products)
    assert not (folder / "out").exists(), "nothing is made before all is right"
    return list(error.value.found)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_whatever_a_spreadsheet_writes_is_read(folder: Path, mark: str, separator: str, end: str) -> None:
    rows = [
        [" Text ", "AUDIO", "Notes", "style", "Output_Name", "fps", "character"],
        ['"Say ""hi"",\nor; go"', "a.wav", "x", '"energy=1,4 gesture=0.5"', "act1\\hello", '"29,97"', '"gender=1"'],
        ["", "", "", "", "", "", ""],
        ["", '"sub/b.wav"', "", "", "", "", ""],
    ]
    spoken, plain = read(folder, mark + end.join(separator.join(row) for row in rows) + end)
    assert (spoken.number, spoken.row, spoken.name) == (2, 2, "act1/hello")
    assert spoken.request.text is not None
    assert spoken.request.text.split() == ["Say", '"hi",', "or;", "go"]
    assert spoken.request.style == Style(energy=1.4, gesture=0.5)
    assert spoken.request.fps == 29.97
    assert spoken.request.body == Body(gender=1)
    assert (plain.number, plain.row, plain.name) == (5, 4, "sub/b"), "a line is where an editor shows it"
    assert plain.request.audio == str(folder / "sub" / "b.wav")


@QUICK
@given(st.lists(TEXT, min_size=1, max_size=8), st.sampled_from(",;\t"))
def test_any_text_comes_back_as_it_was(folder: Path, texts: list[str], separator: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(["output", "text"])
    writer.writerows([str(i), f"a {text}\nb"] for i, text in enumerate(texts))
    assert [line.request.text for line in read(folder, out.getvalue())] == [f"a {text}\nb".strip() for text in texts]


@QUICK
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: f"audio,text\n{text}".encode())))
@example(b'text\n"' + b"x" * 200_000)
@example(b"audio\n" + b"a" * 5_000)
def test_no_file_makes_the_reader_stumble(folder: Path, data: bytes) -> None:
    path = folder / "odd.csv"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        read_script(path, folder / "out", None, ())


def test_every_wrong_cell_is_told_at_once(folder: Path) -> None:
    table = (
        "audio,text,language,style,output,seed,fps,character\n"
        "none.wav,,,,,,,\n"
        ",Hello,klingon,energy=3,../out,-1,0,gender=2\n"
        "a.wav,...,en,energy,/x,1.5,fast,wings=1\n"
        ",,,energy=1,,,,\n"
        'a.wav,Yes,en,,"x"y,,,\n'
        "a.wav,Yes,en,,one,,,,,and more\n"
        "sub,,,,,,,\n"
    )
    found = problems(folder, table)
    assert [(problem.line, problem.column) for problem in found] == [
        (2, "audio"),
        *((3, column) for column in ("character", "language", "style", "seed", "fps", "output")),
        *((4, column) for column in ("character", "style", "seed", "fps", "text", "output")),
        (5, ""), (6, ""), (7, ""), (8, "audio"),
    ]  # fmt: skip
    text = "\n".join(map(str, found))
    for said in ("none.wav", "klingon", "leads out", "wings", "quotation marks", "neither audio nor text", "a folder"):
        assert said in text
    assert all(problem.sentence.endswith(".") for problem in found)


@QUICK
@given(st.one_of(TEXT, st.text(st.sampled_from("./\\ab: "), max_size=12)))
@example("../x")
@example("..\\x")
@example("C:x")
@example("C:\\x")
@example("\\\\host\\share")
@example("~/x")
@example("a/../../x")
def test_no_name_leads_out_of_the_folder(cell: str) -> None:
    try:
        name = output_name(cell.strip())
    except InputError:
        return
    path = PurePosixPath(name)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.parts
    assert not set(name) & set('\\:*?"<>|')


def test_names_are_made_where_none_is_given(folder: Path) -> None:
    lines = read(folder, f"audio,text\na.wav,\nsub/b.wav,\n{folder / 'sub' / 'b.wav'},\n,Don't go! Not yet.\n")
    assert [line.name for line in lines] == ["a", "sub/b", "b", "dont-go-not-yet"]
    assert name_of_text("Съешь же ещё") == "съешь-же-ещё"
    assert len(name_of_text("слово " * 100).encode()) <= 48
    [problem] = problems(folder, "text\nCON\n")
    assert problem.column == "output"


def test_two_lines_cannot_have_one_name(folder: Path) -> None:
    [case, made] = problems(folder, "text,output\nHello,act/A\nYes,ACT/a\nHello there,\nHello there!,\n")
    assert (case.line, made.line) == (3, 5)
    assert "line 2" in case.sentence


def test_no_recording_is_overwritten(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    (out / "mine.wav").write_bytes(b"RIFF a recording of somebody")
    (out / "film.mp4").write_bytes(b"sound")
    table = "audio,text,output\n,Hello,mine\nout/film.mp4,,film\n"
    with pytest.raises(ProblemsError) as error:
        read(folder, table, products=(".mp4",))
    mine, film = error.value.found
    assert (mine.line, film.line) == (2, 3)
    assert "is not by our voice" in mine.sentence
    assert "overwrite" in film.sentence
    assert [line.name for line in read(folder, "audio,output\nout/mine.wav,mine\nout/film.mp4,film\n")] == [
        "mine", "film",
    ]  # fmt: skip


CHARACTERS = """
[maria]
body = { gender = 1, age = 0.6 }
style = { gesture = 1.5, head = 0.5 }
seed = 4
language = "es"
["Old Tom"]
voice = "female"
"""


def test_characters_are_named_once_and_cells_come_first(folder: Path) -> None:
    table = "text,character,style,seed,language\nhola,Maria,head=2,,\nhello, OLD  tom ,,7,de\nyes,gender=1,,,\nno,,,,\n"
    maria, tom, woman, man = read(folder, table, CHARACTERS)
    assert maria.request.body == Body(gender=1, age=0.6)
    assert maria.request.style == Style(gesture=1.5, head=2)
    assert (maria.request.seed, maria.request.language, maria.voice) == (4, "es", "female")
    assert (tom.request.seed, tom.request.language, tom.voice) == (7, "de", "female")
    assert (woman.voice, man.voice) == ("female", "male")


def test_wrong_characters_are_told_with_the_lines(folder: Path) -> None:
    wrong = '[maria]\nbody = { gender = 7 }\nvoice = "loud"\nseed = true\n[tom]\nlanguage = "xx"\nhat = 1\n'
    found = problems(folder, "text,character\nhola,mary\n", f"who = 1\n{wrong}")
    assert [problem.column for problem in found] == [
        "who", "maria, body", "maria, voice", "maria, seed", "tom, language", "tom, hat", "character",
    ]  # fmt: skip
    assert "maria" in found[-1].sentence
    [unknown] = problems(folder, "text,character\nhola,mary\n")
    assert "--characters" in unknown.sentence


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models of the user's: smplh-female and flame-2020."""
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    shelf.add(write_model(tmp_path / "SMPLH_FEMALE.npz", small_model("smplh", 16), "npz"))
    shelf.add(write_model(tmp_path / "FLAME2020.pkl", small_model("flame"), "python 3"), "flame-2020")


@pytest.mark.usefixtures("models")
def test_a_body_is_sliders_or_a_model_of_the_users(folder: Path) -> None:
    who = '[anna]\nbody = "smplh-female"\nseed = 3\n[tom]\nbody = { age = 0.6 }\n'
    table = "text,character,body\na,anna,\nb,anna,flame-2020\nc,tom,smplh-female\nd,,gender=1\ne,age=0.9,\n"
    anna, head, tom, woman, old = read(folder, table, who)
    assert (anna.request.body, anna.request.seed, anna.voice) == ("smplh-female", 3, "female")
    assert (head.request.body, head.request.seed, head.voice) == ("flame-2020", 3, "male")
    assert (tom.request.body, tom.voice) == ("smplh-female", "female")
    assert (woman.request.body, old.request.body) == (Body(gender=1), Body(age=0.9))


@pytest.mark.usefixtures("models")
def test_a_model_that_cannot_be_used_is_told_before_anything_is_made(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "FLAME2020.pkl").unlink()
    table = "text,character,body\na,,smplx-neutral\nb,,flame-2020\nc,anna,\nd,,gender=2\n"
    found = problems(folder, table, '[anna]\nbody = "smplx"\n[tom]\nbody = 1\n')
    assert [(problem.line, problem.column) for problem in found] == [
        (0, "anna, body"), (0, "tom, body"), (2, "body"), (3, "body"), (5, "body"),
    ]  # fmt: skip
    said = ("flame-2020, smplh-female", "model's name", "no model", "no longer at", "0 and 1")
    assert [says in problem.sentence for problem, says in zip(found, said, strict=True)] == [True] * len(said)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "empty"),
        ("who,what\na,b\n", "neither a column audio nor one called text"),
        ("text\n", "no lines"),
        ("\xff", "neither a column audio"),
    ],
)
def test_what_is_no_table_is_one_sentence(folder: Path, table: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(folder, table)


def test_files_that_cannot_be_read_are_one_sentence(folder: Path) -> None:
    (folder / "latin.csv").write_bytes("text\nGrüße\n".encode("latin-1"))
    for name, says in (("latin.csv", "UTF-8"), ("none.csv", "can't be read"), ("sub", "not a file")):
        with pytest.raises(InputError, match=says):
            read_script(folder / name, folder / "out", None, ())
    with pytest.raises(InputError, match="TOML"):
        read(folder, "text\nhello\n", "[maria\n")


def test_the_report_never_overwrites_the_table(folder: Path) -> None:
    (folder / "report.csv").write_text("text\nhello\n")
    with pytest.raises(InputError, match="overwritten by the report"):
        read_script(folder / "report.csv", folder, None, ())


def test_a_misspelt_column_is_told_others_are_left_alone(folder: Path) -> None:
    found: list[Problem] = []
    (folder / "lines.csv").write_text("text,charcter,notes,actor\nhello,,x,y\n")
    table = read_table(folder / "lines.csv", found)
    assert [problem.column for problem in found] == ["charcter"]
    assert "character" in found[0].sentence
    assert table.unused == ("charcter", "notes", "actor")
