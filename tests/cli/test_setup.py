"""tools/setup.sh: run twice, without a network, killed half way, in folders with spaces, and told off clearly.

Each test works on a copy of the script whose requirements are one small wheel made here, so that nothing is downloaded.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def wheel(folder):
    """A package of one line."""
    path = folder / "hone_test_wheel-1.0-py3-none-any.whl"
    info = "hone_test_wheel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hone_test_wheel.py", "ANSWER = 42\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hone-test-wheel\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


class Clone:
    """As much of a clone as setup.sh looks at."""

    def __init__(self, folder):
        self.root = folder / "a clone with spaces"
        self.cache = folder / "a cache with spaces"
        requirements = self.root / "tools/requirements"
        requirements.mkdir(parents=True)
        shutil.copy(ROOT / "tools/setup.sh", self.root / "tools/setup.sh")
        (requirements / "packages.txt").write_text("# what every Debian has\nbash\n")
        shutil.copy(wheel(folder), requirements)
        for listed in (ROOT / "tools/requirements").glob("*.txt"):
            if listed.name != "packages.txt":
                (requirements / listed.name).write_text(f"./tools/requirements/{wheel(folder).name}\n")

    def command(self, *arguments, prefix=(), **variables):
        # An index that nobody answers: whatever still succeeds needed no network.
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.cache), "PIP_INDEX_URL": "http://127.0.0.1:9",
                       "PIP_RETRIES": "0", **variables}
        for name in ("HONE_TORCH_DIR", "HONE_PYTHON"):
            if name not in variables:
                environment.pop(name, None)
        return dict(args=[*prefix, str(self.root / "tools/setup.sh"), *arguments], env=environment, text=True)

    def setup(self, *arguments, code=0, **options):
        done = subprocess.run(**self.command(*arguments, **options), capture_output=True, timeout=300)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr

    def answer(self, environment="engine"):
        python = self.root / "build" / f"python-{environment}" / "bin/python"
        code = "import hone_test_wheel; print(hone_test_wheel.ANSWER)"
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def without_network():
    """What runs a command where there is no network at all; nothing where the kernel does not let us."""
    prefix = ("unshare", "--user", "--map-root-user", "--net")
    return prefix if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0 else ()


def test_the_second_run_does_nothing_and_needs_no_network(clone):
    assert "making the Python environment 'engine'" in clone.setup("build")
    assert clone.answer() == "42" and not (clone.root / "build/python-oracles").exists()
    assert clone.setup("build", prefix=without_network()) == "setup: ready\n"
    said = clone.setup("oracles")
    assert "making the Python environment 'oracles'" in said and "making the Python environment 'clients'" in said
    assert clone.answer("oracles") == clone.answer("clients") == "42"
    # Another clone on this machine shares what lies in the cache.
    shutil.rmtree(clone.root / "build")
    assert clone.setup("oracles", prefix=without_network()) == "setup: ready\n"
    assert clone.answer("oracles") == "42"


def test_a_changed_requirement_makes_a_new_environment(clone):
    clone.setup("build")
    old = (clone.root / "build/python-engine").resolve()
    with open(clone.root / "tools/requirements/engine.txt", "a") as file:
        file.write("# changed\n")
    assert "making the Python environment" in clone.setup("build")
    assert (clone.root / "build/python-engine").resolve() != old and old.exists()


def test_a_killed_run_is_made_good_by_the_next(clone):
    process = subprocess.Popen(**clone.command("build"), stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(clone.cache.glob("hone/python/engine-*/bin/python")):
        assert time.monotonic() < deadline and process.poll() is None, "no environment appeared"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not list(clone.cache.glob("hone/python/engine-*/ready")), "it was whole before it could be killed"
    assert not (clone.root / "build/python-engine").exists()
    clone.setup("build")
    assert clone.answer() == "42"


def test_two_at_once_make_one_environment(clone):
    both = [subprocess.Popen(**clone.command("build"), stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        assert process.wait(300) == 0, process.stderr.read()
        process.stderr.close()
    assert clone.answer() == "42"
    assert len(list(clone.cache.glob("hone/python/engine-*/ready"))) == 1


def test_what_cannot_be_installed_leaves_no_environment(clone):
    (clone.root / "tools/requirements/engine.txt").write_text("hone-no-such-package==1\n")
    assert "hone-no-such-package" in clone.setup("build", code=1)
    assert not list(clone.cache.glob("hone/python/engine-*/ready"))
    assert not (clone.root / "build/python-engine").exists()


def test_a_torch_that_is_there_already(clone, tmp_path):
    torch = tmp_path / "another torch"
    (torch / "lib").mkdir(parents=True)
    assert "has no lib/libtorch_cpu.so" in clone.setup("build", code=1, HONE_TORCH_DIR=str(torch))
    (torch / "lib/libtorch_cpu.so").touch()
    assert f"linking the torch in {torch}" in clone.setup("build", HONE_TORCH_DIR=str(torch))
    assert (clone.root / "build").is_dir() and not (clone.root / "build/python-engine").exists()
    assert not clone.cache.exists()


def test_an_interpreter_that_will_not_do_is_named(clone, tmp_path):
    old = tmp_path / "an old python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    said = clone.setup("build", code=1, HONE_PYTHON=str(old))
    assert f"{old}: no Python 3.10" in said and "HONE_PYTHON" in said


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="asks dpkg which packages there are")
def test_missing_packages_without_root_or_sudo(clone, tmp_path):
    with open(clone.root / "tools/requirements/packages.txt", "a") as file:
        file.write("hone-no-such-package\n")
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("bash", "dirname", "sed", "grep", "mkdir", "dpkg-query"):
        (commands / name).symlink_to(shutil.which(name))
    (commands / "id").write_text(f"#!{shutil.which('bash')}\necho 1000\n")
    (commands / "id").chmod(0o755)
    said = clone.setup("build", code=1, PATH=str(commands), prefix=(str(commands / "bash"),))
    assert "installing distribution packages: hone-no-such-package\n" in said
    assert "apt-get install hone-no-such-package" in said and "bash" not in said.split("apt-get install")[1]


def test_an_unknown_part_is_refused(clone):
    assert 'unknown part "oracle"; known: build oracles' in clone.setup("oracle", code=2)
