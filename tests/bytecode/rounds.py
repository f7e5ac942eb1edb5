"""Compiles modules that show what else a process holds, in one process after another that each hold something else.

    rounds.py SCRIPTS DIRECTORY    writes the modules and compares the rounds
    rounds.py SCRIPTS DIRECTORY HOW    one round: a line of JSON
"""

import hashlib
import json
import marshal
import os
import shutil
import subprocess
import sys

NESTED = """
class Outer%(number)d:
    class Inner:
        at = __qualname__, "Outer%(number)d.Inner"
        class Innermost: pass
    def method(self):
        class Local: pass
        return Local
    class Übung: pass

def factory():
    class Outer:
        class Local%(number)d: pass
        if True:
            class Conditional: pass
    "class Text: is none"
    global Global%(number)d
    class Global%(number)d: pass
    return Outer
"""
SETS = """
def one(x): return x in {"%(name)s", "rare_name_%(number)d", None}
def two(x): "Has other constants."; return x in {"%(name)s", "rare_name_%(number)d", None}
def three(x): return x in {("%(name)s", 1), ("rare_name_%(number)d", 2.0), 3, 3.5, ...}
def four(x): "Has other constants."; return x in {("%(name)s", 1), ("rare_name_%(number)d", 2.0), 3, 3.5, ...}
def six(x): return x in {"rare_one_%(number)d", "rare_two_%(number)d"}
def seven(x): "Has other constants."; return x in {"rare_one_%(number)d", "rare_two_%(number)d"}
def five(x): return x in {"/", "", "é", "%(name)s"}, x in ("%(name)s", {"%(name)s": 1}), "/", "a", ":"
"""
SLICES = """
def slices(x): return x["%(name)s":"rare_slice_%(number)d"], x["rare_slice_%(number)d":], x[1:2], "rare_slice_%(number)d"
"""
NAMES = """
import os.path as path, xml.dom.minidom
texts = "xml.dom.minidom", "<module>", "<lambda>", "<listcomp>", "%(name)s", "once_%(number)d", "a long text, which is no name"
pairs = lambda x, *, %(name)s=("once_%(number)d", b"x"): [y.%(name)s for y in x] + [1.5, 10**30, 3j, -0.0]
def keywords(naïve=1): "A text."; return keywords(naïve="naïve", %(name)s="a long text, which is no name")
def generator(x): return (y for y in x if y.once_%(number)d), {y for y in x}, lambda: x
"""
BROKEN = ["print 'two'\n", "class {{ name }}: pass\n", "x = 'caf\xe9'\n", "x = 'a\\0b\0'\n", "def f(:\n"]


def write(directory):
    names = ["value", "name", "rare_name_0", "rare_slice_1", "once_2", "path"]
    texts = [text % {"number": number // 2, "name": name} for text in (NESTED, SETS, SLICES, NAMES)
             for number, name in enumerate(names)]
    texts += [text % {"number": 7, "name": "everything"} for text in (NESTED + SETS + SLICES + NAMES,)]
    os.mkdir(directory)
    for number, text in enumerate(texts):
        with open("%s/module_%d.py" % (directory, number), "w", encoding="utf-8") as file:
            file.write(text)
    for number, text in enumerate(BROKEN):
        with open("%s/broken_%d.py" % (directory, number), "w", encoding="latin-1") as file:
            file.write(text)


def compiled(directory, names, processes):
    """What the worker makes of modules."""
    import bytecode

    target = directory + ".compiled"
    os.mkdir(target)
    bytecode.SHARE = 1
    paths = [os.path.join(directory, name) for name in names]
    bytecode.compile_all([(path, os.path.join(target, name), path) for path, name in zip(paths, names)], processes)
    made = {}
    for name in os.listdir(target):
        with open(os.path.join(target, name), "rb") as file:
            made[name] = file.read()
    shutil.rmtree(target)
    return made


def usual(directory, names):
    """What `py_compile` makes of them."""
    made = {}
    for name in names:
        with open(os.path.join(directory, name), "rb") as file:
            source = file.read()
        try:
            code = compile(source, os.path.join(directory, name), "exec", dont_inherit=True)
        except Exception:
            continue
        made[name] = marshal.dumps(code)
    return made


def one_round(directory, how, *arguments):
    names = sorted(os.listdir(directory))
    if "reverse" in arguments:
        names.reverse()
    if "holding" in arguments:
        # Not written out here: a constant is interned as soon as it is compiled.
        held = "rare one_0,rare two_0,rare slice_0,once _1,rare name_0,Outer0. Inner,<mod ule>,caf \xe9,xml.dom .minidom"
        held = [sys.intern(name.replace("rare ", "rare_").replace(" ", "")) for name in held.split(",")]
        import unittest.mock, http.server, xml.dom.minidom, email.parser
    if how.isdigit():
        made = compiled(directory, names, int(how))
    elif how == "usual":
        made = usual(directory, names)
    else:
        made = compiled(directory, [how], 1)
    if "check" in arguments:
        for name, code in usual(directory, names).items():
            assert made[name][:8] == __import__("importlib.util").util.MAGIC_NUMBER + b"\1\0\0\0", name
            assert marshal.loads(made[name][16:]) == marshal.loads(code), name
    print(json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in made.items()}))


def rounds(scripts, directory):
    def run(*arguments):
        command = [sys.executable, __file__, scripts, directory, *arguments]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)

    def differences(one, other):
        return sorted(name for name in other if one.get(name) != other[name])

    write(directory)
    first = run("1", "check")
    assert sorted(first) == sorted(name for name in os.listdir(directory) if name.startswith("module_")), sorted(first)
    for how in (["1", "reverse"], ["1", "holding"], *([count, order] for count in "2348" for order in ("", "reverse"))):
        found = run(*how)
        assert len(found) == len(first) and found == first, "%s: %s differ" % (how, differences(first, found))
    for name in ("module_0.py", "module_7.py", "module_12.py", "module_24.py"):
        assert run(name, "holding") == {name: first[name]}, name + " alone"
    # Else these modules would show nothing.
    plain = run("usual")
    differing = set(differences(plain, run("usual", "reverse")) + differences(plain, run("usual", "holding")))
    assert differing, "the modules are the same however they are compiled"
    print("%s: %d modules, of which %d show the process" % (sys.version.split()[0], len(first), len(differing)))


sys.path.insert(0, sys.argv[1])
if len(sys.argv) == 3:
    rounds(*sys.argv[1:])
else:
    one_round(*sys.argv[2:])
