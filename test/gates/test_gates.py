"""Every gate passes on a clean tree and fails on a planted violation: a gate that was never seen to fail is no gate."""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

ESSAY = """/* What this is.
 *
 * Why it is so,
 * in five lines,
 * and what it does not do. */
"""
CLEAN = {
    "src/base/thing.h": """/* The contract of a thing. */
#pragma once

int mr_thing_double(int number);
""",
    "src/base/thing.c": ESSAY + """#include "base/thing.h"

int mr_thing_double(int number)
{
    return number * 2;
}
""",
    "src/engine/motor.h": """/* The contract of a motor. */
#pragma once

int mr_motor_turn(void *err);
""",
    "src/engine/motor.c": ESSAY + """#include "engine/motor.h"

#include "base/thing.h"

int mr_motor_turn(void *err)
{
    return fail(err, MR_CONFIG, "motor.stuck", "the motor is stuck");
}
""",
    "connectors/sink_a/sink_a.c": ESSAY + """#include "connectors/sink_a/a.h"
#include "plug/sink.h"
""",
    "connectors/sink_a/a.h": "/* The parts of a. */\n#pragma once\n",
    "src/plug/sink.h": "/* The contract of a sink. */\n#pragma once\n",
    "connectors/connectors.def": "MR_SINK(a)\n",
    "docs/explanation/architecture.md": """| folder | what it does | may include | rooms, lowest first |
|---|---|---|---|
| `src/base` | things | | |
| `src/plug` | interfaces | above | |
| `src/engine` | motors | above | low, high |
| `connectors/sink_a` | a | src/base, src/plug | bottom, top |
""",
    "src/engine/gear.h": "/* A gear. */\n#pragma once\n",
    "src/engine/gear.c": ESSAY + '#include "engine/gear.h"\n\n#include "engine/motor.h"\n',
    "connectors/sink_a/bottom/b.h": "/* The bottom of a. */\n#pragma once\n",
    "connectors/sink_a/top/t.h": "/* The top of a. */\n#pragma once\n\n#include \"connectors/sink_a/bottom/b.h\"\n",
    "docs/reference/errors.md": "# Errors\n\n## motor.stuck\n\nThe motor is stuck.\n",
    "test/unit/engine/test_motor.c": '/* Turns the motor. */\nconst char *const code = "motor.stuck";\n',
    "scripts/tool": "#!/bin/bash\nset -euo pipefail\necho hello\n",
}
LONG_FUNCTION = "int mr_thing_long(int a)\n{\n" + "    a += 1;\n" * 60 + "    return a;\n}\n"

