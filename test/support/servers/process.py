"""What all servers share: free ports, a cache folder, a child that dies with us, waiting without hoping.

A server is started by setpriv with a parent-death signal, so that it goes away when the test run is killed.
"""
import contextlib
import fcntl
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time


def cache() -> pathlib.Path:
    folder = os.environ.get("MILLRACE_CACHE") or pathlib.Path.home() / ".cache" / "millrace"
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name: str):
    """One process at a time: two test runs may install the same server."""
    with open(cache() / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """Below the ports that connections get: one of those, even a client's that looks for the server while it is away,
    could take the port before the server does."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def wait_until(condition, seconds: float, what: str, process: "Process | None" = None, pause: float = 0.02):
    """Calls condition() until it returns something true, and returns that. Fails with what after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if process is not None and process.ended():
            raise AssertionError(f"{what}: the process ended with {process.popen.returncode}\n{process.tail()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s" + (f"\n{process.tail()}" if process else ""))
        time.sleep(pause)


class Process:
    """A child in a session of its own, its output in a log file, ended by pid."""

    def __init__(self, command, log, user=None, death_signal="KILL", cwd="/", env=None):
        self.log = pathlib.Path(log)
        prefix = ["setpriv", "--pdeathsig", death_signal]
        if user and os.geteuid() == 0:
            prefix += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        with open(self.log, "ab") as output:
            self.popen = subprocess.Popen(prefix + [str(word) for word in command], stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=output, cwd=cwd, env=env, start_new_session=True)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def ended(self) -> bool:
        return self.popen.poll() is not None

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def send(self, number):
        if not self.ended():
            os.kill(self.pid, number)

    def stop(self, number=signal.SIGTERM, seconds: float = 30):
        self.send(number)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            self.popen.wait()

    def kill9(self):
        self.send(signal.SIGKILL)
        self.popen.wait()


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
