from __future__ import annotations

import base64

from core.interfaces import GivenFile
from integrations.acp.content import LARGEST_IMAGE, LONGEST_TEXT, write_blocks, write_file

BOTH = ("image", "embeddedContext")
PICTURE = GivenFile("a b.png", "image/png", "/home/files/a b.png", b"\x89PNG")
NOTES = GivenFile("notes.txt", "text/plain", "/home/files/notes.txt", "ä".encode())


def test_words_come_first_and_each_file_has_its_way() -> None:
    text, image, resource = write_blocks("do it", (PICTURE, NOTES), BOTH)
    assert text == {"type": "text", "text": "do it"}
    data = base64.b64encode(b"\x89PNG").decode()
    assert image == {"type": "image", "mimeType": "image/png", "data": data, "uri": "file:///home/files/a%20b.png"}
    inner = {"uri": "file:///home/files/notes.txt", "mimeType": "text/plain", "text": "ä"}
    assert resource == {"type": "resource", "resource": inner}


def test_what_an_agent_cannot_take_it_gets_as_a_place() -> None:
    link = {
        "type": "resource_link",
        "uri": "file:///home/files/notes.txt",
        "name": "notes.txt",
        "mimeType": "text/plain",
    }
    assert write_file(NOTES, ("image",)) == {**link, "size": 2}
    assert write_file(PICTURE, ("embeddedContext",))["type"] == "resource_link"


def test_what_is_too_large_goes_as_a_place() -> None:
    text = GivenFile("n", "text/plain", "/n", b"x" * (LONGEST_TEXT + 1))
    image = GivenFile("n", "image/png", "/n", b"x" * (LARGEST_IMAGE + 1))
    assert [write_file(file, BOTH)["type"] for file in (text, image)] == ["resource_link"] * 2
