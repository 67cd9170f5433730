"""A disk of a few MiB that only its own processes see, mounted without any rights."""
import os
import pathlib
import subprocess


def why_not():
    """Why there can be none here, or ""."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unshare is not installed"
    return "" if result.returncode == 0 else f"mounting is not allowed here: {result.stderr.strip()}"


class SmallDisk:
    """`at` is where its processes see it, `seen` where everybody else does; it goes with close()."""

    def __init__(self, at, mebibytes):
        self.at = at
        at.mkdir()
        script = f'mount -t tmpfs -o size={mebibytes}m none "$1" && echo ready && exec cat'
        self.holder = subprocess.Popen(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", at],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.seen = pathlib.Path(f"/proc/{self.holder.pid}/root{at}")

    def prefix(self):
        """What runs a command with the disk in sight."""
        return ["nsenter", f"--target={self.holder.pid}", "--user", "--preserve-credentials", "--mount"]

    def free(self):
        told = os.statvfs(self.seen)
        return told.f_bavail * told.f_frsize

    def fill(self, leave=0):
        """All but `leave` bytes."""
        with open(self.seen / "ballast", "ab", buffering=0) as file:
            while self.free() > leave:
                try:
                    file.write(bytes(min(1 << 16, self.free() - leave)))
                except OSError:
                    return

    def empty(self):
        (self.seen / "ballast").unlink()

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