# gate, file, what is appended ("=text": what replaces it; None: the file is removed), what the gate says
PLANTED = [
    ("layers", "src/base/thing.c", '#include "engine/motor.h"\n', "base/ is below engine/"),
    ("layers", "src/plug/sink.h", '#include "connectors/sink_a/a.h"\n', "only connectors see a connector"),
    ("layers", "connectors/sink_a/sink_a.c", '#include "engine/motor.h"\n', "must not see engine/"),
    ("layers", "connectors/sink_a/sink_a.c", '#include "connectors/sink_b/b.h"\n', "is its own"),
    ("layers", "src/base/thing.c", '#include "thing.h"\n', "from the root"),
    ("layers", "src/other/x.c", ESSAY, "is no layer"),
    ("layers", "connectors/sink_a/attic/x.h", "/* x */\n#pragma once\n", "is no room"),
    ("layers", "connectors/sink_a/bottom/b.h", '#include "connectors/sink_a/top/t.h"\n', "room bottom is below top"),
    ("layers", "docs/explanation/architecture.md", "=# Nothing\n", "the table of layers is missing"),
    ("circles", "src/engine/motor.h", '#include "engine/gear.h"\n', "a circle of files: src/engine/gear src/engine/motor"),
    ("circles", "connectors/sink_a/bottom/b.c", '#include "connectors/sink_a/top/t.h"\n',
     "a circle of rooms: connectors/sink_a/bottom connectors/sink_a/top"),
    ("comments", "src/base/thing.h", "struct mr_x {\n    bool\n        torn; /* why */\n};\n", "tears this declaration"),
    ("comments", "src/base/thing.c", "/* See base/gone.c. */\n", "there is no file base/gone.c"),
    ("banned", "src/base/thing.c", "void f(void)\n{\n    exit(1);\n}\n", "exit() ends the process"),
    ("banned", "src/base/thing.c", "void f(char *a)\n{\n    strcpy(a, a);\n}\n", "strcpy() writes without a limit"),
    ("banned", "src/base/thing.c", "int f(char *a)\n{\n    return atoi(a);\n}\n", "atoi()"),
    ("banned", "src/base/thing.c", "char *f(void)\n{\n    return strtok(0, 0);\n}\n", "strtok()"),
    ("banned", "connectors/sink_a/sink_a.c", "void f(void)\n{\n    usleep(1);\n}\n", "in a connector"),
    ("banned", "connectors/sink_a/sink_a.c", 'void f(void)\n{\n    mr_log(MR_LOG_INFO, "", "");\n}\n', "logs above debug"),
    ("banned", "src/base/thing.c", 'int f(struct e *err)\n{\n    return strcmp(err->code, "a.b");\n}\n', "a code is for users"),
    ("banned", "src/base/thing.c", "#include <threads.h>\n", "use pthreads"),
    ("banned", "src/base/thing.h", "typedef struct mr_x mr_x;\n", "no typedef"),
    ("banned", "src/base/thing.h", "=/* The contract. */\nint f(void);\n", "#pragma once"),
    ("banned", "src/base/thing.c", "/* TO" + "DO: more */\n", "finish it"),
    ("banned", "docs/reference/errors.md", "This is not impl" + "emented yet.\n", "finish it"),
    ("lengths", "src/base/thing.c", LONG_FUNCTION, "mr_thing_long() has 61 lines"),
    ("lengths", "src/base/thing.c", "/*\n" + "\n" * 800 + "*/\n", "the file has"),
    ("lengths", "src/base/thing.h", "/* " + "x" * 120 + " */\n", "columns"),
    ("lengths", "scripts/gates/lengths.allowed", "src/base/thing.c mr_thing_gone 70\n", "not needed any more"),
    ("essays", "src/base/thing.c", "=/* Short. */\n", "has 1 lines"),
    ("essays", "src/base/thing.c", "=" + "/*\n" + "x\n" * 50 + "*/\n", "wants 5 to 40"),
    ("essays", "src/base/thing.h", "=#pragma once\n", "begins with a comment"),
    ("headers", "src/base/thing.h", "size_t mr_thing_size(void);\n", "does not compile alone with gcc"),
    ("headers", "src/base/thing.h", "size_t mr_thing_size(void);\n", "does not compile alone with clang"),
    ("headers", "src/engine/motor.c", "=" + ESSAY + '#include "base/thing.h"\n', "comes first"),
    ("format", "src/base/thing.c", "int   mr_thing_other( int a ) { return a; }\n", "clang-format -i"),
    ("errors", "src/engine/motor.c", 'int f(void *err)\n{\n    return fail(err, MR_GAP, "motor.gone", "x");\n}\n',
     "has no section"),
    ("errors", "test/unit/engine/test_motor.c", "=/* Nothing. */\n", "no test provokes"),
    ("errors", "test/unit/engine/test_motor.c", '=/* One day: "motor.stuck". */\n', "no test provokes motor.stuck"),
    ("errors", "test/unit/engine/test_motor.c", '=char *a = "motor.stuck_fast";\n', "test provokes motor.stuck"),
    ("errors", "test/unit/engine/test_motor.c", '=int a = mr_err_set(err, MR_GAP, "motor.stuck", "x");\n', "test provokes motor.stuck"),
    ("errors", "scripts/gates/errors.unreached", "motor.stuck it has a test\n", "not needed any more"),
    ("errors", "docs/reference/errors.md", "\n## motor.vanished\n\nx\n", "is the code of no error"),
    ("errors", "docs/reference/errors.md", "=## motor.stuck\n\n## motor.stuck\n", "stands there twice"),
    ("errors", "docs/reference/errors.md", "\n## motor.aaa\n", "not in its place"),
    ("shell", "scripts/tool", "if true; then\n", "syntax error"),
    ("shell", "scripts/tool", "=#!/bin/bash\necho\n", "pipefail"),
]


