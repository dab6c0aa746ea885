"""A Kafka broker that is up in ten milliseconds: franz-go's kfake (test/support/kfake), for everything but restarts of
the broker, replication and compaction. It ends with its standard input, so with the test run."""
import pathlib
import signal
import subprocess

from .kafka import Reader

BUILD = pathlib.Path(__file__).resolve().parents[1] / "kfake" / "build"


def binary() -> str | None:
    """The program, built if need be; None when there is no Go."""
    done = subprocess.run([BUILD], capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 3), f"kfake does not build\n{done.stderr[-3000:]}"
    return done.stdout.strip() or None


class Kfake(Reader):
    def __init__(self, partitions: int = 1, brokers: int = 1, **settings):
        sets = [word for key, value in settings.items() for word in ("-set", f"{key.replace('_', '.')}={value}")]
        command = ["setpriv", "--pdeathsig", "KILL", binary(), "-partitions", str(partitions), "-brokers", str(brokers)]
        self.popen = subprocess.Popen(command + sets, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.popen.stdout.readline().strip()
        assert self.bootstrap, "kfake did not start"

    def say(self, words: str):
        """One line of the language of test/support/kfake/main.go."""
        self.popen.stdin.write(words + "\n")
        self.popen.stdin.flush()
        answer = self.popen.stdout.readline().strip()
        assert answer == "ok", f"kfake: {words}: {answer}"

    def freeze(self):
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.popen.send_signal(signal.SIGCONT)

    def close(self):
        self.popen.kill()
        self.popen.wait()
