"""The processes of the executor start whatever the folders of packages hold, and say why where they cannot."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import pytest

from fgit_cli.errors import EngineError, UsageError
from fgit_cli.executor import CallJob, Executor, Expected, Rules, interpreter, levels
from fgit_cli.executor.comparator import Comparator
from fgit_cli.executor.sandbox import Sandbox, SandboxFailed, unprivileged_user

LEVELS = ["namespaces", "landlock+seccomp"]
# Those that there are here; a program may try one of another system's and live without it.
STANDARD = sorted(n for n in sys.stdlib_module_names - {"this", "antigravity"} if importlib.util.find_spec(n))


@pytest.fixture
def environment(monkeypatch):
    """A new virtual environment below /tmp, and the executor made to use it; its folder of packages."""
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    os.chmod(home, 0o755)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
    [packages] = (home / "venv").glob("lib/python*/site-packages")
    (packages / "numpy").symlink_to(Path(numpy.__file__).parent)
    if (libraries := Path(numpy.__file__).parent.parent / "numpy.libs").exists():
        (packages / "numpy.libs").symlink_to(libraries)
    monkeypatch.setattr(sys, "executable", str(home / "venv/bin/python"))
    monkeypatch.setattr(sys, "path", [p for p in sys.path if not p.endswith("-packages")] + [str(packages)])
    yield packages
    shutil.rmtree(home)


def holds(level: str) -> str:
    if failure := levels.self_test(level, "pure"):
        pytest.skip(f"{level} does not work here: {failure}")
    return level


def shadow(folder: Path) -> None:
    """A module of every name in the standard library, none of which can be imported."""
    for name in STANDARD:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('{name} of another time')\n")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("pth", ["", "import sys; sys.path.insert(0, {packages!r})\n"], ids=["plain", "put first"])
def test_nothing_among_the_packages_hides_the_standard_library(level, pth, environment):
    holds(level)
    shadow(environment)
    if pth:
        (environment / "first.pth").write_text(pth.format(packages=str(environment)))
    (environment / "ordinary.py").write_text("answer = 0.1\n")
    code = "import typing, ordinary\ndef f(x): return x + ordinary.answer"
    with Executor(level, preload=("ordinary",)) as executor:
        job = CallJob(code, "f", (b"[0.2]",))
        assert executor.run_calls(job).outputs() == (b"0.30000000000000004",)
        check = executor.check(job, Expected((b"0.3",), Rules()))  # which numpy alone calls close
        assert (check.status, check.error) == ("pass", None)


def test_a_strangers_package_of_our_name_is_not_taken_for_ours(environment):
    (environment / "fgit_cli").mkdir()
    (environment / "fgit_cli/__init__.py").write_text("raise RuntimeError('FastGit')\n")
    assert levels.self_test(holds("landlock+seccomp"), "pure") == ""


def test_packages_of_the_users_own_folder_are_found(environment, tmp_path, monkeypatch):
    """As `pip install --user` puts them; the fresh interpreter looks into no such folder by itself."""
    own = tmp_path / "lib/python3/site-packages"
    own.mkdir(parents=True)
    for name in ("numpy", "numpy.libs"):
        if (environment / name).exists():
            (environment / name).rename(own / name)
    monkeypatch.setattr(sys, "path", [*sys.path, str(own)])
    with_numpy = Comparator()
    assert with_numpy.compare(Rules(), b"0.30000000000000004", b"0.3", b"[]", (1e-6, 1e-6), 10)
    with_numpy.close()


@pytest.mark.parametrize("level", LEVELS)
def test_a_sandbox_that_cannot_start_says_why(level, environment, monkeypatch):
    (environment / "broken.py").write_text(
        "import sys\nsys.stderr.write('no such device\\n')\nimport os\nos._exit(7)\n"
    )
    with pytest.raises(SandboxFailed, match="no such device"):
        Sandbox(level, "pure", unprivileged_user(), ("broken",))
    (environment / "broken.py").write_text("import os\nos.kill(os.getpid(), 9)\n" if level == LEVELS[1] else "1 / 0\n")
    why = "killed by SIGKILL" if level == LEVELS[1] else "ZeroDivisionError: division by zero"
    with pytest.raises(SandboxFailed, match=why):
        Sandbox(level, "pure", unprivileged_user(), ("broken",))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert levels.self_test(level, "pure") == "the sandbox ended: exit status 1"


@pytest.mark.parametrize("isolation", ["auto", "none", *LEVELS])
def test_no_folder_for_temporary_files_is_said_with_its_cure(isolation, monkeypatch):
    def none_there():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none_there)
    with pytest.raises(UsageError, match="can be written here; name one by TMPDIR"), Executor(isolation):
        pass


def test_a_comparator_that_cannot_start_is_no_verdict(environment):
    (environment / "numpy").unlink()
    with pytest.raises(EngineError, match="does not start: ModuleNotFoundError: No module named 'numpy'"):
        Comparator().compare(Rules(), b"1", b"1", b"[]", (0, 0), 1)


def test_the_last_line_that_names_an_error_is_chosen():
    words = "Fatal Python error: no codec\\nModuleNotFoundError: No module named 'encodings'\\n\\n<no Python frame>\\n"
    with interpreter.errors_file() as errors:
        process = subprocess.Popen([sys.executable, "-c", f'import sys; sys.exit("{words}")'], stderr=errors)
        assert interpreter.last_words(process, errors) == "ModuleNotFoundError: No module named 'encodings'"
