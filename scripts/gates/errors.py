"""Error codes, their page and their tests agree.

A code is a dotted string in a statement that also names an error class (MR_RETRY, MR_CONFIG, ...). Each has a
section "## code" in docs/reference/errors.md, each section has a code, and each code stands in some test, which is
there to provoke it. The sections are sorted.
"""
import re

from common import bare, files, product, report, root

CLASS = re.compile(r"\bMR_(RETRY|REPLAY|DATA|GAP|CONFIG|FENCED|BUG)\b|\bmr_err_(set|errno)\b")
CODE = re.compile(r'"([a-z][a-z0-9]*(?:\.[a-z][a-z0-9_]*)+)"')
FILES = (".c", ".h", ".json", ".yaml", ".def")
top = root()
problems, codes, literals = [], {}, set()

for path in product(top, "*.c", "*.h"):
    text = bare(path.read_text(), strings=True)
    for match in CODE.finditer(text):
        if match[1].endswith(FILES):
            continue
        literals.add(match[1])
        begin = max(text.rfind(mark, 0, match.start()) for mark in ";{}")
        ends = [end for end in (text.find(mark, match.end()) for mark in ";}") if end >= 0]
        if CLASS.search(text[begin + 1:min(ends, default=len(text))]):
            codes.setdefault(match[1], f"{path.relative_to(top)}:{text.count(chr(10), 0, match.start()) + 1}")

page = top / "docs/reference/errors.md"
sections = re.findall(r"^## (\S+)$", page.read_text(), re.M) if page.exists() else []
tests = "\n".join(path.read_text(errors="replace") for path in files(top, "*.c", "*.h", "*.py")
                  if path.relative_to(top).parts[0] == "test" and "gates" not in path.parts)
for code, where in sorted(codes.items()):
    if code not in sections:
        problems.append(f'{where}: "{code}" has no section in docs/reference/errors.md')
    if f'"{code}"' not in tests and code not in tests:
        problems.append(f'{where}: no test mentions "{code}": write one that provokes it')
for section in sections:
    if section not in literals:
        problems.append(f"docs/reference/errors.md:1: {section} is the code of no error")
if sections != sorted(sections):
    wrong = next(b for a, b in zip(sections, sections[1:]) if a > b)
    problems.append(f"docs/reference/errors.md:1: sections are sorted by code; {wrong} is not in its place")
for section in {section for section in sections if sections.count(section) > 1}:
    problems.append(f"docs/reference/errors.md:1: {section} stands there twice")
report(problems)
