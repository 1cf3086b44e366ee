"""Reads a command as a shell would, as far as that can be known without running it. Pure.

What is not known is a hole: a word with a hole may be anything that fits around it. Nothing that would be run is left
out: substitutions, here-documents and the parts of a compound command are parts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from core.rules.expansion import CLOSE, COMMA, ESCAPE, OPEN, decode_escape, expand_braces, restore_braces
from core.rules.part import HOLE, Part, Script, Word

LONGEST = 64_000
DEEPEST = 6
_BRACES = {"{": OPEN, ",": COMMA, "}": CLOSE}
_PRIVATE = re.compile("[\ue000-\ue00f]")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_IFS = re.compile(r"IFS(?:\W.*)?", re.ASCII | re.DOTALL)


def read_script(text: str, depth: int = 0) -> Script:
    """A command line as a shell reads it."""
    if len(text) > LONGEST or depth > DEEPEST:
        return Script([Part((Word(HOLE),), certain=False, open=True)], plain=False, broken=True)
    return Reader(_PRIVATE.sub(HOLE, text), depth).read()


def read_argv(words: Sequence[str]) -> Script:
    """A command that no shell reads."""
    return Script([Part(tuple(Word(word, word) for word in words))])


class Reader:
    """Reads one text, up to its end or to a closing mark."""

    def __init__(self, text: str, depth: int, at: int = 0, stop: str = "") -> None:
        self._text, self._depth, self.at, self._stop = text, depth, at, stop
        self.script = Script()
        self._words: list[Word] = []
        self._fed: list[str] = []
        self._word: str | None = None
        # Within a word of which nothing is left so far: a `#` is no comment there.
        self._begun = False
        self._shape = ""
        self._redirect = ""
        self._delimiters: list[tuple[str, bool]] = []
        self._groups = 0
        self._piped = False
        self._done = False
        self._handlers: dict[str, Callable[[], None]] = {
            "'": self._read_single,
            '"': self._read_double,
            "\\": self._read_escape,
            "$": self._read_dollar,
            "`": self._read_backticks,
            "#": self._read_comment,
            "|": self._read_pipe,
            "&": self._read_ampersand,
            "\n": self._read_newline,
            **dict.fromkeys(" \t", self._read_blank),
            **dict.fromkeys(";(", self._read_mark),
            ")": self._read_close,
            **dict.fromkeys("<>", self._read_redirect),
            **dict.fromkeys("*?[", self._read_glob),
            **dict.fromkeys("{,}", self._read_brace),
        }

    def read(self) -> Script:
        """Everything up to the end."""
        while self.at < len(self._text) and not self._done:
            handler = self._handlers.get(self._text[self.at])
            if handler:
                handler()
            else:
                self._put(self._text[self.at])
                self.at += 1
        if self._stop and not self._done:
            self.script.broken = True
        self._end_part()
        if len(self.script.parts) != 1 or self.script.broken:
            self.script.plain = False
        return self.script

    # --------------------------------------------------------------------------------------------------------- words

    def _put(self, text: str, shape: str | None = None) -> None:
        self._word = (self._word or "") + text
        self._shape += text if shape is None else shape

    def _end_word(self) -> None:
        was_begun, self._begun = self._begun, False
        if self._word is None:
            self._redirect = "" if was_begun else self._redirect
            return
        words = [self._word] if OPEN not in self._word else expand_braces(self._word)
        shapes = [self._shape] if OPEN not in self._shape else expand_braces(self._shape)
        made = [Word(restore_braces(text), restore_braces(shape)) for text, shape in zip(words, shapes, strict=False)]
        self._word, self._shape = None, ""
        match self._redirect:
            case "file":
                self.script.targets += made
            case "text":
                self._fed += [word.text for word in made]
            case "here" | "here-":
                self._delimiters += [(word.text, self._redirect == "here-") for word in made]
            case _:
                self._words += made
        self._redirect = ""

    def _end_part(self, *, piped: bool = False) -> None:
        self._end_word()
        if self._words or self._fed:
            self.script.parts.append(Part(tuple(self._words), piped=self._piped, fed=tuple(self._fed)))
        self._words, self._fed, self._piped, self._redirect = [], [], piped, ""

    def _include(self, script: Script, *, certain: bool = True) -> None:
        """Parts that are run within this one."""
        self.script.plain = False
        self.script.broken = self.script.broken or script.broken
        self.script.targets += script.targets
        for part in script.parts:
            sure = part.certain and certain
            self.script.parts.append(Part(part.words, sure, part.open, part.piped, part.fed, part.assigned))

    # --------------------------------------------------------------------------------------------------------- marks

    def _read_blank(self) -> None:
        self._end_word()
        self.at += 1

    def _read_mark(self) -> None:
        self.script.plain = False
        self._groups += self._text[self.at] == "("
        self._end_part()
        self.at += 1

    def _read_close(self) -> None:
        self.script.plain = False
        self._end_part()
        self.at += 1
        if self._groups:
            self._groups -= 1
        elif self._stop == ")":
            self._done = True

    def _read_pipe(self) -> None:
        self.script.plain = False
        following = self._text[self.at + 1 : self.at + 2]
        self._end_part(piped=following != "|")
        self.at += 2 if following in ("|", "&") and following else 1

    def _read_ampersand(self) -> None:
        self.script.plain = False
        if self._text[self.at + 1 : self.at + 2] == ">":
            self._end_word()
            self.at += 1
            return self._read_redirect()
        self._end_part()
        self.at += 1
        return None

    def _read_newline(self) -> None:
        self.script.plain = False
        self._end_word()
        self.at += 1
        for delimiter, is_indented in self._delimiters:
            self._fed.append(self._read_document(delimiter, is_indented))
        self._delimiters = []
        self._end_part()

    def _read_document(self, delimiter: str, is_indented: bool) -> str:
        lines: list[str] = []
        while self.at < len(self._text):
            end = self._text.find("\n", self.at)
            end = len(self._text) if end < 0 else end
            line = self._text[self.at : end]
            self.at = min(end + 1, len(self._text))
            if (line.lstrip("\t") if is_indented else line) == delimiter:
                break
            lines.append(line)
        return "\n".join(lines)

    def _read_comment(self) -> None:
        if self._word is not None or self._begun:
            self._put("#")
            self.at += 1
            return
        self.script.plain = False
        end = self._text.find("\n", self.at)
        self.at = len(self._text) if end < 0 else end

    def _read_redirect(self) -> None:
        self.script.plain = False
        if self._word is not None and self._word.isdigit():
            self._word, self._shape = None, ""
        self._end_word()
        found = re.compile(r"<<<|<<-?|[<>]\(|[<>]{1,2}[&|]?|<>").match(self._text, self.at)
        mark = found[0] if found else self._text[self.at]
        self.at += len(mark)
        if mark in ("<(", ">("):
            self._read_nested(")")
            self._put(HOLE)
            return
        self._redirect = {"<<<": "text", "<<": "here", "<<-": "here-"}.get(mark, "file")

    # -------------------------------------------------------------------------------------------------------- quotes

    def _read_single(self) -> None:
        end = self._text.find("'", self.at + 1)
        self.script.broken = self.script.broken or end < 0
        end = len(self._text) if end < 0 else end
        self._put(self._text[self.at + 1 : end])
        self.at = end + 1

    def _read_escape(self) -> None:
        self.script.plain = False
        following = self._text[self.at + 1 : self.at + 2]
        if following != "\n":
            self._put(following or "\\")
        self.at += 2

    def _read_double(self) -> None:
        self._put("")
        self.at += 1
        while self.at < len(self._text):
            char = self._text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "$":
                self._read_dollar(is_quoted=True)
            elif char == "`":
                self._read_backticks()
            elif char == "\\":
                self._read_quoted_escape()
            else:
                self._put(char)
                self.at += 1
        self.script.broken = True

    def _read_quoted_escape(self) -> None:
        self.script.plain = False
        following = self._text[self.at + 1 : self.at + 2]
        if following == "\n":
            pass
        elif following and following in '$`"\\':
            self._put(following)
        else:
            self._put(f"\\{following}")
        self.at += 2

    def _read_backticks(self) -> None:
        end = self.at + 1
        while end < len(self._text) and self._text[end] != "`":
            end += 2 if self._text[end] == "\\" else 1
        self.script.broken = self.script.broken or end >= len(self._text)
        inner = re.sub(r"\\([`$\\])", r"\1", self._text[self.at + 1 : end])
        self._include(read_script(inner, self._depth + 1))
        self._put(HOLE)
        self.at = end + 1

    # -------------------------------------------------------------------------------------------------------- dollars

    def _read_dollar(self, *, is_quoted: bool = False) -> None:
        self.script.plain = False
        self.at += 1
        self._skip_breaks()
        following = self._text[self.at : self.at + 1]
        if following == "(":
            self.at += 1
            self._read_nested(")")
            self._put(HOLE)
        elif following == "{":
            self._read_parameter(is_quoted)
        elif following == "'" and not is_quoted:
            self._read_coded()
        elif following == '"' and not is_quoted:
            self._read_double()
        else:
            self._read_variable(is_quoted)

    def _read_nested(self, stop: str) -> None:
        if self._depth >= DEEPEST:
            self.script.broken = True
            self.at = len(self._text)
            return
        reader = Reader(self._text, self._depth + 1, self.at, stop)
        self._include(reader.read())
        self.at = reader.at

    def _read_parameter(self, is_quoted: bool) -> None:
        end = self._text.find("}", self.at)
        self.script.broken = self.script.broken or end < 0
        end = len(self._text) if end < 0 else end
        name = self._text[self.at + 1 : end]
        self.at = end + 1
        if re.search(r"[$`]", name):
            self._include(read_script(name, self._depth + 1), certain=False)
            self._put(HOLE)
            return
        self._put_variable(name, is_quoted)

    def _read_variable(self, is_quoted: bool) -> None:
        found = _NAME.match(self._text, self.at)
        if found:
            self._put_variable(self._read_name(), is_quoted)
            return
        following = self._text[self.at : self.at + 1]
        if following and following in "@*123456789!":
            self.at += 1
            self._begun = True
        elif following and following in "#?$0-":
            self.at += 1
            self._put(HOLE)
        else:
            self._put("$")

    def _read_name(self) -> str:
        """A name goes on behind a broken line."""
        name = ""
        while found := re.compile(r"\w+", re.ASCII).match(self._text, self.at):
            name += found[0]
            self.at = found.end()
            self._skip_breaks()
        return name

    def _skip_breaks(self) -> None:
        while self._text.startswith("\\\n", self.at):
            self.at += 2

    def _put_variable(self, name: str, is_quoted: bool) -> None:
        if _IFS.fullmatch(name):
            if is_quoted:
                self._put(" ")
            else:
                self._end_word()
                self._begun = True
        elif name in ("@", "*") or name.isdigit():
            self._begun = True
        else:
            self._put({"HOME": "~", "PWD": "."}.get(name, HOLE))

    def _read_coded(self) -> None:
        found = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self._text, self.at)
        if found is None:
            self.script.broken = True
            self.at = len(self._text)
            return
        self._put(ESCAPE.sub(decode_escape, found[1]))
        self.at = found.end()

    # --------------------------------------------------------------------------------------------------------- globs

    def _read_glob(self) -> None:
        self.script.plain = False
        is_test = self._text[self.at] == "[" and self._text[self.at + 1 : self.at + 2].isspace()
        self._put(self._text[self.at], self._text[self.at] if is_test else HOLE)
        self.at += 1
        if self._text[self.at - 1] == "[" and (end := self._text.find("]", self.at, self.at + 40)) > 0:
            inner = self._text[self.at : end + 1]
            if not re.search(r"[\s;&|()<>$`'\"\\]", inner):
                self._put(inner, "")
                self.at = end + 1

    def _read_brace(self) -> None:
        char = self._text[self.at]
        if char != ",":
            self.script.plain = False
        self._put(_BRACES[char])
        self.at += 1
