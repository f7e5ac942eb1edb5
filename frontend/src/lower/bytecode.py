"""Compiles modules to bytecode that is a function of their source, their path and the python alone.

What `compile` and `marshal` make depends on the process, too. Strings that look like names are interned: kept once for a process. Whether
one was there already, or is used by somebody else, shows in a file in three ways:

- `marshal` notes an object as one that may come again if it has more than one user. Every string of a module has a second one here.
- A string that was there already takes the place of the module's own: in a set by way of another set, which then is no longer the one
  that other functions share; in a slice, and as the qualified name in the body of a class, not at all, so that the two are no longer one.
  Modules in which this can show are compiled when all their strings are there already.
- A single character is one object for all, interned or not. All are interned here.

Sets are written in an order: from python 3.11 on by `marshal`, before that here.
"""

import gc
import glob
import importlib.util
import marshal
import os
import re
import sys
import warnings

IS_CPYTHON = sys.implementation.name == "cpython"
# An unchecked hash of the source: nothing that could be newer (PEP 552).
HEADER = importlib.util.MAGIC_NUMBER + b"\1\0\0\0"
CHARACTERS = [sys.intern(chr(number)) for number in range(256)]
Code = type((lambda: None).__code__)

# Modules that a process more is worth its start for.
SHARE = 20
# What a pipe holds of the four bytes that stand for some modules.
PIPE = 16000

DEFINITION = re.compile(rb"^([ \t]*)(class|def|async[ \t]+def)[ \t]+([A-Za-z0-9_]+)", re.MULTILINE)
OPTIMIZED, NEWLOCALS = 1, 2


class Survey:
    """What there is in a module that may depend on the process."""

    def __init__(self, code, interned):
        # All strings; the sets with strings among them.
        self.strings, self.sets = [], []
        self.is_open = False
        self.interned = interned
        self.code(code)
        self.is_open = self.is_open or len(set(self.sets)) < len(self.sets)

    def code(self, code):
        strings = self.strings
        strings += code.co_names
        strings += code.co_varnames
        strings += code.co_cellvars
        strings += code.co_freevars
        strings.append(code.co_name)
        name = getattr(code, "co_qualname", None)
        if name is not None:
            strings.append(name)
            is_class = not code.co_flags & (OPTIMIZED | NEWLOCALS)
            if is_class and "." in name and name not in self.interned:
                self.is_open = True
        self.constants(code.co_consts)

    def constants(self, constants):
        for constant in constants:
            kind = type(constant)
            if kind is str:
                self.strings.append(constant)
            elif kind is Code:
                self.code(constant)
            elif kind is tuple:
                self.constants(constant)
            elif kind is frozenset:
                strings = len(self.strings)
                self.constants(constant)
                if len(self.strings) > strings:
                    self.sets.append(marshal.dumps(constant, 2))
            elif kind is slice:
                strings = len(self.strings)
                self.constants((constant.start, constant.stop, constant.step))
                self.is_open = self.is_open or len(self.strings) > strings


def nested_classes(source):
    """Qualified names of classes in classes and functions, as the indentation tells them."""
    if b" class " not in source and b"\tclass" not in source:
        return []
    names, above = [], []
    for indentation, kind, name in DEFINITION.findall(source):
        width = len(indentation.expandtabs())
        while above and above[-1][0] >= width:
            above.pop()
        prefix = above[-1][1] if above else ""
        name = prefix + name.decode()
        if kind == b"class" and prefix:
            names.append(sys.intern(name))
        above.append((width, name + ("." if kind == b"class" else ".<locals>.")))
    return names


def bytecode(source, path):
    """The bytecode of a module that an image has at a path, without the header of its file."""
    interned = nested_classes(source)
    code = compile(source, path, "exec", dont_inherit=True)
    survey = Survey(code, frozenset(interned))
    if survey.is_open:
        # The survey keeps what the first one interned.
        code = compile(source, path, "exec", dont_inherit=True)
    return marshal.dumps(code) if sys.version_info >= (3, 11) else with_sorted_sets(code)


