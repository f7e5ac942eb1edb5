"""What git would say of files that it ignores, for build backends that ask it: a build has neither git nor a repository. Imported by the
worker where poetry-core builds, which leaves out of a wheel what git ignores.

As for git, a pattern of a directory below counts more than one above, the last one in a file most, and nothing in a directory that is
ignored comes back. What git tracks although it is ignored is not known here.
"""

import os
import re

# Answers the questions of poetry-core, and says of everything else that there is no repository.
PROGRAM = """#!/bin/sh
case "$*" in
"config -l") ;;
"check-ignore .") exit %d ;;
"rev-parse --show-cdup") echo "%s" ;;
*" ls-files --others -i --exclude-standard") cat "$(dirname "$0")/ignored" ;;
*) echo "fatal: not a git repository (or any of the parent directories): .git" >&2; exit 128 ;;
esac
"""


def answer(place, tree, directory):
    """Writes a program `git` into a directory, which answers for a project in a directory of a tree."""
    os.makedirs(place)
    top = os.path.normpath(os.path.join(tree, directory))
    rules, is_ignored = rules_of(tree), False
    way = [] if directory == "." else directory.split("/")
    for depth in range(len(way)):
        path = os.path.join(tree, *way[: depth + 1])
        is_ignored = is_ignored or ignores(rules, path, True)
        rules = rules + rules_of(path)
    # git asks for the name after the last slash, which is empty: a pattern for any name has it.
    is_ignored = is_ignored or ignores(rules, top + "/", True)
    names = [] if is_ignored else sorted(ignored(top, rules, False))
    with open(os.path.join(place, "ignored"), "w", encoding="utf-8") as file:
        file.writelines(os.path.relpath(name, top) + "\n" for name in names)
    program = os.path.join(place, "git")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM % (0 if is_ignored else 1, "../" * len(way)))
    os.chmod(program, 0o755)


def ignored(directory, rules, is_below):
    """Files in a directory that are ignored, all of them if it is itself."""
    for entry in os.scandir(directory):
        is_directory = entry.is_dir(follow_symlinks=False)
        is_ignored = is_below or ignores(rules, entry.path, is_directory)
        if is_directory:
            inner = rules if is_ignored else rules + rules_of(entry.path)
            yield from ignored(entry.path, inner, is_ignored)
        elif is_ignored:
            yield entry.path


def ignores(rules, path, is_directory):
    """Whether the last rule that matches a path leaves it out."""
    for base, pattern, is_exception, is_of_directories in reversed(rules):
        if (is_directory or not is_of_directories) and pattern.fullmatch(path[len(base) + 1 :]):
            return not is_exception
    return False


def rules_of(directory):
    """The rules of the ignore file in a directory, in the order of its lines."""
    try:
        with open(os.path.join(directory, ".gitignore"), encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError:
        return []
    return [(directory, *rule) for rule in map(rule_of, lines) if rule]


def rule_of(line):
    """Pattern, whether it is an exception, and whether it is one of directories alone; None for a line without a pattern."""
    line = line.rstrip("\r")
    if line.startswith("#"):
        return None
    # A space counts at the end if a backslash stands before it.
    line = re.sub(r"(?<!\\) +$", "", line)
    is_exception = line.startswith("!")
    line = line[1:] if is_exception else line
    is_of_directories = line.endswith("/")
    line = line.rstrip("/") if is_of_directories else line
    if not line:
        return None
    if "/" not in line:
        line = "**/" + line
    try:
        return re.compile(expression(line.lstrip("/"))), is_exception, is_of_directories
    except re.error:
        return None


def expression(pattern):
    """A regular expression for a pattern of a whole path."""
    parts, at = [], 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            parts.append("(?:.*/)?")
            at += 3
            continue
        if pattern[at:] == "**" and (at == 0 or pattern[at - 1] == "/"):
            parts.append(".*")
            break
        character = pattern[at]
        at += 1
        if character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1)
            text = pattern[at:end]
            mark = "^" if text[:1] in ("!", "^") else ""
            parts.append("(?!/)[%s%s]" % (mark, text[len(mark) :].replace("\\", "\\\\").replace("[", "\\[")))
            at = end + 1
        else:
            if character == "\\" and at < len(pattern):
                character, at = pattern[at], at + 1
            parts.append(re.escape(character))
    return "".join(parts)
