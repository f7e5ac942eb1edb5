"""Makes an archive of the program in each wheel of a directory, and a file with the checksums of all: what a release has beside the wheels.

The archives have the bytes of the wheels, and no version in their names: `releases/latest/download/NAME` is then a URL that stays.
"""

import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path

PROGRAM = re.compile(r"[^/]+\.data/scripts/(uv-buildkit(?:\.exe)?)")
LICENSE = re.compile(r"[^/]+\.dist-info/licenses/(LICENSE)")
# The first time that a zip file can hold: the same wheel gives the same archive.
TIME = (1980, 1, 1, 0, 0, 0)
SECONDS = 315532800


def platform(wheel: str) -> str:
    """`linux-x86_64` of `uv_buildkit-1.0-py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64.whl`."""
    tag = wheel.removesuffix(".whl").rsplit("-", 1)[1].split(".")[0]
    patterns = {
        r"(?:many|musl)linux\w*?_(x86_64|aarch64)": "linux",
        r"macosx_\d+_\d+_(x86_64|arm64)": "macos",
        r"win_(amd64|arm64)": "windows",
    }
    for pattern, system in patterns.items():
        if found := re.fullmatch(pattern, tag):
            return f"{system}-{found[1]}"
    raise SystemExit(f"error: {wheel}: there is no name for the platform `{tag}`")


def contents(wheel: Path) -> list[tuple[str, bytes]]:
    """The program, then the licence."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        found = [(match[1], archive.read(name)) for pattern in (PROGRAM, LICENSE) for name in names if (match := pattern.fullmatch(name))]
    if len(found) != 2:
        raise SystemExit(f"error: {wheel.name} has not one program and one licence, but {[name for name, _ in found]}")
    return found


def pack(wheel: Path) -> Path:
    name = f"uv-buildkit-{platform(wheel.name)}"
    files = contents(wheel)
    if files[0][0].endswith(".exe"):
        path = wheel.with_name(f"{name}.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, data in files:
                archive.writestr(zipfile.ZipInfo(file, TIME), data, zipfile.ZIP_DEFLATED)
        return path
    path = wheel.with_name(f"{name}.tar.gz")
    # gzip's own time is left out, so the whole is made in memory.
    bytes_of_tar = io.BytesIO()
    with tarfile.open(fileobj=bytes_of_tar, mode="w") as archive:
        for index, (file, data) in enumerate(files):
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size, entry.mtime, entry.mode = len(data), SECONDS, 0o644 if index else 0o755
            archive.addfile(entry, io.BytesIO(data))
    path.write_bytes(gzip.compress(bytes_of_tar.getvalue(), mtime=0))
    return path


def main(directory: Path) -> None:
    wheels = sorted(directory.glob("*.whl"))
    if not wheels:
        raise SystemExit(f"error: {directory} has no wheels")
    archives = [pack(wheel) for wheel in wheels]
    if len(set(archives)) != len(archives):
        raise SystemExit(f"error: two wheels are for the same platform: {[wheel.name for wheel in wheels]}")
    others = directory.glob("*.json")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted([*wheels, *archives, *others])]
    (directory / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
