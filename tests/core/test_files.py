from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from core.files import FileRef, clean_name, judge_kind, part_names, refer_to, say_size

PNG = b"\x89PNG\r\n\x1a\n rest"


@given(st.text(max_size=400))
@example("../../etc/passwd")
@example("a" * 119 + " b")
@example("a\x00b\nc\u202egnp.exe")
@example("~/x")
@example("--force")
@example("…" * 200 + ".png")
def test_a_clean_name_is_safe_whatever_came(name: str) -> None:
    clean = clean_name(name)
    assert clean
    assert clean not in (".", "..")
    assert clean.isprintable()
    assert not set(clean) & set('/\\:*?"<>|`')
    assert not clean.startswith(("-", "~"))
    assert len(clean.encode()) <= 120
    assert clean_name(clean) == clean


def test_a_good_name_stays() -> None:
    for name in ("notes.txt", ".env.test", "Überblick 2.png", "日本.md"):
        assert clean_name(name) == name
    assert clean_name("x" * 300 + ".png").endswith("xx.png")


def test_what_is_in_it_says_what_it_is() -> None:
    assert judge_kind(PNG) == "image/png"
    assert judge_kind(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert judge_kind(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert judge_kind(b"GIF89a") == "image/gif"
    assert judge_kind("ä".encode()) == "text/plain"
    assert judge_kind(b"") == "text/plain"
    assert judge_kind(b"a\0b") == "application/octet-stream"
    assert judge_kind(b"\xff\xfe\x00") == "application/octet-stream"
    assert judge_kind(b"%PDF-1.7") == "application/pdf"


@given(st.lists(st.sampled_from(["a.txt", "A.TXT", "a-2.txt", "b", "B", ".env"]), max_size=20))
def test_no_name_is_there_twice(names: list[str]) -> None:
    parted = part_names([FileRef(name, "text/plain", 1, name) for name in names])
    assert [file.sha256 for file in parted] == names
    assert len({file.name.casefold() for file in parted}) == len(names)


def test_a_reference_finds_its_content() -> None:
    one, other = refer_to("a/b.txt", b"x"), refer_to("c.txt", b"x")
    assert (one.name, one.size, one.sha256) == ("a_b.txt", 1, other.sha256)
    assert [say_size(size) for size in (12, 3_400, 1_200_000)] == ["12 bytes", "3.4 kB", "1.2 MB"]
