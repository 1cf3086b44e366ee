"""What a command runs beside itself: behind `env`, `sudo`, `sh -c`, `xargs`, `find -exec` and the like. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from core.rules.part import HOLE, Part, Script, Word, gather_words, trim_lead
from core.rules.shell import DEEPEST, read_script

SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh", "tcsh", "rbash", "pwsh", "su"))
FEEDABLE = SHELLS | {"eval", "source", "."}
# Letters of the options that take a value, and how many words stand between them and the command.
WRAPPERS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("nohup", "setsid", "builtin", "busybox", "toybox", "unshare", "fakeroot", "chronic"), ("", 0)),
    **dict.fromkeys(("command", "catchsegv", "linux32", "linux64", "caffeinate", "unbuffer", "torsocks"), ("", 0)),
    **dict.fromkeys(("pkexec", "systemd-run", "setpriv", "xvfb-run", "ccache", "firejail", "proxychains"), ("", 0)),
    **dict.fromkeys(("gosu", "su-exec", "flock", "setarch", "taskset", "chroot", "cpulimit"), ("", 1)),
    **dict.fromkeys(("timeout", "gtimeout"), ("ks", 1)),
    **dict.fromkeys(("time", "gtime"), ("fo", 0)),
    **dict.fromkeys(("strace", "ltrace"), ("aeEIoOpPsSuUX", 0)),
    **dict.fromkeys(("xargs", "gxargs"), ("aEIdLnPs", 0)),
    **dict.fromkeys(("nice", "gnice"), ("n", 0)),
    **dict.fromkeys(("env", "genv"), ("uCS", 0)),
    "sudo": ("ugpCDhrtRTU", 0),
    "doas": ("uC", 0),
    "exec": ("a", 0),
    "stdbuf": ("ioe", 0),
    "ionice": ("cnpPu", 0),
    "chrt": ("TPD", 1),
    "nsenter": ("tSG", 0),
    "runuser": ("ugG", 0),
    "parallel": ("jIaS", 0),
    "watch": ("nq", 0),
    "coproc": ("", 0),
}
OPEN = frozenset(("xargs", "gxargs", "parallel"))
LONG_VALUES = gather_words(
    "--user --group --chdir --unset --signal --kill-after --adjustment --input --output --error "
    "--max-args --arg-file --delimiter --max-procs --class --classdata --interval"
)
SPLIT = ("-S", "--split-string")
EXECUTING = frozenset(("-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"))
FINDERS = frozenset(("find", "gfind", "fd", "fdfind", "bfs"))
INTERPRETERS = gather_words(
    "python pypy perl ruby node nodejs php lua luajit deno bun osascript tclsh Rscript R groovy ipython "
    "jshell pwsh powershell"
)
PROGRAMS_IN_WORDS = frozenset(("awk", "gawk", "mawk", "nawk", "ed", "ex", "vi", "vim", "nvim", "emacs", "gdb", "lldb"))
GIT_VALUES = frozenset(("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"))
# Settings of git that name no program, no other command and no other file of settings.
_TAME = re.compile(
    r"(?:(?:user|author|committer|color|advice)\.\w[\w.]*|core\.(?:quotepath|autocrlf|eol|abbrev)|(?:commit|tag)\.gpgsign"
    r"|init\.defaultbranch|safe\.directory|protocol\.version)(?:=|$)",
    re.ASCII | re.IGNORECASE,
)
# What they are given is never run by them.
INERT = gather_words(
    "echo printf ls cat head tail grep egrep fgrep wc true false pwd cd mkdir rmdir touch cp mv rm ln "
    "stat file uniq diff cmp basename dirname realpath readlink which type whereis test [ date du df "
    "chmod chown tee"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_SCRIPTLIKE = re.compile(r"[\s;&|<>()$`]")
_MOST_WORDS = 100
_MOST_FIRM = 5_000
_MOST_DOUBTFUL = 2_000


def list_parts(script: Script) -> list[Part]:
    """Every argv that the script runs, then every one that it may run, what is inside others included."""
    firm = list(islice(_list_firm(script.parts), _MOST_FIRM))
    if len(firm) == _MOST_FIRM:
        return [*firm, _hide_part()]
    doubtful = list(islice(chain.from_iterable(_unfold_doubtful(part, 0) for part in firm), _MOST_DOUBTFUL))
    return [*firm, *doubtful, *([_hide_part()] if len(doubtful) == _MOST_DOUBTFUL or script.broken else [])]


def _list_firm(parts: Iterable[Part]) -> Iterator[Part]:
    before: Part | None = None
    for part in parts:
        trimmed = trim_lead(part)
        yield from unfold_part(trimmed, before, 0)
        before = trimmed


def name_program(part: Part) -> str:
    """The program's name without its folder; "" when there is no program."""
    return part.words[0].text.rpartition("/")[2] if part.words else ""


