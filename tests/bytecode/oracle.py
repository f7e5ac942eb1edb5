"""Installs a wheel twice: with uv's bytecode, and with the worker's.

    oracle.py SCRIPTS UV DIRECTORY
"""

import marshal
import os
import subprocess
import sys
import zipfile

scripts, uv, directory = sys.argv[1:]
sys.path.insert(0, scripts)
import bytecode

MODULES = {
    "pond/__init__.py": b"",
    "pond/fish.py": b"class Fish:\n    class Fin: pass\n    def swim(self): return self in {'a', 'b'}\n",
    "pond/invalid_escape.py": b"x = '\\d'\n",
    "pond/latin.py": b"# coding: latin-1\nx = '\xe9'\n",
    "pond/not_utf8.py": b"x = '\xe9'\n",
    "pond/python2.py": b"print 'two'\n",
    "pond/template.py": b"class {{ name }}: pass\n",
    "pond/nothing.py": b"x = 1\0\n",
    "pond/windows.py": b"x = 1\r\ny = '''a\r\nb'''\r\n",
    "pond/marked.py": b"\xef\xbb\xbfx = 1\n",
    "pond/deep.py": b"x = " + b"(" * 300 + b")" * 300 + b"\n",
    "pond/.py": b"x = 1\n",
    "pond/.hidden.py": b"x = 1\n",
    "pond/script.PY": b"x = 1\n",
    "pond/stub.pyi": b"x: int\n",
    "pond/shipped.py": b"x = 1\n",
    "pond/with-dash.py": b"x = 1\n",
    "pond/directory.py/inside.py": b"x = 1\n",
    "pond/__pycache__/shipped.%s.pyc" % sys.implementation.cache_tag: b"brought along",
    "pond/__pycache__/python2.%s.pyc" % sys.implementation.cache_tag: b"brought along",
    "toplevel.py": b"x = 1\n",
    "pond-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pond\nVersion: 1.0\n",
    "pond-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
with zipfile.ZipFile(directory + "/pond-1.0-py3-none-any.whl", "w") as wheel:
    for path, content in MODULES.items():
        wheel.writestr(path, content)
    record = "".join("%s,,\n" % path for path in [*MODULES, "pond-1.0.dist-info/RECORD"])
    wheel.writestr("pond-1.0.dist-info/RECORD", record)

environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
environment["PYC_INVALIDATION_MODE"] = "UNCHECKED_HASH"


def installed(name, *arguments):
    target = os.path.join(directory, name)
    command = [uv, "pip", "install", "--quiet", "--no-config", "--offline", "--no-index", "--no-cache", "--python", sys.executable]
    command += ["--target", target, *arguments, directory + "/pond-1.0-py3-none-any.whl"]
    subprocess.run(command, check=True, env=environment)
    return target


def files(target):
    found = {}
    for parent, _, names in os.walk(target):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[path[len(target):]] = os.stat(path).st_mode, file.read()
    return found


theirs = files(installed("theirs", "--compile-bytecode"))
target = installed("ours")
bytecode.compile_tree(target, target, 1)
ours = files(target)
assert sorted(ours) == sorted(theirs), sorted(set(ours) ^ set(theirs))
compiled = 0
for path, (mode, content) in sorted(ours.items()):
    assert mode == theirs[path][0], "%s: %o, not %o" % (path, mode, theirs[path][0])
    if path.endswith(".pyc") and content != b"brought along":
        compiled += 1
        assert content[:16] == theirs[path][1][:16], path
        code = marshal.loads(content[16:])
        assert code == marshal.loads(theirs[path][1][16:]), path
        assert code.co_filename == path.replace("__pycache__/", "").replace(sys.implementation.cache_tag + ".pyc", "py"), path
    else:
        assert content == theirs[path][1], path
assert compiled >= 10, compiled
print("%d files are compiled as by uv" % compiled)
