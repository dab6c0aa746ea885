"""Each header compiles alone, with gcc and with clang; each .c includes its own header first."""
import concurrent.futures
import os
import re
import shutil
import subprocess

from common import bare, product, report, root

top = root()
problems = []
compilers = [name for name in ("gcc", "clang") if shutil.which(name)]
packages = ["yaml-0.1", "jansson", "libpq", "libcurl", "libmicrohttpd", "libpcre2-8", "libzstd", "zlib", "openssl",
            "avro-c", "libmariadb"]
flags = []
for package in packages:
    done = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True)
    flags += done.stdout.split()
cache = os.environ.get("MR_CACHE", os.path.expanduser("~/.cache/millrace"))
if os.path.isdir(cache):
    flags += [f"-isystem{cache}/{name}/include" for name in sorted(os.listdir(cache)) if name.startswith("librdkafka-")
              and os.path.isdir(f"{cache}/{name}/include")]
flags = list(dict.fromkeys(flags))


def alone(job):
    compiler, path = job
    done = subprocess.run([compiler, "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                           "-Wno-pragma-once-outside-header", "-Wno-unused-function", f"-I{top}/src", f"-I{top}", *flags, "-x", "c", str(path)]
                          if compiler == "clang" else
                          [compiler, "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", f"-I{top}/src",
                           f"-I{top}", *flags, "-x", "c", str(path)], capture_output=True, text=True)
    text = [line for line in done.stderr.splitlines() if "error" in line or "warning" in line]
    text = [line for line in text if "pragma once" not in line]
    if done.returncode == 0 and not text:
        return None
    return f"{path.relative_to(top)}:1: does not compile alone with {compiler}: {text[0] if text else done.stderr[:300]}"


jobs = [(compiler, path) for path in product(top, "*.h") for compiler in compilers]
with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("MR_JOBS", os.cpu_count() or 2))) as pool:
    problems += [problem for problem in pool.map(alone, jobs) if problem]

for path in product(top, "*.c"):
    own = path.with_suffix(".h")
    if not own.exists():
        continue
    name = path.relative_to(top)
    wanted = "/".join(name.parts[1:] if name.parts[0] == "src" else name.parts)[:-2] + ".h"
    first = re.search(r'^\s*#\s*include\s+["<]([^">]+)[">]', bare(path.read_text(), strings=True), re.M)
    if first and first[1] != wanted:
        problems.append(f'{name}:1: "{wanted}" comes first, so that it is seen to stand alone; "{first[1]}" does')
report(problems)
