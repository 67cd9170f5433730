"""A PostgreSQL server of our own in a temporary folder, on a socket there and on no port."""
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time


def programs():
    """The folder of the newest installed server, or None."""
    found = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists() and (path / "postgres").exists()]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def end_with_parent():
    """In the child: SIGQUIT when the tests are killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Postgres:
    def __init__(self):
        # Not below pytest's own folder: the path of a socket has room for about 100 characters, and others may look in.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hone-pg-"))
        self.user = {}
        if os.geteuid() == 0:  # which the server refuses to run as
            account = pwd.getpwnam("postgres")
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.log = open(self.folder / "log", "ab")
        self.data = self.folder / "data"
        self.process = None
        subprocess.run([programs() / "initdb", "-D", self.data, "-U", "hone", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                        "--no-instructions"], check=True, stdout=self.log, stderr=self.log, cwd=self.folder, **self.user)
        self.start()

    def start(self):
        self.process = subprocess.Popen([programs() / "postgres", "-D", self.data, "-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off",
                                         "-c", "shared_buffers=16MB"], stdout=self.log, stderr=self.log, cwd=self.folder,
                                        preexec_fn=end_with_parent, **self.user)
        until = time.monotonic() + 180
        while not self.answers():
            assert time.monotonic() < until and self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)

    def answers(self):
        return subprocess.run([programs() / "pg_isready", "-q", "-h", self.folder], check=False).returncode == 0

    def stop(self, how=signal.SIGINT):
        """SIGINT ends it in order, SIGQUIT as if it had crashed."""
        self.process.send_signal(how)
        self.process.wait(timeout=60)

    def query(self, sql, database="postgres"):
        return subprocess.run([programs() / "psql", "-X", "-A", "-t", "-U", "hone", "-h", self.folder, "-d", database, "-c", sql], check=True,
                              capture_output=True, text=True).stdout.strip()

    def new_database(self, name):
        self.query(f"CREATE DATABASE {name}")
        return f"postgresql://hone@/{name}?host={self.folder}"

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.log.close()
        shutil.rmtree(self.folder)