def is_wrapper(part: Part) -> bool:
    """Whether the part runs what it is given: then no rule allows it."""
    name = name_program(part)
    texts = [word.text for word in part.words[1:]]
    if name in WRAPPERS or name in FEEDABLE or name in PROGRAMS_IN_WORDS:
        return True
    return (name in FINDERS and bool(EXECUTING.intersection(texts))) or _is_inline(name, texts)


def unfold_part(part: Part, before: Part | None, depth: int) -> Iterator[Part]:
    """The part, and what it runs as surely as it is run itself."""
    if not part.words:
        return
    yield part
    if depth > DEEPEST:
        yield _hide_part()
        return
    for inner in find_inner(part, before):
        yield from unfold_part(_inherit(part, trim_lead(inner)), before, depth + 1)


def _inherit(part: Part, inner: Part) -> Part:
    """What is run within reads what is given to the whole."""
    fed, piped = inner.fed or part.fed, inner.piped or part.piped
    return replace(inner, certain=inner.certain and part.certain, fed=fed, piped=piped)


def find_inner(part: Part, before: Part | None) -> Iterator[Part]:
    """What is run for certain."""
    name, rest = name_program(part), part.words[1:]
    if name == "eval":
        yield from _read_parts([" ".join(word.text for word in rest)])
    elif name in FEEDABLE and name != "eval":
        yield from _unfold_shell(part, before)
    elif name in FINDERS:
        yield from _unfold_finder(rest)
    elif name == "trap" and rest:
        yield from _read_parts([rest[0].text])
    elif name == "git" and _is_set([word.text for word in rest]):
        yield _hide_part()
    if name in WRAPPERS and not (name == "command" and rest and rest[0].text in ("-v", "-V")):
        yield from _unfold_wrapper(name, rest, is_open=part.open or name in OPEN)


def _is_set(texts: Sequence[str]) -> bool:
    """Whether git is given settings under which its commands may be others: aliases, hooks, programs of its own."""
    left = list(texts)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option.startswith(("--config-env", "--exec-path=")):
            return True
        value = left.pop(0) if option in GIT_VALUES and left else ""
        if option == "-c" and not _TAME.match(value):
            return True
    return False


def _unfold_doubtful(part: Part, depth: int) -> Iterator[Part]:
    """What may be run: by a program that is not known, or out of words that look like a script."""
    name, rest = name_program(part), part.words[1 : _MOST_WORDS + 1]
    if name in INERT and part.words[0].text == name and not part.open:
        return
    if depth > DEEPEST or _is_inline(name, [word.text for word in rest]) or name in PROGRAMS_IN_WORDS:
        yield _hide_part()
        return
    for at in range(1, len(part.words) if len(part.words) <= _MOST_WORDS else _MOST_WORDS):
        yield from unfold_part(Part(part.words[at:], certain=False, open=part.open), None, depth)
    texts = [*part.fed, *(text for word in rest for text in _list_texts(word.text))]
    for inner in _read_parts(texts):
        for found in unfold_part(replace(inner, certain=False), None, depth):
            yield found
            yield from _unfold_doubtful(found, depth + 1)


