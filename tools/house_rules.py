#!/usr/bin/env python3
"""Checks the layer table and the banned calls over src/, parley/ and bench/. Prints each breach; exit 1 if any."""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "base": "base",
    "model": "model base",
    "loop": "loop base",
    "wire": "wire base",
    "net": "net base loop",
    "store": "store base loop model",
    "bus": "bus base loop model",
    "auth": "auth base loop model wire",
    "conn": "conn base loop wire net",
    "chat": "chat base loop model store bus",
    "files": "files base loop",
    "socketio": "socketio handler parley base loop model wire auth bus conn chat",
    "dialect": "dialect socketio files parley base model wire auth conn chat",
    "handler": "handler parley base loop model wire auth bus conn chat",
    "rest": "rest files base model wire auth conn chat",
    "server": "server parley rest handler socketio files dialect chat conn auth bus store net wire loop model base",
}
BANNED = {
    r"\b(sprintf|vsprintf|strcpy|strcat|strncpy|strncat|gets|strtok)\s*\(": "unbounded or ill-terminated",
    r"\b(atoi|atol|atof|sscanf|scanf)\s*\(": "no error report",
    r"\b(rand|srand|random|drand48)\s*\(": "not random: use pl_random_bytes",
    r"\b(gmtime|localtime|ctime|asctime|strerror)\s*\(": "shared static buffer",
    r"\b(system|popen)\s*\(": "runs a shell",
    r"\b(alloca)\s*\(": "unbounded stack",
}
MEMORY = r"(?<![\w.>])(malloc|calloc|realloc|strdup|strndup|asprintf)\s*\("
OURS_TO_PRINT = r"(?<![\w.>])(printf|puts|exit|abort|setlocale|signal)\s*\("
INCLUDE = re.compile(r'^\s*#\s*include\s+"(\w+)/')
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    """Keeps the lines and the columns, drops the words."""
    return re.sub(r"[^\n]", " ", match.group(0))


def breaches(path):
    text = path.read_text(encoding="utf-8")
    parts = path.parts
    layer = parts[1] if parts[0] == "src" else None
    is_test = path.stem.endswith("_test") or path.stem == "testing"
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if layer and found and found[1] in MAY_INCLUDE and not is_test:
            if found[1] not in MAY_INCLUDE[layer].split():
                yield number, f"layer {layer} may not include {found[1]}/"
    if layer and layer not in MAY_INCLUDE:
        yield 1, f"folder src/{layer} is not in the layer table"
    for number, line in enumerate(COMMENT_OR_STRING.sub(blank, text).splitlines(), 1):
        for pattern, reason in BANNED.items():
            found = re.search(pattern, line)
            repeatable = is_test and "rand" in pattern  # a test wants the same numbers again
            if found and not repeatable:
                yield number, f"{found[1]}: {reason}"
        if layer and layer != "base" and not is_test and re.search(MEMORY, line):
            yield number, "use pl_alloc and friends (base/mem.h)"
        if layer and not is_test and re.search(OURS_TO_PRINT, line):
            yield number, "a library neither prints nor exits"


def main():
    count = 0
    files = [f for top in ("src", "parley", "bench") for f in sorted(pathlib.Path(top).rglob("*.[ch]"))]
    for path in files:
        for number, what in breaches(path):
            print(f"{path}:{number}: {what}")
            count += 1
    return 1 if count else 0


sys.exit(main())