def with_sorted_sets(code):
    """Serialises code with its sets in an order, where `marshal` writes them in the order of the hashes, some of which are addresses:
    a text stands for each until all else is written."""
    sets = []

    def without(constant):
        if type(constant) is frozenset and len(constant) > 1:
            content = sorted(marshal.dumps(element, 2) for element in constant)
            sets.append(len(content).to_bytes(4, "little") + b"".join(content))
            return b"\0uv-buildkit set %08d\0" % len(sets)
        if type(constant) is tuple:
            constants = tuple(map(without, constant))
        elif type(constant) is Code:
            constants = tuple(map(without, constant.co_consts))
        else:
            return constant
        old = constant if type(constant) is tuple else constant.co_consts
        if all(one is other for one, other in zip(constants, old)):
            return constant
        return constants if type(constant) is tuple else constant.replace(co_consts=constants)

    code = without(code)
    survey = Survey(code, ())
    written = marshal.dumps(code)
    del survey
    for number, content in enumerate(sets, 1):
        text = b"\0uv-buildkit set %08d\0" % number
        text = len(text).to_bytes(4, "little") + text
        # A string, or one that may come again: so is the set.
        written = written.replace(b"s" + text, b">" + content).replace(b"\xf3" + text, b"\xbe" + content)
    return written


def compile_file(source, target, path):
    """Compiles a file, if it is python: what is not, such as a template, cannot be imported either."""
    if not IS_CPYTHON:
        import py_compile

        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(source, target, path, quiet=2, invalidation_mode=mode)
        return
    with open(source, "rb", buffering=0) as file:
        content, mode = file.readall(), os.fstat(file.fileno()).st_mode
    try:
        compiled = bytecode(content, path)
    except Exception:
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    mode = (mode | 0o200) & 0o666
    try:
        descriptor = os.open(target, flags, mode)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        descriptor = os.open(target, flags, mode)
    except FileExistsError:
        # A wheel brought its own.
        os.remove(target)
        descriptor = os.open(target, flags, mode)
    with open(descriptor, "wb") as file:
        file.writelines((HEADER, importlib.util.source_hash(content), compiled))


def compile_some(files):
    """Compiles files in this process."""
    was_enabled = gc.isenabled()
    # Code has no cycles.
    gc.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file in files:
            compile_file(*file)
    if was_enabled:
        gc.enable()


def compile_all(files, processes):
    """Compiles files, each given by its source, its target and the path by which an image knows it, in some processes."""
    files = list(files)
    processes = min(processes, 1 + len(files) // SHARE)
    if processes == 1:
        compile_some(files)
        return
    # Whoever is free takes the next.
    share = 1 + len(files) // PIPE
    taken, given = os.pipe()
    for start in range(0, len(files), share):
        os.write(given, start.to_bytes(4, "little"))
    os.close(given)
    parts = (files[start:start + share] for start in iter(lambda: number(os.read(taken, 4)), None))
    workers = [os.fork() or work(parts) for _ in range(processes - 1)]
    try:
        compile_some(file for part in parts for file in part)
    finally:
        codes = [os.waitpid(worker, 0)[1] for worker in workers]
    os.close(taken)
    if any(codes):
        sys.exit("bytecode could not be written")


def number(read):
    """What was read of a pipe; None at its end."""
    return int.from_bytes(read, "little") if read else None


def work(parts):
    """Compiles what is left, as a process that ends then."""
    code = 1
    try:
        compile_some(file for part in parts for file in part)
        code = 0
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def modules(directory):
    """The modules that uv would compile below a directory."""
    for parent, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if name != "__pycache__"]
        paths = [os.path.join(parent, name) for name in files if name.endswith(".py") and name != ".py"]
        yield from (path for path in paths if not os.path.islink(path))


def processes():
    """How many processes compile bytecode: one, and one for each core that nobody uses. When many steps run at once, more
    would only fight over the cores; when one package changed, its step is alone."""
    with open("/proc/loadavg", encoding="ascii") as file:
        running = int(file.read().split()[3].split("/")[0])
    return min(max(1, len(os.sched_getaffinity(0)) - running + 1), 8)


def compile_installed(places, root):
    """Compiles what is installed in places, by a pattern, below a root that stands for that of an image."""
    for place in sorted({os.path.realpath(place) for place in glob.glob(places)}):
        compile_tree(place, root, processes())


def compile_tree(directory, root, processes):
    """Compiles what is below a directory, which is below a root that stands for the image's."""
    files = ((path, importlib.util.cache_from_source(path), path[len(root):]) for path in modules(directory))
    compile_all(files, processes)
