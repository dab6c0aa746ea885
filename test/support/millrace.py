"""Runs the binary under test: MR_BINARY, or the release build, or the dev build.

Every process started here is ended with the test; a run that does not end in time is killed and its output shown.
"""
import json
import os
import pathlib
import signal
import subprocess
import threading

from servers import process

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary() -> pathlib.Path:
    named = os.environ.get("MR_BINARY")
    candidates = [pathlib.Path(named)] if named else [ROOT / "build" / p / "millrace" for p in ("release", "dev")]
    for path in candidates:
        if path.exists():
            return path
    raise AssertionError(f"no millrace binary at {candidates}: run scripts/build")


class Running:
    """A millrace that runs: its lines are read as they come."""

    def __init__(self, arguments, folder, env, prefix=()):
        command = ["setpriv", "--pdeathsig", "KILL", *prefix, binary(), *map(str, arguments)]
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, cwd=folder, env=env, start_new_session=True)
        self.lines, self.errors = [], []
        self.threads = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.popen.stdout, self.lines), (self.popen.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    def _read(self, stream, into):
        for line in stream:
            into.append(line.rstrip("\n"))

    @property
    def pid(self):
        return self.popen.pid

    def ended(self):
        return self.popen.poll() is not None

    def tail(self, lines=20):
        return "\n".join(["stdout:", *self.lines[-lines:], "stderr:", *self.errors[-lines:]])

    def wait_lines(self, count, seconds=60):
        """Waits for so many lines of output and returns all that have come."""
        process.wait_until(lambda: len(self.lines) >= count, seconds, f"{count} lines (have {len(self.lines)})", self)
        return list(self.lines)

    def wait_error(self, text, seconds=60):
        """Waits for a line of the log that holds text, and returns it."""
        def found():
            return next((line for line in list(self.errors) if text in line), None)
        return process.wait_until(found, seconds, f"{text!r} in the log", self)

    def wait(self, seconds=90):
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"millrace did not end within {seconds} s\n{self.tail()}") from None
        for thread in self.threads:
            thread.join(5)
        return self.popen.returncode

    def stop(self, seconds=90):
        """SIGTERM, and the exit code."""
        if not self.ended():
            self.popen.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def signal(self, number):
        self.popen.send_signal(number)

    def kill9(self):
        if not self.ended():
            self.popen.kill()
        self.popen.wait()

    def events(self):
        return [json.loads(line) for line in self.lines]


class Millrace:
    """The binary with a folder of its own for configuration, state and output."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.running = []

    def config(self, text, name="millrace.yaml"):
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, *arguments, env=None, prefix=()) -> Running:
        """prefix: a command to run it under (strace)."""
        running = Running(arguments, self.folder, {**os.environ, **(env or {})}, prefix)
        self.running.append(running)
        return running

    def run(self, *arguments, seconds=90, env=None) -> Running:
        """Runs to the end; .popen.returncode is the exit code."""
        running = self.start(*arguments, env=env)
        running.wait(seconds)
        return running

    def close(self):
        for running in self.running:
            running.kill9()
