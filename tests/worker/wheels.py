"""Asks the worker about wheels that lack modules, and about wheels that lack nothing."""

import os
import sys
import tempfile
import unittest
import zipfile

sys.path.insert(0, sys.argv.pop(1))

import modules  # noqa: E402


class Refused(Exception):
    pass


def refuse(problem, *advice):
    raise Refused("\n".join((problem,) + advice))


modules.fail = refuse

SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


class Wheels(unittest.TestCase):
    def check(self, sources, packed, scripts="", requires=(), starts=(), manifest=SETUPTOOLS, name="kiosk"):
        """What is said of a project with these files, of which `packed` says which the wheel has, and by what name."""
        with tempfile.TemporaryDirectory() as place:
            for path, text in dict(sources, **{"pyproject.toml": manifest}).items():
                os.makedirs(os.path.dirname(os.path.join(place, "sources", path)), exist_ok=True)
                with open(os.path.join(place, "sources", path), "w", encoding="utf-8") as file:
                    file.write(text)
            os.mkdir(os.path.join(place, "wheels"))
            with zipfile.ZipFile(os.path.join(place, "wheels", "kiosk-1.0-py3-none-any.whl"), "w") as archive:
                for path, text in packed.items():
                    archive.writestr(path, sources.get(text, text))
                metadata = "Name: kiosk\n" + "".join("Requires-Dist: %s\n" % text for text in requires)
                archive.writestr("kiosk-1.0.dist-info/METADATA", metadata)
                if scripts:
                    archive.writestr("kiosk-1.0.dist-info/entry_points.txt", "[console_scripts]\n" + scripts)
            try:
                modules.check(name, os.path.join(place, "sources"), os.path.join(place, "wheels"), list(starts))
            except Refused as refused:
                return str(refused)
        return None

    def is_good(self, *arguments, **options):
        self.assertIsNone(self.check(*arguments, **options))

    # Backends that were given a list.

    def test_a_script_in_a_module_beside_the_listed_packages(self):
        sources = {"src/app/__init__.py": "", "src/cli.py": "def serve(): pass\n"}
        packed = {"app/__init__.py": ""}
        said = self.check(sources, packed, "api = cli:serve\n", starts=["cli"])
        self.assertEqual(
            said,
            "the wheel of `kiosk` lacks the module `cli`: the script `api` starts it, and the sources have it in `src/cli.py`\n"
            "add `cli` to `py-modules` of `[tool.setuptools]`; without that list, setuptools looks for packages and modules itself\n"
            "`editable = true` in a target of uv.build.toml installs a link to the sources, which have it, as `uv sync` does",
        )
        # Nobody starts it.
        self.is_good(sources, packed, "lint = cli:serve\n")

    def test_a_script_of_the_name_of_the_project(self):
        sources = {"kiosk/__init__.py": "", "kiosk/web/__init__.py": "", "kiosk/web/main.py": ""}
        said = self.check(sources, {"kiosk/__init__.py": ""}, "api = kiosk.web.main:serve\n")
        self.assertIn("lacks the module `kiosk.web.main`: the script `api` starts it", said)
        self.assertIn("add `kiosk.web` to `packages` of `[tool.setuptools]`", said)

    def test_packages_in_packages(self):
        sources = {
            "src/app/__init__.py": "", "src/app/main.py": "import os\n\nfrom app.routes.agent import router\n",
            "src/app/routes/agent.py": "router = 1\n", "src/utils/ids.py": "",
        }
        packed = {"app/__init__.py": "", "app/main.py": "src/app/main.py"}
        said = self.check(sources, packed)
        self.assertIn("lacks the module `app.routes.agent`: `app/main.py` imports it, and the sources have it in `src/app/routes/agent.py`", said)
        self.assertIn("add `app.routes` to `packages`", said)
        packed["app/routes/agent.py"] = "src/app/routes/agent.py"
        self.is_good(sources, packed)

    def test_packages_beside_packages(self):
        for line in ("import ids\n", "from ids import new\n", "import os, ids\n"):
            sources = {"kiosk/__init__.py": line, "ids.py": "new = 1\n"}
            said = self.check(sources, {"kiosk/__init__.py": line}, manifest=HATCHLING)
            self.assertIn("lacks the module `ids`: `kiosk/__init__.py` imports it", said)
            self.assertIn("add `ids.py` to `packages` of `[tool.hatch.build.targets.wheel]`", said)
        sources = {"kiosk/__init__.py": "", "kiosk/a.py": "from shared.db import x\n", "shared/__init__.py": "", "shared/db.py": ""}
        said = self.check(sources, {"kiosk/__init__.py": "", "kiosk/a.py": "kiosk/a.py"}, manifest=HATCHLING)
        self.assertIn("add `shared` to `packages` of `[tool.hatch.build.targets.wheel]`", said)

    def test_what_git_ignores(self):
        sources = {"src/kiosk/__init__.py": "from kiosk.data.answers import x\n", "src/kiosk/data/answers.py": ""}
        said = self.check(sources, {"kiosk/__init__.py": "src/kiosk/__init__.py"}, manifest=HATCHLING)
        self.assertIn("lacks the module `kiosk.data.answers`", said)
        self.assertIn("`artifacts = [\"src/kiosk/data/answers.py\"]` in `[tool.hatch.build.targets.wheel]`", said)

    def test_relative_imports(self):
        sources = {"kiosk/app.py": "from . import routes\nfrom .core.db import x\n", "kiosk/routes.py": "", "kiosk/core/db.py": ""}
        said = self.check(sources, {"kiosk/app.py": "kiosk/app.py"})
        self.assertIn("lacks the module `kiosk.routes`, and 1 more that are imported: `kiosk/app.py` imports it", said)

    def test_a_script_that_only_the_working_directory_has(self):
        sources = {"src/telegram/__init__.py": "", "src/telegram/bot.py": ""}
        packed = {"telegram/__init__.py": "", "telegram/bot.py": ""}
        said = self.check(sources, packed, "bot = src.telegram.bot:run\n", starts=["src"])
        self.assertIn("lacks the module `src.telegram.bot`", said)
        self.assertIn("`sources = true` and `env = { PYTHONPATH = \"/app\" }`", said)
        self.assertNotIn("editable", said)

    # What is no mistake.

    def test_what_the_wheel_has_by_other_means(self):
        script = "api = kiosk.main:serve\n"
        # Namespace packages, src layout, modules without a package, extension modules, what was compiled, what comes as data of a wheel.
        self.is_good({"src/kiosk/main.py": ""}, {"kiosk/main.py": ""}, script)
        self.is_good({"kiosk.py": ""}, {"kiosk.py": ""}, "api = kiosk:serve\n")
        self.is_good({"kiosk/main.py": ""}, {"kiosk/main.cpython-313-x86_64-linux-gnu.so": ""}, script)
        self.is_good({"kiosk/main.py": ""}, {"kiosk/main.abi3.so": ""}, script)
        self.is_good({"kiosk/main.py": ""}, {"kiosk/main.pyc": ""}, script)
        self.is_good({"kiosk/main.py": ""}, {"kiosk-1.0.data/purelib/kiosk/main.py": ""}, script)
        self.is_good({"lib/main.py": ""}, {"kiosk/main.py": ""}, script)
        # A wheel that is a link, or does what nobody knows.
        self.is_good({"kiosk/main.py": ""}, {"kiosk.pth": "/somewhere"}, script)
        # Of another project of the workspace.
        self.is_good({"README.md": ""}, {}, "api = core.main:serve\n", requires=["core"], starts=["core"])
        self.is_good({"README.md": ""}, {}, "api = core.main:serve\n", starts=["core"])
        # Nothing at all.
        self.is_good({"README.md": ""}, {})

    def test_what_others_bring(self):
        sources = {
            "kiosk/__init__.py": "import redis\nimport logging\nimport jwt\nimport dotenv\nfrom google.cloud import storage\n",
            "redis.py": "", "logging.py": "", "jwt.py": "", "dotenv.py": "", "google/__init__.py": "", "google/cloud.py": "",
        }
        requires = ["redis[hiredis]>=5", "PyJWT", "python-dotenv ; python_version > '3'", "google-cloud-storage"]
        self.is_good(sources, {"kiosk/__init__.py": "kiosk/__init__.py"}, requires=requires)
        # Its own packages are called like those of others.
        sources = {"app/main.py": "import celery\nfrom fastapi import FastAPI\n", "app/celery.py": "", "app/fastapi.py": ""}
        self.is_good(sources, {"app/main.py": "app/main.py"})
        # No package of python: migrations of a database.
        sources = {"kiosk/__init__.py": "from alembic import op\nimport alembic\n", "alembic/env.py": "", "alembic/versions/a.py": ""}
        self.is_good(sources, {"kiosk/__init__.py": "kiosk/__init__.py"})

    def test_imports_that_may_fail_or_may_not_happen(self):
        text = (
            '"""\nimport dev\n"""\nfrom __future__ import annotations\ntry:\n    import dev\nexcept ImportError:\n    dev = None\n'
            "if False:\n    import dev\n\n\ndef late():\n    import dev\n\n\nfrom kiosk import dev\n"
        )
        sources = {"kiosk/__init__.py": text, "kiosk/dev.py": "", "dev.py": ""}
        self.is_good(sources, {"kiosk/__init__.py": text})
        # What is for developers, and what this python cannot read.
        sources = {"kiosk/__init__.py": "", "kiosk/tests/test_a.py": "import dev\n", "kiosk/x.py": "import dev\nno python\n", "dev.py": ""}
        self.is_good(sources, {path: path for path in sources if path != "dev.py"})
        sources = {"kiosk/__init__.py": "", "tests/__init__.py": "", "tests/test_a.py": "", "scripts/__init__.py": "", "scripts/lint.py": ""}
        self.is_good(sources, {"kiosk/__init__.py": ""}, "lint = scripts.lint:main\n")


unittest.main(argv=["wheels"])
