"""Projects of the workspace.

    worker.py member NAME DIRECTORY   a project in a directory of the workspace, built and installed
    worker.py link NAME PATH          a project, installed as a link to its sources at PATH in a copy of the workspace
    worker.py wheel NAME DIRECTORY    a project in a directory of the workspace, built
"""

import glob
import os
import shutil

from building import CHECKOUT, SCRATCH, check_version, require_portable, use_compiler_caches
from step import ANSWERS, BACKEND, OUT, VENV, build_config, cache_with_answers, data, freeze, remove, uv

CACHE = "/opt/uv-buildkit/kept"
# What the build of a project sees of its workspace, and what is to be laid over that.
SOURCES = "/opt/uv-buildkit/sources"
OVER = "/opt/uv-buildkit/over"
# Where images have the sources of projects that are installed as links.
LINKED = "/src"

GIVEN = "its build backend does not accept a version; remove `version` from `[members]` in uv.build.toml"


def refresh(source, target):
    """Makes a directory equal to another. Files that are equal already keep their times, so that build tools see what
    changed since the last build; those that differ get the present, whatever time they have in the other directory: a compiler's
    cache would take an older one for what it knows."""
    import filecmp

    os.makedirs(target, exist_ok=True)
    wanted = os.listdir(source)
    for name in set(os.listdir(target)) - set(wanted):
        remove(os.path.join(target, name))
    for name in wanted:
        theirs, ours = os.path.join(source, name), os.path.join(target, name)
        if os.path.islink(theirs):
            if not (os.path.islink(ours) and os.readlink(ours) == os.readlink(theirs)):
                remove(ours)
                os.symlink(os.readlink(theirs), ours)
        elif os.path.isdir(theirs):
            if os.path.islink(ours) or not os.path.isdir(ours):
                remove(ours)
            refresh(theirs, ours)
        else:
            is_file = os.path.isfile(ours) and not os.path.islink(ours)
            if not (is_file and filecmp.cmp(theirs, ours, shallow=False)):
                remove(ours)
                shutil.copyfile(theirs, ours)
            shutil.copymode(theirs, ours)


def lay_out(target):
    """Makes a copy of what the build of a project sees: backends write beside the sources."""
    shutil.copytree(SOURCES, target, symlinks=True, dirs_exist_ok=True)
    # By their numbers: the last of two with one path wins.
    for layer in sorted(os.listdir(OVER), key=int) if os.path.isdir(OVER) else []:
        shutil.copytree(os.path.join(OVER, layer), target, symlinks=True, dirs_exist_ok=True)


def make_member(name, directory):
    """Builds a project and installs it."""
    from install import install

    notes = data("NOTES", {})
    wheels = SCRATCH + "/wheels"
    build_member(name, directory, wheels)
    require_portable(wheels, name)
    install([wheels], [name], notes)
    freeze(OUT)


def make_link(name, path):
    """Installs a project as a link to where an image has its sources."""
    from install import install

    notes = data("NOTES", {})
    lay_out(LINKED)
    isolation = []
    if os.path.exists(BACKEND):
        # The backend is asked by the environment's python, which does not have it.
        isolation = ["--no-build-isolation"]
        os.environ["PATH"] = BACKEND + "/bin:" + os.environ.get("PATH", os.defpath)
        os.environ["PYTHONPATH"] = glob.glob(BACKEND + "/lib/python*/site-packages")[0]
    install([], [], notes, *isolation, "--no-sources", "--editable", path)
    freeze(OUT)


def make_wheel(name, directory):
    """Builds a project, and installs it nowhere."""
    build_member(name, directory, OUT)
    require_portable(OUT, name)
    for name in os.listdir(OUT):
        if not name.endswith(".whl"):
            os.remove(os.path.join(OUT, name))
    freeze(OUT)


def build_member(name, directory, wheels):
    """Builds a wheel of the project in a directory of the workspace."""
    expected, starts = data("EXPECTED", None), data("STARTS", [])
    tree = SCRATCH + CHECKOUT
    if os.path.exists(CACHE):
        use_compiler_caches(CACHE)
        seen = SOURCES
        if os.path.isdir(OVER):
            lay_out(tree)
            seen = tree
        tree = CACHE + CHECKOUT
        refresh(seen, tree)
    else:
        lay_out(tree)
    source = os.path.normpath(os.path.join(tree, directory))
    be_a_repository(tree, directory)
    python = ["--python", VENV + "/bin/python"]
    if os.path.exists(BACKEND):
        python = ["--no-build-isolation", "--python", BACKEND + "/bin/python"]
        os.environ["PATH"] = BACKEND + "/bin:" + os.environ.get("PATH", os.defpath)
    cache = cache_with_answers("/tmp/uv", ANSWERS, BACKEND + "/answers")
    uv(
        "build", "--wheel", "--offline", "--cache-dir", cache, *build_config(), "--no-sources", *python, "--out-dir", wheels, source,
        # What compilers say is the log of the step.
        is_shown=os.path.exists(CACHE),
    )
    for wheel in os.listdir(wheels):
        if expected and wheel.endswith(".whl"):
            check_version(wheel, *expected, "uv.build.toml", GIVEN)
    # Images that may have modules beside the wheel are not checked: their steps come without this script.
    if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), "modules.py")):
        import modules

        modules.check(name, source, wheels, starts)


def be_a_repository(tree, directory):
    """Lets backends find out what git ignores as in a checkout: some ask git, and maturin reads the ignore files of a repository alone."""
    if os.path.exists(BACKEND + "/bin/maturin"):
        os.makedirs(tree + "/.git", exist_ok=True)
    try:
        from repository import answer
    except ImportError:
        return
    place = SCRATCH + "/git"
    answer(place, tree, directory)
    os.environ["PATH"] = place + ":" + os.environ.get("PATH", os.defpath)


STEPS = {"member": make_member, "link": make_link, "wheel": make_wheel}