def _list_texts(word: str) -> Iterator[str]:
    value = word.partition("=")[2] if word.startswith("-") or _ASSIGNMENT.match(word) else ""
    for text in (word, value, value.partition("=")[2]):
        if _SCRIPTLIKE.search(text) or text.startswith("!") or (value and text == value):
            yield text.lstrip("!")


def _read_parts(texts: Sequence[str]) -> Iterator[Part]:
    for text in texts:
        script = read_script(text)
        yield from (trim_lead(part) for part in script.parts)
        if script.broken:
            yield _hide_part()


def _hide_part() -> Part:
    """A command of which nothing is known."""
    return Part((Word(HOLE, HOLE),), certain=False, open=True)


def _unfold_shell(part: Part, before: Part | None) -> Iterator[Part]:
    script = _find_script([word.text for word in part.words[1:]])
    if script is not None:
        yield from _read_parts([script])
        return
    yield from _read_parts(part.fed)
    if part.piped:
        yield from _read_piped(before)
    elif not part.fed and any(not word.is_known for word in part.words[1:]):
        yield _hide_part()


def _read_piped(before: Part | None) -> Iterator[Part]:
    """What a shell reads from `echo` is known; from anything else it is not."""
    if before is not None and name_program(before) in ("echo", "printf"):
        words = [word.text for word in before.words[1:] if not re.fullmatch(r"-[neE]+", word.text)]
        yield from _read_parts([" ".join(words).replace("\\n", "\n")])
    else:
        yield _hide_part()


def _find_script(words: Sequence[str]) -> str | None:
    """The text behind `-c`, which may be one of several letters: `bash -lc TEXT`, `sh -e -c TEXT`."""
    is_told, left = False, list(words)
    while left:
        word = left.pop(0)
        if word in ("-o", "+o", "-O", "+O", "--rcfile", "--init-file") and left:
            left.pop(0)
        elif word in ("-c", "--command") or re.fullmatch(r"-[A-Za-z]*c[A-Za-z]*", word):
            is_told = True
        elif word.startswith("--command="):
            return word.partition("=")[2]
        elif is_told and not (word.startswith(("-", "+")) and len(word) > 1):
            return word
    return None


def _unfold_finder(rest: Sequence[Word]) -> Iterator[Part]:
    """What follows each `-exec`, up to its `;` or `+`."""
    for at, word in enumerate(rest):
        if word.text not in EXECUTING:
            continue
        inner: list[Word] = []
        for given in rest[at + 1 :]:
            if given.text in (";", "+"):
                break
            inner.append(Word(given.text.replace("{}", HOLE), given.shape.replace("{}", HOLE)))
        yield Part(tuple(inner), open=True)


def _unfold_wrapper(name: str, rest: Sequence[Word], *, is_open: bool) -> Iterator[Part]:
    letters, operands = WRAPPERS[name]
    left = list(rest)
    while left and (left[0].text.startswith("-") and len(left[0].text) > 1):
        word = left.pop(0).text
        if word == "--":
            break
        if name in ("env", "genv") and word.startswith(SPLIT):
            yield from _split_string(word, left)
            return
        takes_value = word in LONG_VALUES or (not word.startswith("--") and word[-1] in letters)
        if takes_value and left:
            left.pop(0)
    del left[:operands]
    while left and name in ("env", "genv", "sudo", "doas") and _ASSIGNMENT.match(left[0].text):
        left.pop(0)
    if name == "watch":
        yield from _read_parts([" ".join(word.text for word in left)])
    elif left:
        yield Part(tuple(left), open=is_open)


def _split_string(word: str, left: Sequence[Word]) -> Iterator[Part]:
    """`env -S 'A=1 rm -rf /'`."""
    text = word.partition("=")[2] if word.startswith("--") else word[2:]
    words = [text, *(item.text for item in left)]
    yield from _read_parts([" ".join(item for item in words if item)])


def _is_inline(name: str, texts: Sequence[str]) -> bool:
    """Whether an interpreter is given its program as a word."""
    plain = name.rstrip("0123456789.")
    if plain not in INTERPRETERS:
        return False
    return any(re.match(r"-[A-Za-z]*[ceErp]|--(?:eval|print|run|command)|eval$", text) for text in texts)
