"""What a process costs: seconds, CPU seconds of all its threads, peak resident memory; and small programs in C, built."""
import os
import pathlib
import platform
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "support"))

from servers import process  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


class Outcome:
    """Of one run. rows: how many it moved; span: seconds from first to last record at the topic, None without one."""

    def __init__(self, rows, wall, cpu, peak, text="", span=None, start_cpu=0.0, late_rate=None):
        self.rows, self.wall, self.cpu, self.peak, self.text = rows, wall, cpu, peak, text
        self.span, self.start_cpu, self.late_rate = span, start_cpu, late_rate
        self.server_cpu = self.broker_cpu = self.value_bytes = None

    @property
    def rate(self):
        return self.rows / self.wall

    @property
    def topic_rate(self):
        return self.rows / self.span if self.span else None


def stat(pid) -> list[int]:
    """utime, stime, cutime, cstime in ticks; nothing when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return [0, 0, 0, 0]
    return [int(field) for field in fields[11:15]]


def cpu_seconds(pid) -> float:
    """Of all its threads, those that ended too."""
    return sum(stat(pid)[:2]) / TICK


def family_cpu_seconds(pid) -> float:
    """Of a process, its children that ended and its children that run: a PostgreSQL server and all its backends."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return (sum(stat(pid)) + sum(sum(stat(child)) for child in children)) / TICK


def peak_mib(pid) -> float:
    """The high-water mark of the process itself: ru_maxrss would also count what it was forked from."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def watch(pid, ended, ret_peak):
    while not ended.wait(0.02):
        ret_peak[0] = max(ret_peak[0], peak_mib(pid))


def measure(command, rows) -> Outcome:
    """Runs a process to its end: wall clock, its own CPU seconds, its peak resident MiB."""
    peak, ended = [0.0], threading.Event()
    begin = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watcher = threading.Thread(target=watch, args=(child.pid, ended, peak))
    watcher.start()
    text = child.stdout.read().decode(errors="replace")
    ended.set()
    watcher.join()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {child.returncode}\n{text[-3000:]}")
    return Outcome(rows, wall, usage.ru_utime + usage.ru_stime, peak[0], text)


def build(name, folder, *packages, rdkafka=False) -> pathlib.Path:
    """bench/NAME.c as a program in the folder; rdkafka: with the librdkafka that millrace itself is built with."""
    flags = []
    if rdkafka:
        found = sorted(process.cache().glob("librdkafka-*/lib/librdkafka.a"))
        assert found, "librdkafka is not built: run scripts/deps"
        flags = [f"-I{found[-1].parents[1] / 'include'}", found[-1]]
        packages = (*packages, "libzstd", "liblz4", "zlib", "libssl", "libcrypto", "libcurl", "libsasl2")
    flags += subprocess.run(["pkg-config", "--cflags", "--libs", *packages], capture_output=True, text=True,
                            check=True).stdout.split()
    program = pathlib.Path(folder) / name
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, ROOT / "bench" / f"{name}.c", *flags, "-lm", "-ldl",
                    "-lpthread"], check=True)
    return program


def machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} x {cpu}, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the start."


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
