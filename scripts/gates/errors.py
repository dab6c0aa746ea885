"""Error codes, their page and their tests agree.

A code is a dotted string in a statement that also names an error class (MR_RETRY, MR_CONFIG, ...), or that adds a finding
or a note that asks for attention. Each has a
section "## code" in docs/reference/errors.md, each section has a code, and each section has a test that provokes
it. The sections are sorted.

A test provokes a code when the code stands, whole, in a string that it expects: not in a comment or docstring, not in
an error that a fake makes (mr_err_set), not in a set of codes that are left out of something, not in a program that only
helps tests. The files of test/config/broken expect the code in their line "# code:". Codes that no test can reach yet
stand in errors.unreached, each with its reason; the list may only shrink.
"""
import ast
import re

from common import bare, files, product, report, root

CLASS = re.compile(r"\bMR_(RETRY|REPLAY|DATA|GAP|CONFIG|FENCED|BUG)\b|\bmr_err_(set|errno)\b")
ATTENTION = re.compile(r"\bMR_FINDING_(WARN|FAIL)\b|\bMR_LOG_(WARN|ERROR)\b")
CODE = re.compile(r'"([a-z][a-z0-9]*(?:\.[a-z][a-z0-9_]*)+)"')
FILES = (".c", ".h", ".json", ".yaml", ".def")
top = root()
problems, codes, literals = [], {}, set()

page = top / "docs/reference/errors.md"
sections = re.findall(r"^## (\S+)$", page.read_text(), re.M) if page.exists() else []
families = {section.partition(".")[0] for section in sections}

for path in product(top, "*.c", "*.h"):
    text = bare(path.read_text(), strings=True)
    for match in CODE.finditer(text):
        if match[1].endswith(FILES):
            continue
        literals.add(match[1])
        begin = max(text.rfind(mark, 0, match.start()) for mark in ";{}")
        ends = [end for end in (text.find(mark, match.end()) for mark in ";}") if end >= 0]
        statement = text[begin + 1:min(ends, default=len(text))]
        if CLASS.search(statement) or ATTENTION.search(statement) and match[1].partition(".")[0] in families:
            codes.setdefault(match[1], f"{path.relative_to(top)}:{text.count(chr(10), 0, match.start()) + 1}")



WHOLE = re.compile(r"(?<![a-z0-9_.])[a-z][a-z0-9]*(?:\.[a-z][a-z0-9_]*)+(?![a-z0-9_])")
FAKES = re.compile(r"\bmr_err_(?:set|errno)\([^;]*;")
HELP = ("gates", "support", "fuzz")


def python_strings(text: str) -> list[str]:
    """The strings of a program but for docstrings and what stands in sets."""
    tree, skipped = ast.parse(text), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Set) or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped |= {id(inner) for inner in ast.walk(node)}
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped]


def expected(path) -> list[str]:
    text = path.read_text(errors="replace")
    if path.suffix == ".py":
        return python_strings(text)
    if path.suffix == ".yaml":
        return re.findall(r"^# code: (\S+)", text, re.M)
    return re.findall(r'"((?:\\.|[^"\\\n])*)"', FAKES.sub("", bare(text, strings=True)))


provoked = {code for path in files(top, "*.c", "*.py", "*.yaml")
            if path.relative_to(top).parts[0] == "test" and not set(HELP) & set(path.relative_to(top).parts)
            for string in expected(path) for code in WHOLE.findall(string)}
for code, where in sorted(codes.items()):
    if code not in sections:
        problems.append(f'{where}: "{code}" has no section in docs/reference/errors.md')
unreached, listing = {}, top / "scripts/gates/errors.unreached"
if listing.exists():
    unreached = dict(line.split(None, 1) for line in listing.read_text().splitlines() if line)
for code in sorted(unreached):
    if code in provoked or code not in sections:
        problems.append(f"scripts/gates/errors.unreached:1: {code} is not needed any more: remove it")
for section in sections:
    if section not in literals:
        problems.append(f"docs/reference/errors.md:1: {section} is the code of no error")
    if section not in provoked and section not in unreached:
        problems.append(f"docs/reference/errors.md:1: no test provokes {section}")
if sections != sorted(sections):
    wrong = next(b for a, b in zip(sections, sections[1:]) if a > b)
    problems.append(f"docs/reference/errors.md:1: sections are sorted by code; {wrong} is not in its place")
for section in {section for section in sections if sections.count(section) > 1}:
    problems.append(f"docs/reference/errors.md:1: {section} stands there twice")
report(problems)
