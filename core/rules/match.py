"""Whether a command is the one that a rule names. Pure.

There are three answers: no, yes, and "it cannot be ruled out". The last one never allows anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.rules.part import HOLE, Part, Word
from core.rules.scene import Match, Scene, look_alike
from core.rules.wrapper import FEEDABLE, GIT_VALUES, SHELLS

# One letter for options that mean the same; a deny rule for one is a deny rule for all.
_SAME_OPTIONS = {
    "rm": {"--recursive": "-r", "-R": "-r", "--force": "-f", "--dir": "-d"},
    "chmod": {"--recursive": "-R"},
    "chown": {"--recursive": "-R"},
    "git": {"--force": "-f", "--delete": "-d"},
    "curl": {"--insecure": "-k"},
}


def match_command(rule: Sequence[str], parts: Sequence[Part], scene: Scene) -> tuple[Match, Part | None]:
    """The best match of a rule's words among the parts, and where it is. Words with a `|` among them name a pipe."""
    if "|" in rule:
        at = list(rule).index("|")
        return match_pipe(rule[:at], rule[at + 1 :], parts, scene)
    best, where = Match.NO, None
    for part in parts:
        found = match_part(rule, part, scene)
        if found > best:
            best, where = found, part
        if best is Match.YES:
            break
    return best, where


def match_pipe(
    left: Sequence[str], right: Sequence[str], parts: Sequence[Part], scene: Scene
) -> tuple[Match, Part | None]:
    """Whether the output of one is read by the other, which stands behind it or is a shell around it."""
    source, _ = match_command(left, parts, scene)
    if source is Match.NO:
        return Match.NO, None
    best, where = Match.NO, None
    for part in parts:
        found = _match_reader(right, part, scene)
        if found is Match.YES and not (part.piped or any(not word.is_known for word in part.words[1:])):
            found = Match.MAYBE
        if min(found, source) > best:
            best, where = Match(min(found, source)), part
    return best, where


def _match_reader(right: Sequence[str], part: Part, scene: Scene) -> Match:
    if tuple(right) == ("sh",) and part.words[0].text.rpartition("/")[2] in SHELLS | FEEDABLE:
        return Match.YES if part.certain else Match.MAYBE
    return match_part(right, part, scene)


def match_part(rule: Sequence[str], part: Part, scene: Scene) -> Match:
    """Whether one argv begins with the rule's words. Options may stand anywhere and in any of their forms."""
    if not part.words:
        return Match.NO
    program = match_program(rule[0], part.words[0], scene)
    if program is Match.NO:
        return Match.NO
    if part.words[0].text == HOLE:
        return Match.MAYBE
    rest = match_arguments(rule, part, scene) if len(rule) > 1 else Match.YES
    return Match.NO if rest is Match.NO else min(program, rest, Match.YES if part.certain else Match.MAYBE)


def match_program(rule: str, word: Word, scene: Scene) -> Match:
    """By name, whatever the folder; by the file that a link leads to; or by a name that looks like it."""
    wanted, name = rule.rpartition("/")[2], word.text.rpartition("/")[2]
    if name == wanted and word.is_known:
        return Match.YES
    if "/" in word.text and word.is_known and scene.follow(word.text).rpartition("/")[2] == wanted:
        return Match.YES
    if look_alike(wanted, (word.shape or word.text).rpartition("/")[2]):
        return Match.MAYBE
    if "/" not in word.text and word.is_known and scene.resolve(word.text).rpartition("/")[2] == wanted:
        return Match.MAYBE
    return Match.NO


# ---------------------------------------------------------------------------------------------------------- arguments


def match_arguments(rule: Sequence[str], part: Part, scene: Scene) -> Match:
    """The words behind the program: each option of the rule is there, and its other words come first, in order."""
    program = rule[0].rpartition("/")[2]
    options, operands = split_words(program, [Word(word, word) for word in rule[1:]])
    given_options, given = split_words(program, part.words[1:])
    has_hole = part.open or any(HOLE in (word.shape or word.text) for word in part.words[1:])
    missing = [word.text for word in options if not _has_option(word.text, given_options)]
    if missing:
        return Match.MAYBE if has_hole else Match.NO
    found = match_operands([word.text for word in operands], given, scene)
    return Match.MAYBE if found is Match.NO and has_hole and _may_hold(operands, given, part) else found


def split_words(program: str, words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Options, one letter each where they can be told apart, and the other words."""
    same = _SAME_OPTIONS.get(program, {})
    options: list[Word] = []
    operands: list[Word] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if program == "git" and not operands and word.text in GIT_VALUES and left:
            left.pop(0)
        elif word.text.startswith("-") and len(word.text) > 1:
            options += [Word(_name_option(name, same)) for name in _split_option(word.text)]
        else:
            operands.append(word)
            if program == "git" and word.text.startswith("+") and len(operands) > 1:
                options.append(Word("-f"))
    return options, operands


def _name_option(text: str, same: Mapping[str, str]) -> str:
    """The one name of an option that has several, shortened or not."""
    long = [name for name in same if len(text) > 2 and text.startswith("--") and name.startswith(text)]
    return same.get(text) or (same[long[0]] if long else text)


def _split_option(text: str) -> list[str]:
    if text.startswith("--"):
        return [text.partition("=")[0]]
    return [text, *(f"-{letter}" for letter in text[1:])] if len(text) > 2 else [text]


def _has_option(wanted: str, given: Iterable[Word]) -> bool:
    """A rule's `-rf` is both letters; a long option may be shortened."""
    if (
        not wanted.startswith("--")
        and len(wanted) > 2
        and all(_has_option(f"-{letter}", given) for letter in wanted[1:])
    ):
        return True
    for word in given:
        if word.text == wanted:
            return True
        if wanted.startswith("--") and len(word.text) > 2 and wanted.startswith(word.text):
            return True
    return False


def match_operands(rule: Sequence[str], given: Sequence[Word], scene: Scene) -> Match:
    """Words that are paths may stand anywhere; the others come first."""
    paths = [word for word in rule if _is_path(word)]
    names = [word for word in rule if not _is_path(word)]
    texts = [word.text for word in given]
    shapes = [word.shape or word.text for word in given]
    if any(all(not _is_same_path(path, text, scene) for text in texts) for path in paths):
        return Match.NO
    if texts[: len(names)] == names:
        return Match.YES
    return Match.MAYBE if _is_among(names, shapes) else Match.NO


def _is_path(word: str) -> bool:
    return word.startswith(("/", "~", "."))


def _is_same_path(rule: str, text: str, scene: Scene) -> bool:
    if HOLE in text:
        return False
    if rule.rstrip("/") == text.rstrip("/") and rule.strip("/"):
        return True
    return scene.place(rule) in (scene.place(text), scene.follow(text))


def _is_among(names: Sequence[str], texts: Sequence[str]) -> bool:
    left = iter(texts)
    return all(any(look_alike(name, text) for text in left) for name in names)


def _may_hold(operands: Sequence[Word], given: Sequence[Word], part: Part) -> bool:
    """Whether holes and words that are not known can stand for all that is missing."""
    if part.open:
        return True
    holes = [word for word in given if HOLE in (word.shape or word.text)]
    return bool(holes) or not operands
