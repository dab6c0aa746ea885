"""No include comes back to where it began: neither from file to file (x.c and x.h are one) nor from room to room.

A circle of files cannot be read, tested or moved one at a time. A circle of rooms (folders) is the same one size larger: two
rooms that see each other are one room with a wall in it.
"""
import re

from common import bare, product, report, root

top = root()


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected parts of more than one node, each sorted (Tarjan, without recursion)."""
    index, low, stack, on, found, count = {}, {}, [], set(), [], 0
    for start in sorted(graph):
        if start in index:
            continue
        work = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = count
        count += 1
        stack.append(start)
        on.add(start)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = count
                    count += 1
                    stack.append(other)
                    on.add(other)
                    work.append((other, iter(sorted(graph[other]))))
                    break
                if other in on:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = []
                    while not part or part[-1] != node:
                        part.append(stack.pop())
                        on.discard(part[-1])
                    if len(part) > 1:
                        found.append(sorted(part))
    return found


files, rooms = {}, {}
for path in product(top, "*.c", "*.h"):
    name = path.relative_to(top).as_posix()
    own = name[:-2]
    files.setdefault(own, set())
    for match in re.finditer(r'^\s*#\s*include\s+"([^"]+)\.h"', bare(path.read_text(), strings=True), re.M):
        other = match[1] if match[1].startswith("connectors/") else "src/" + match[1]
        if other == own or not (top / f"{other}.h").exists():
            continue
        files.setdefault(other, set())
        files[own].add(other)
        a, b = own.rsplit("/", 1)[0], other.rsplit("/", 1)[0]
        # What stands directly in a folder with rooms may be below or above them: the table of layers says which.
        if a != b and not a.startswith(b + "/") and not b.startswith(a + "/"):
            rooms.setdefault(a, set()).add(b)
            rooms.setdefault(b, set())
problems = []
for what, graph in (("files", files), ("rooms", rooms)):
    for part in circles(graph):
        where = next((part[0] + end for end in (".h", ".c") if (top / (part[0] + end)).is_file()), part[0] + "/")
        problems.append(f"{where}:1: a circle of {what}: {' '.join(part)}")
report(problems)
