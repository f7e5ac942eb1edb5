"""Whether the wheel of a project has the modules that its own modules and scripts import. A build backend that was given a list of packages
takes no others, and nobody notices where the project is installed as a link to its sources, as `uv sync` does it.

Only what is certain ends a build: the sources have the module, the wheel does not, and no requirement of the wheel has its name.
"""

import ast
import glob
import os
import re
import sys
import zipfile

from failure import fail

# Files in a wheel that are imported. Those of a compiler have more between the name and the suffix.
SUFFIXES = (".py", ".pyc", ".so", ".pyd")
# Directories of a project that are nobody's modules, or hold copies of them.
IGNORED = {"build", "dist", "node_modules", "venv", "site-packages", "__pycache__"}
# What is shipped for developers may import what is not.
FOR_DEVELOPERS = re.compile(r"(^|/)(tests?|testing|docs?|examples?|benchmarks?|scripts|tools|conftest\.py|setup\.py)(/|$)|(^|/)test_|_test\.py$")
# What python brings itself; old pythons do not say that.
STANDARD = getattr(sys, "stdlib_module_names", None) or set(sys.builtin_module_names) | {
    name.split(".")[0] for name in os.listdir(os.path.dirname(os.__file__))
}
EDITABLE = "`editable = true` in a target of uv.build.toml installs a link to the sources, which have it, as `uv sync` does"
FROM_SOURCES = (
    "`sources = true` and `env = { PYTHONPATH = \"/app\" }` in a target of uv.build.toml copy the sources into the working directory, where "
    "Python then looks"
)
IGNORED_BY_HATCH = (
    "`.gitignore` or `exclude` leaves it out: `artifacts = [\"%s\"]` in `[tool.hatch.build.targets.wheel]` takes it in all the same"
)
# How other build backends take a module.
LISTS = {"uv_build": "add `%s` to `module-name` of `[tool.uv.build-backend]`", "poetry": "add `%s` to `packages` of `[tool.poetry]`"}


class Wheel:
    """What a wheel has."""

    def __init__(self, archive):
        self.archive = archive
        # Names of modules, and of directories of modules, with the entries of the archive.
        self.modules, self.directories = {}, set()
        self.scripts, self.requirements = {}, set()
        self.has_paths = False
        for entry in archive.namelist():
            path = re.sub(r"^[^/]+\.data/(pure|plat)lib/", "", entry)
            top = path.split("/")[0]
            if top.endswith(".dist-info"):
                self.read_metadata(entry, path.split("/")[-1])
            elif path.endswith(".pth"):
                self.has_paths = True
            elif path.endswith(SUFFIXES) and not top.endswith(".data"):
                name = module_of(path)
                self.modules[name] = entry
                parts = name.split(".")
                self.directories.update(".".join(parts[:count]) for count in range(1, len(parts)))

    def read_metadata(self, entry, name):
        if name == "entry_points.txt":
            section = ""
            for line in self.archive.read(entry).decode().splitlines():
                line = line.strip()
                if line.startswith("["):
                    section = line
                elif section in ("[console_scripts]", "[gui_scripts]") and "=" in line:
                    script, called = line.split("=", 1)
                    self.scripts[script.strip()] = called.split(":")[0].split("[")[0].strip()
        elif name == "METADATA":
            text = self.archive.read(entry).decode(errors="replace")
            names = re.findall(r"(?m)^Requires-Dist: *([\w.-]+)", text)
            self.requirements = {re.sub("[-_.]+", "_", name).lower() for name in names}

    def has(self, module):
        return module in self.modules or module in self.directories

    def may_be_brought(self, module):
        """Whether python, or something else that is installed, may bring a module."""
        top = module.split(".")[0]
        if self.has(top):
            return False
        names = self.requirements | {re.sub("^(python_|py)", "", name) for name in self.requirements}
        return top in STANDARD or top.lower() in names | {name.split("_")[0] for name in names}


def module_of(path):
    """The name of the module in a file."""
    directory, file = os.path.split(path)
    parts = [part for part in directory.split("/") if part]
    name = file.split(".")[0]
    return ".".join(parts if name == "__init__" and parts else parts + [name])


class Sources:
    """What a project has in its directory."""

    def __init__(self, directory, wheel):
        self.directory = directory
        tops = {name.split(".")[0] for name in wheel.modules}
        # Directories that modules of the wheel lie in: a link to the sources makes these importable.
        self.roots = [root for root in ["", "src"] + self.others() if any(self.has(root, top) for top in tops)]

    def others(self):
        """Directories that hold modules, and are none themselves."""
        names = sorted(set(os.listdir(self.directory)) - IGNORED - {"src"})
        places = [(name, os.path.join(self.directory, name)) for name in names if not name.startswith(".")]
        return [name for name, place in places if os.path.isdir(place) and not os.path.exists(place + "/__init__.py")]

    def has(self, root, top):
        place = os.path.join(self.directory, root, top)
        return os.path.isfile(place + ".py") or os.path.isdir(place)

    def names_beside(self, wheel):
        """Names of modules and packages of the sources that a wheel does not have."""
        names = set()
        for root in self.roots:
            start = os.path.join(self.directory, root)
            for place, directories, files in os.walk(start):
                is_top = place == start
                directories[:] = [
                    name for name in directories
                    if name.isidentifier() and name not in IGNORED and not (is_top and name in self.roots)
                ]
                within = os.path.relpath(place, start).split(os.sep) if not is_top else []
                for file in files:
                    if file.endswith(".py"):
                        parts = module_of("/".join(within + [file])).split(".")
                        paths = (".".join(parts[:count + 1]) for count in range(len(parts)))
                        names.update(path.rpartition(".")[2] for path in paths if not wheel.has(path))
        return names

    def find(self, module, roots):
        """Where a module is: a file, or a package that says that it is one."""
        path = module.replace(".", "/")
        for root in roots:
            for candidate in (path + ".py", path + "/__init__.py"):
                relative = os.path.join(root, candidate)
                if os.path.isfile(os.path.join(self.directory, relative)):
                    return relative
        return None


