"""Makes the wheels that the examples' locks name, from the sources beside them: `python3 examples/wheels.py`.

Every directory `EXAMPLE/vendor/NAME/` is one package: a `pyproject.toml` with `project.name`, `version`, `description`,
`requires-python` and `dependencies`, and python modules. Its wheel goes to `EXAMPLE/wheels/`. `tool.wheels.platforms` asks for a
wheel for each of these platforms instead of one for all. The same sources give the same bytes, so the locks keep their hashes.
"""

import base64
import hashlib
import pathlib
import tomllib
import zipfile


def record_line(name, data):
    """One line of RECORD (the wheel specification's own digest encoding)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def metadata(project):
    """The METADATA file."""
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {requirement}" for requirement in project.get("dependencies", [])),
    ]
    return "".join(line + "\n" for line in lines).encode()


def make(source, wheels, platform):
    """Writes one wheel."""
    manifest = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
    project = manifest["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    tag = f"py3-none-{platform}"
    pure = "true" if platform == "any" else "false"
    info = f"{stem}.dist-info"
    files = {str(path.relative_to(source)): path.read_bytes() for path in sorted(source.rglob("*.py"))}
    files[f"{info}/METADATA"] = metadata(project)
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: wheels.py\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
    record = "".join(record_line(name, data) for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(wheels / f"{stem}-{tag}.whl", "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            # Stored, and at the first instant that a zip file can hold: no compressor and no clock in the bytes.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)


def main():
    """Makes every wheel of every example."""
    for source in sorted(pathlib.Path(__file__).parent.glob("*/vendor/*")):
        wheels = source.parent.parent / "wheels"
        wheels.mkdir(exist_ok=True)
        manifest = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
        for platform in manifest.get("tool", {}).get("wheels", {}).get("platforms", ["any"]):
            make(source, wheels, platform)


main()
