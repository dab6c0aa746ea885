"""Calls and words that must not be in the product, each with its reason."""
import re

from common import bare, files, product, report, root

top = root()
problems = []

CALLS = {
    r"(strcpy|strcat|sprintf|vsprintf|gets|stpcpy)": "writes without a limit: use struct mr_buf, or snprintf",
    r"(strncpy|strncat)": "leaves a text without its end: use snprintf or slices",
    r"(atoi|atol|atoll|atof)": "hides what is not a number: use the parsers in base",
    r"(strtok|asctime|ctime|gmtime|localtime|getservbyname|gethostbyname|readdir_r|rand|srand|setlocale)":
        "is not safe with threads, or differs by locale: use the _r form or base",
    r"(alloca|system|popen|mktemp|tmpnam|tempnam|longjmp|setjmp)": "is never needed here",
    r"(abort|exit|_exit|quick_exit)": "ends the process: only main may (out of memory aborts in base/arena.c)",
}
MAY_END = {"src/main.c": ("exit", "_exit"), "src/base/arena.c": ("abort",)}
# Functions that only a child process between fork and exec may need are named here with their file.

SLEEPS = r"(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep)"
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK|TBD)\b|\b[Nn]ot implemented\b")


def calls(text: str, pattern: str):
    """(line, name) of each call; declarations of members and prototypes of ours do not look like these."""
    for match in re.finditer(rf"(?<![\w.>]){pattern}\s*\(", text):
        yield text.count("\n", 0, match.start()) + 1, match[1]


for path in product(top, "*.c", "*.h"):
    name = str(path.relative_to(top))
    text = bare(path.read_text())
    for pattern, why in CALLS.items():
        for line, call in calls(text, pattern):
            if call not in MAY_END.get(name, ()):
                problems.append(f"{name}:{line}: {call}() {why}")
    if name.startswith("connectors/"):
        for line, call in calls(text, SLEEPS):
            problems.append(f"{name}:{line}: {call}() in a connector: poll with a deadline")
    if not name.startswith(("src/engine/", "src/cli/", "src/main.c")):
        for match in re.finditer(r"\bmr_log\(\s*MR_LOG_(INFO|WARN|ERROR)", text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{line}: nothing below engine/ logs above debug: return an error, or give a note")
    for match in re.finditer(r"\bstrn?cmp\(\s*[\w.>-]*(?:->|\.)code\s*,\s*\"\"", text):
        line = text.count("\n", 0, match.start()) + 1
        problems.append(f"{name}:{line}: a code is for users: decide by the class, or by a trait (base/err.h)")
    if name.endswith(".h") and "#pragma once" not in text:
        problems.append(f"{name}:1: a header begins with #pragma once")
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"#\s*include\s*<threads\.h>", line):
            problems.append(f"{name}:{number}: <threads.h> is unknown to the thread sanitizer: use pthreads")
        if re.search(r"\btypedef\s+struct\b", line):
            problems.append(f"{name}:{number}: no typedef of a struct: write struct mr_x")
        if re.search(r"\basm\b|__asm__", line):
            problems.append(f"{name}:{number}: no assembly")

for path in files(top, "*.c", "*.h", "*.py", "*.cmake", "CMakeLists.txt", "*.yaml", "*.md"):
    name = path.relative_to(top)
    if name.parts[0] in ("scripts", "test") and "gates" in name.parts:
        continue
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if match := WORDS.search(line):
            problems.append(f"{name}:{number}: {match[0]!r}: finish it, or say in an issue what is open")
report(problems)
