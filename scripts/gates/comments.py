"""A comment stands above what it describes, and names only files that exist.

A comment behind a declaration that the line has no room for makes clang-format tear the declaration: the type on one
line, the name and the comment on the next. Put above, it tears nothing. And a comment that sends its reader to a file
that was renamed or removed is worse than none.
"""
import re

from common import files, product, report, root

top = root()
problems = []
TORN = re.compile(r"^[ \t]+(?:const |unsigned |enum |struct )*[A-Za-z_]\w*[ *]*\n[ \t]+\**\w+(?:\[\w*\])*;[ \t]*/\*", re.M)
NAMED = re.compile(r"(?<![\w./<*-])((?:[a-z_0-9]+/)*[a-z][a-z_0-9]*\.(?:c|h|py))(?![\w/])")
known = {path.relative_to(top).as_posix() for path in files(top, "*.c", "*.h", "*.py")}
ends = {name[cut:] for name in known for cut in [0] + [i + 1 for i, c in enumerate(name) if c == "/"]}

for path in product(top, "*.c", "*.h"):
    name, text = path.relative_to(top), path.read_text()
    for match in TORN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        problems.append(f"{name}:{line}: the comment behind it tears this declaration: put it above")
    for comment in re.finditer(r"/\*.*?\*/", text, re.S):
        for match in NAMED.finditer(comment[0]):
            if match[1] not in ends:
                line = text.count("\n", 0, comment.start() + match.start()) + 1
                problems.append(f"{name}:{line}: there is no file {match[1]}")
report(problems)
