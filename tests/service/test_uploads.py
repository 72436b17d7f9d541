"""What clients send: known by its bytes, kept whole or not at all, limited before it is decoded."""

import hashlib
import http.client
import io
import os
import struct
import threading
import unicodedata
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
from by_hand import SOUND, animate
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from serving import TOKEN, Served, served, until

from vlogger_backend.errors import InputError
from vlogger_backend.kinds import HEAD, check_pixels, recognise
from vlogger_backend.service.uploads import LONGEST_NAME, MOST, clean_name


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "library") as service:
        yield service


def sound(container: str, codec: str, rate: int = 48_000) -> bytes:
    """A tenth of a second of silence, as an encoder writes it."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, rate // 10), np.int16), format="s16", layout="mono")
        frame.rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or None)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return file.getvalue()


def picture(form: str, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, form, **options)
    return file.getvalue()


def take() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, poses=np.zeros((3, 165)), fps=30.0)
    return file.getvalue()


def small_sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(320))
    return file.getvalue()


def from_on(content: bytes, mark: bytes) -> bytes:
    return content[content.index(mark) :]


FILES = {
    "wav": (small_sound, "sound", ".wav"),
    "flac": (lambda: sound("flac", "flac"), "sound", ".flac"),
    "ogg": (lambda: sound("ogg", "libopus"), "sound", ".ogg"),
    "mp3": (lambda: sound("mp3", "libmp3lame"), "sound", ".mp3"),
    "bare mp3": (lambda: from_on(sound("mp3", "libmp3lame"), b"\xff\xfb"), "sound", ".mp3"),
    "m4a": (lambda: sound("mp4", "aac"), "sound", ".mp4"),
    "aac": (lambda: sound("adts", "aac"), "sound", ".aac"),
    "mkv": (lambda: sound("matroska", "aac"), "sound", ".mkv"),
    "ac3": (lambda: sound("ac3", "ac3"), "sound", ".ac3"),
    "w64": (lambda: sound("w64", "pcm_s16le"), "sound", ".w64"),
    "mpeg": (lambda: sound("mpeg", "mp2"), "sound", ".mpg"),
    "ts": (lambda: sound("mpegts", "aac"), "sound", ".ts"),
    "aiff": (lambda: sound("aiff", "pcm_s16be"), "sound", ".aiff"),
    "avi": (lambda: sound("avi", "pcm_s16le"), "sound", ".avi"),
    "wma": (lambda: sound("asf", "libmp3lame"), "sound", ".wma"),
    "caf": (lambda: sound("caf", "pcm_s16le"), "sound", ".caf"),
    "au": (lambda: sound("au", "pcm_s16be"), "sound", ".au"),
    "png": (lambda: picture("PNG"), "picture", ".png"),
    "jpeg": (lambda: picture("JPEG"), "picture", ".jpg"),
    "progressive jpeg": (lambda: picture("JPEG", progressive=True), "picture", ".jpg"),
    "jpeg of a camera": (lambda: picture("JPEG", exif=b"Exif\0\0" + bytes(60_000)), "picture", ".jpg"),
    "webp": (lambda: picture("WEBP"), "picture", ".webp"),
    "lossless webp": (lambda: picture("WEBP", lossless=True), "picture", ".webp"),
    "animated webp": (
        lambda: picture("WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue")]), "picture", ".webp",
    ),
    "npz": (take, "take", ".npz"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_are_known_by_their_bytes(name: str) -> None:
    make, kind, suffix = FILES[name]
    content = make()
    what = recognise(content[:HEAD])
    assert (what.kind, what.suffix) == (kind, suffix)
    if kind == "picture":
        check_pixels(io.BytesIO(content), suffix)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_size_of_a_picture_is_read_from_its_header(form: str) -> None:
    suffix = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}[form]
    check_pixels(io.BytesIO(picture(form, (7, 3))), suffix)
    for cut in (12, 20, 30):
        with pytest.raises(InputError, match="0 x 0"):
            check_pixels(io.BytesIO(picture(form)[:12] + bytes(cut)), suffix)


def test_a_picture_that_would_fill_the_memory_is_refused_unread(service: Served) -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    answer = service.client.upload(bomb, "small.png")
    assert answer.status == 422
    assert "60000 x 60000 pixels" in answer.error
    assert nothing_left(service)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"R", b"RIFF", b"RIFF\0\0\0\0ACON", b"MZ\x90\0", b"#!/bin/sh\n", b"\x7fELF", b"PK\x03\x04" + bytes(40),
        b"PK\x05\x06", b"#EXTM3U\n/etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"<svg/>", b"%PDF-1.7",
        b"GIF89a", b"\x80\x04\x95", b"\x93NUMPY", b"BM" + bytes(60), b"II*\0", b"\xff\xff\xff\xff", bytes(100),
    ],
)  # fmt: skip
def test_what_is_none_of_them_is_refused(service: Served, content: bytes) -> None:
    answer = service.client.upload(content)
    assert answer.status == 422
    assert "no sound" in answer.error
    assert nothing_left(service)


def nothing_left(service: Served) -> bool:
    return set(os.listdir(service.library.uploads)) <= {f"{SOUND}.wav", "names.json"}


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF....WEBP", b"PK\x03\x04"]),
)
@example(b"\xff" * 100, b"\xff\xd8\xff")
@example(b"\xe0\0\0" * 60, b"\xff\xd8\xff")
def test_no_bytes_break_the_recognition(content: bytes, start: bytes) -> None:
    content = start + content
    try:
        what = recognise(content[:HEAD])
        if what.kind == "picture":
            check_pixels(io.BytesIO(content), what.suffix)
    except InputError:
        pass


def test_the_same_bytes_are_one_upload(service: Served) -> None:
    content = small_sound()
    answer = service.client.upload(content, "first%20name.wav")
    assert answer.status == 201
    id = hashlib.sha256(content).hexdigest()
    assert answer.json == {"id": id, "name": "first name.wav", "size": len(content), "kind": "sound"}
    assert service.client.upload(content, "second.mp3").json["id"] == id
    listed = service.client.get("/v1/uploads").json["uploads"]
    assert [upload["name"] for upload in listed if upload["id"] == id] == ["second.mp3"]
    assert (service.library.uploads / f"{id}.wav").read_bytes() == content
    assert not [name for name in os.listdir(service.library.uploads) if name.startswith(".")]
    assert service.queue.resolve(f"upload:{id}").read_bytes() == content


def test_large_uploads_arrive_as_they_were(service: Served) -> None:
    content = small_sound() + os.urandom(5_000_000)
    assert service.client.upload(content).json["id"] == hashlib.sha256(content).hexdigest()


def test_an_upload_without_a_length_arrives_as_well(service: Served) -> None:
    content = small_sound()
    with closing(http.client.HTTPConnection("127.0.0.1", service.client.port, timeout=30)) as connection:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", "/v1/uploads", iter([content[:100], content[100:]]), headers, encode_chunked=True)
        assert connection.getresponse().status == 201


def test_names_are_kept_when_the_service_starts_again(tmp_path: Path) -> None:
    content = small_sound()
    with served(tmp_path / "library") as service:
        service.client.upload(content, "%D0%B4%D0%B0.wav")
    with served(tmp_path / "library") as service:
        names = {upload["id"]: upload["name"] for upload in service.client.get("/v1/uploads").json["uploads"]}
        assert names == {hashlib.sha256(content).hexdigest(): "да.wav", SOUND: ""}
        (service.library.uploads / "names.json").write_text("[1")
    with served(tmp_path / "library") as service:
        assert len(service.client.get("/v1/uploads").json["uploads"]) == 2


@given(st.text(max_size=300))
@example("../../etc/passwd")
@example("C:\\Users\\someone\\line.wav")
@example("\x1b[31mred\u202egpj.exe")
@example("a" * 1000)
def test_a_name_is_only_a_label(name: str) -> None:
    label = clean_name(name)
    assert len(label) <= LONGEST_NAME
    assert "/" not in label
    assert "\\" not in label
    assert not any(unicodedata.category(c).startswith("C") for c in label)  # control characters, reversed writing


def test_uploads_are_deleted_unless_a_job_needs_them(service: Served) -> None:
    id = service.client.upload(small_sound()).json["id"]
    job, _ = service.queue.submit(animate())
    assert service.client.ask("DELETE", f"/v1/uploads/{SOUND}").status == 409
    service.queue.cancel(job.id)
    assert service.client.ask("DELETE", f"/v1/uploads/{SOUND}").status == 204
    assert service.client.ask("DELETE", f"/v1/uploads/{id}").status == 204
    assert nothing_left(service)
    for gone in (id, "x", "..%2ftoken", "names"):
        answer = service.client.ask("DELETE", f"/v1/uploads/{gone}")
        assert answer.status == 404


def test_a_client_that_goes_leaves_nothing_behind(service: Served) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", service.client.port, timeout=30)) as connection:
        connection.putrequest("POST", "/v1/uploads")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Content-Length", "100000000")
        connection.endheaders(small_sound() + bytes(3_000_000))
        until(lambda: not nothing_left(service))
    until(lambda: nothing_left(service))


def test_what_doesnt_fit_is_refused_before_it_comes(tmp_path: Path) -> None:
    with served(tmp_path / "library") as service:
        object.__setattr__(service.library, "quota", 1000)
        announced = {"Content-Length": "2000"}
        with service.client.open(
            "POST", "/v1/uploads", small_sound() + bytes(2000 - len(small_sound())), announced
        ) as said:
            assert said.status == 507
        assert nothing_left(service)
        assert service.client.upload(small_sound()).status == 201


def test_a_full_disk_is_told(small_disk: Path) -> None:
    with served(small_disk / "library") as service:
        answer = service.client.upload(small_sound())
        assert answer.status == 507
        assert "disk" in answer.error
        assert nothing_left(service)
        assert service.client.get("/v1/health").status == 200


def test_there_are_not_endlessly_many(service: Served) -> None:
    for number in range(MOST):
        (service.library.uploads / f"{number:064x}.wav").touch()
    answer = service.client.upload(small_sound())
    assert answer.status == 507
    assert "10,000" in answer.error


def test_many_uploads_at_once(service: Served) -> None:
    contents = [small_sound() + os.urandom(200_000) for _ in range(8)]
    ids: list[str] = []
    clients = [
        threading.Thread(target=lambda content=content: ids.append(service.client.upload(content).json["id"]))
        for content in contents
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sorted(ids) == sorted(hashlib.sha256(content).hexdigest() for content in contents)
