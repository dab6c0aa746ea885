"""Runs a command under strace and gives its calls back in order, with their bytes.

A call has the place of its beginning and of its end in the trace; threads interleave, so an order between two calls
is known only where one ended before the other began.
"""
import ast
import dataclasses
import re
import pathlib
import shutil

from servers import process

LINE = re.compile(r"^(\d+) +(.*)$")
WHOLE = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)")
UNFINISHED = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)")


@dataclasses.dataclass
class Call:
    name: str
    arguments: str
    result: int
    begin: int
    end: int

    def fd_path(self) -> str:
        """The path that strace -y shows behind the first descriptor."""
        match = re.match(r"\d+<([^>]*)>", self.arguments)
        return match.group(1) if match else ""

    def strings(self) -> list[str]:
        return [ast.literal_eval(text) for text in re.findall(r'"(?:[^"\\]|\\.)*"', self.arguments)]

    def data(self) -> bytes:
        """The bytes of the first string; strace prints bytes as octal or hexadecimal escapes."""
        return self.strings()[0].encode("latin-1")


def command(trace, calls) -> list[str]:
    strace = shutil.which("strace")
    assert strace, "strace is missing: run scripts/deps --test"
    # -D: the tracer steps aside, and the program keeps the pid that signals are sent to.
    return [strace, "-D", "-f", "-y", "-s", "64", "-x", "-o", str(trace), "-e", "trace=" + ",".join(calls), "--"]


def read(trace, pid) -> list[Call]:
    """Waits until the tracer has seen the end of pid."""
    process.wait_until(lambda: re.search(rf"^{pid} +\+\+\+ ", pathlib.Path(trace).read_text(errors="replace"), re.M), 30,
                       f"the end of {pid} in {trace}")
    calls, open_calls = [], {}
    with open(trace, encoding="utf-8", errors="replace") as lines:
        for place, line in enumerate(lines):
            match = LINE.match(line)
            if not match:
                continue
            thread, text = match.groups()
            if whole := WHOLE.match(text):
                name, arguments, result = whole.groups()
                calls.append(Call(name, arguments, int(result) if result != "?" else 0, place, place))
            elif begun := UNFINISHED.match(text):
                open_calls[thread] = (begun.group(1), begun.group(2), place)
            elif done := RESUMED.match(text):
                name, arguments, begin = open_calls.pop(thread)
                result = done.group(3)
                calls.append(Call(name, arguments + done.group(2), int(result) if result != "?" else 0, begin, place))
    return sorted(calls, key=lambda call: call.begin)