def imported(tree, package):
    """The modules that a module imports as soon as it is imported itself: (module, names that it takes of it). What may fail, or is only
    done sometimes, is left out."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, []
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".") if package else []
                above = parts[:len(parts) - node.level + 1]
                base = ".".join(above + [base] if base else above)
            if base and base != "__future__":
                yield base, [alias.name for alias in node.names]


def lacking(wheel, sources):
    """What a wheel lacks of what its modules import: (who, module, where the sources have it)."""
    names = sources.names_beside(wheel)
    # Few modules have any of them in a line that imports.
    wanted = re.compile(r"(?m)^(?:from|import)\b.*\b(?:%s)\b" % "|".join(map(re.escape, sorted(names))))
    for name, entry in sorted(wheel.modules.items()) if names else []:
        if not entry.endswith(".py") or FOR_DEVELOPERS.search(entry):
            continue
        text = wheel.archive.read(entry).decode(errors="replace")
        if not wanted.search(text):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        is_package = entry.endswith("/__init__.py")
        for module, taken in imported(tree, name if is_package else name.rpartition(".")[0]):
            modules = [module]
            # What no module can define can only be a module itself.
            if module in wheel.directories and module not in wheel.modules:
                modules += [module + "." + part for part in taken if part != "*"]
            for module in modules:
                place = None if wheel.has(module) or wheel.may_be_brought(module) else sources.find(module, sources.roots)
                if place is not None:
                    yield "`%s` imports" % re.sub(r"^[^/]+\.data/[a-z]+/", "", entry), module, place


def check(name, directory, wheels, starts):
    """Ends the step if a wheel cannot work: a script starts a module that it lacks, or a module that it has imports one. A script that
    starts something of another name than the project's is for developers, unless the image starts it: `starts` has such names."""
    tops = {re.sub("[-_.]+", "_", name).lower(), *starts}
    for path in glob.glob(wheels + "/*.whl"):
        with zipfile.ZipFile(path) as archive:
            wheel = Wheel(archive)
            # What such a file adds is not looked at.
            if wheel.has_paths:
                continue
            sources = Sources(directory, wheel)
            found = []
            for script, module in sorted(wheel.scripts.items()):
                is_meant = module.split(".")[0] in tops
                place = sources.find(module, sources.roots + ["", "src"])
                if is_meant and place is not None and not wheel.has(module) and not wheel.may_be_brought(module):
                    found.append(("the script `%s` starts" % script, module, place))
            found = found or list(lacking(wheel, sources))
        if found:
            refuse(name, wheel, sources, found)


def refuse(name, wheel, sources, found):
    """Says what a wheel lacks, and how an image gets it."""
    who, module, place = found[0]
    is_linked = sources.find(module, sources.roots) is not None
    others = len({module for _, module, _ in found} - {module})
    more = ", and %d more that are imported" % others if others else ""
    problem = "the wheel of `%s` lacks the module `%s`%s: %s it, and the sources have it in `%s`" % (name, module, more, who, place)
    listed = how_to_list(sources.directory, module, place, wheel.has(module.split(".")[0]))
    fail(problem, *([listed, EDITABLE] if is_linked else [FROM_SOURCES]))


def how_to_list(directory, module, place, is_part):
    """How the build backend of a project takes a module into the wheel, of which it takes a part of the package already, or nothing."""
    backend = "setuptools"
    with open(os.path.join(directory, "pyproject.toml"), encoding="utf-8") as file:
        named = re.search(r"""(?m)^\s*build-backend\s*=\s*["']([\w.]+)""", file.read())
    if named:
        backend = named.group(1)
    top = module.split(".")[0]
    if backend.startswith("setuptools"):
        package = module if place.endswith("/__init__.py") else module.rpartition(".")[0]
        key = "add `%s` to `packages`" % package if package else "add `%s` to `py-modules`" % module
        return key + " of `[tool.setuptools]`; without that list, setuptools looks for packages and modules itself"
    if backend.startswith("hatchling") and is_part:
        return IGNORED_BY_HATCH % place
    if backend.startswith("hatchling"):
        above = len(place.split("/")) - module.count(".") - (2 if place.endswith("/__init__.py") else 1)
        path = "/".join(place.split("/")[:above + 1])
        return "add `%s` to `packages` of `[tool.hatch.build.targets.wheel]`" % path
    return LISTS.get(backend.split(".")[0], "add `%s` to what the build backend packs") % top