@pytest.fixture
def tree(tmp_path):
    for name, text in CLEAN.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy(ROOT / ".clang-format", tmp_path)
    return tmp_path


def gate(name, tree):
    return subprocess.run([sys.executable, ROOT / f"scripts/gates/{name}.py", tree], capture_output=True, text=True)


@pytest.mark.parametrize("name", sorted({row[0] for row in PLANTED}))
def test_a_clean_tree_passes(tree, name):
    done = gate(name, tree)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name, file, text, says", PLANTED, ids=[f"{row[0]}-{row[3]}" for row in PLANTED])
def test_a_planted_violation_fails(tree, name, file, text, says):
    path = tree / file
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(text[1:] if text.startswith("=") else before + text)
    done = gate(name, tree)
    assert done.returncode == 1 and says in done.stdout, done.stdout + done.stderr


def test_a_code_that_a_python_test_merely_names_is_not_provoked(tree):
    test = tree / "test/system/test_motor.py"
    (tree / "test/unit/engine/test_motor.c").unlink()
    test.parent.mkdir(parents=True)
    test.write_text('"""motor.stuck"""\nSKIPPED = {"motor.stuck"}  # motor.stuck\n')
    done = gate("errors", tree)
    assert done.returncode == 1 and "no test provokes motor.stuck" in done.stdout, done.stdout + done.stderr
    test.write_text('def test_it(run):\n    assert "motor.stuck" in run()\n')
    done = gate("errors", tree)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_edited_by_hand_fails(tmp_path):
    built = list(ROOT.glob("build/*/millrace"))
    assert built, "build first: scripts/build"
    for name in ("docs/reference/configuration.md", "docs/reference/cli.md", "config/millrace.yaml",
                 "config/millrace.schema.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    done = gate("docs", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    page = tmp_path / "docs/reference/cli.md"
    page.write_text(page.read_text().replace("--until", "--untill", 1))
    done = gate("docs", tmp_path)
    assert done.returncode == 1 and "docs/reference/cli.md:" in done.stdout, done.stdout + done.stderr


def test_a_warning_of_clang_alone_fails(tmp_path):
    """gcc takes a variable assigned to itself; clang does not."""
    for name in ("scripts", "cmake"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("CMakeLists.txt", "CMakePresets.json"):
        shutil.copy(ROOT / name, tmp_path)
    for layer in ("base", "model", "plug", "client", "schema", "capture", "config", "engine", "cli"):
        (tmp_path / "src" / layer).mkdir(parents=True)
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors/connectors.def").touch()
    (tmp_path / "test").mkdir()
    (tmp_path / "test/CMakeLists.txt").touch()
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/CMakeLists.txt").touch()
    source = tmp_path / "src/base/x.c"

    def check():
        return subprocess.run([tmp_path / "scripts/check", "clang"], capture_output=True, text=True)

    source.write_text("int mr_x(int a);\nint mr_x(int a)\n{\n    return a;\n}\n")
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr
    source.write_text("int mr_x(int a);\nint mr_x(int a)\n{\n    a = a;\n    return a;\n}\n")
    done = check()
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout + done.stderr


def test_every_gate_has_a_planted_violation():
    done = subprocess.run([ROOT / "scripts/check", "--list"], capture_output=True, text=True)
    assert set(done.stdout.split()) == {row[0] for row in PLANTED} | {"clang", "docs"}
