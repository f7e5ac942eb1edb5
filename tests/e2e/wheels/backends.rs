//! Build backends, and projects for them that take from outside of themselves what each backend lets them.

use std::os::unix::fs::symlink;

use anyhow::Result;

use crate::context::Context;

/// A build backend, and a project that takes from outside of itself what the backend lets it.
pub struct Backend {
    pub name: &'static str,
    /// `[build-system]`
    pub build_system: &'static str,
    /// Keys of `[project]` for a member two directories below the root.
    project: &'static str,
    /// Further tables; `MODULE` stands for the module's name.
    tables: &'static str,
    /// Links of a member, and where they lead.
    links: &'static [(&'static str, &'static str)],
}

const README: (&str, &str) = ("README.md", "../../README.md");
const LICENSE: (&str, &str) = ("LICENSE", "../../LICENSE");
const DIRECTORY: (&str, &str) = ("src/MODULE/common", "../../../../shared/common");
const FILE: (&str, &str) = ("src/MODULE/event.json", "../../../../shared/event.json");

/// Each as far as it goes: setuptools, flit and hatchling refuse a readme that lies outside, poetry and flit a link to a file, uv a link
/// to a directory, and flit all that lead out but to directories, which it passes over.
pub const BACKENDS: [Backend; 7] = [
    Backend {
        name: "hatchling",
        build_system: "requires = [\"hatchling==1.33.0\"]\nbuild-backend = \"hatchling.build\"\n",
        project: "dynamic = [\"version\"]\nreadme = \"README.md\"\n",
        tables: "[tool.hatch.version]\npath = \"../../version.py\"\n\n\
                 [tool.hatch.build.targets.wheel.force-include]\n\"../../shared/event.json\" = \"MODULE/event.json\"\n",
        links: &[README, LICENSE, DIRECTORY],
    },
    Backend {
        name: "setuptools",
        build_system: "requires = [\"setuptools==84.2.1\"]\nbuild-backend = \"setuptools.build_meta\"\n",
        project: "version = \"1.0\"\nreadme = \"README.md\"\n",
        tables: "[tool.setuptools.package-data]\n\"*\" = [\"*.txt\", \"*.json\", \".env\", \"generated/*\", \"build/*\"]\n",
        links: &[README, LICENSE, DIRECTORY],
    },
    Backend {
        name: "uv",
        build_system: "requires = [\"uv_build>=0.13,<0.14\"]\nbuild-backend = \"uv_build\"\n",
        project: "version = \"1.0\"\nreadme = \"../../README.md\"\nlicense-files = [\"LICEN*\"]\n",
        tables: "",
        links: &[LICENSE, FILE],
    },
    Backend {
        name: "flit",
        build_system: "requires = [\"flit_core==4.2.0\"]\nbuild-backend = \"flit_core.buildapi\"\n",
        project: "version = \"1.0\"\ndescription = \"A member\"\n",
        tables: "[tool.flit.module]\nname = \"MODULE\"\n",
        links: &[DIRECTORY],
    },
    Backend {
        name: "pdm",
        build_system: "requires = [\"pdm-backend==2.5.0\"]\nbuild-backend = \"pdm.backend\"\n",
        project: "dynamic = [\"version\"]\nreadme = \"../../README.md\"\n",
        tables: "[tool.pdm.version]\nsource = \"file\"\npath = \"../../version.py\"\n",
        links: &[LICENSE, FILE],
    },
    Backend {
        name: "poetry",
        build_system: "requires = [\"poetry-core==2.5.0\"]\nbuild-backend = \"poetry.core.masonry.api\"\n",
        project: "version = \"1.0\"\nreadme = { file = \"../../README.md\", content-type = \"text/markdown\" }\n",
        tables: "",
        links: &[LICENSE],
    },
    Backend {
        name: "scikit-build",
        build_system: "requires = [\"scikit-build-core==1.1.2\"]\nbuild-backend = \"scikit_build_core.build\"\n",
        project: "dynamic = [\"version\"]\nreadme = \"../../README.md\"\n",
        tables: "[tool.scikit-build]\nwheel.cmake = false\n\n\
                 [tool.scikit-build.metadata.version]\nprovider = \"scikit_build_core.metadata.regex\"\n\
                 input = \"../../version.py\"\n",
        links: &[LICENSE, DIRECTORY],
    },
];

/// What is ignored above all, between, and by a member itself.
const IGNORED: &str = ".env\n*.local.json\n!keep.local.json\ngenerated/\nbuild/\n/anchored.txt\n/*/*/src/*/deep.txt\n";
pub const IGNORED_BETWEEN: &str = "*.between.txt\n!kept.between.txt\n/*/src/*/near.txt\n";
const IGNORED_BY_ITSELF: &str = "own.txt\n!again.local.json\n!.env\n";

/// Files of every module: some that each of the ignore files names.
const FILES: [&str; 16] = [
    "plain.txt",
    ".env",
    "settings.local.json",
    "keep.local.json",
    "again.local.json",
    "generated/made.txt",
    "build/made.txt",
    "anchored.txt",
    "deep.txt",
    "near.txt",
    "some.between.txt",
    "kept.between.txt",
    "own.txt",
    "sub/.env",
    "sub/plain.txt",
    "sub/own.txt",
];

/// A member that is written.
pub struct Member {
    /// Its name, which is that of its directory.
    pub name: String,
    /// The directory above.
    pub parent: &'static str,
    /// Whether it has an ignore file.
    pub ignores: bool,
}

impl Member {
    fn module(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Its files, for a backend, in a directory of a context, from which the way to the root is `up`.
    pub fn write(&self, context: &Context<'_>, backend: &Backend, directory: &str, up: &str) -> Result<()> {
        let (name, module) = (&self.name, self.module());
        let Backend { build_system, project, tables, .. } = backend;
        let manifest = format!(
            "[project]\nname = \"{name}\"\nrequires-python = \">=3.11\"\n{project}\n[build-system]\n{build_system}\n{tables}"
        );
        let write = |path: &str, text: &str| context.write(&format!("{directory}/{path}"), text);
        write("pyproject.toml", &manifest.replace("MODULE", &module).replace("../../", up))?;
        write("anchored.txt", "beside the manifest\n")?;
        write(&format!("src/{module}/__init__.py"), "\"\"\"A member.\"\"\"\n\n__version__ = \"1.0\"\n")?;
        for file in FILES {
            write(&format!("src/{module}/{file}"), file)?;
        }
        if self.ignores {
            write(".gitignore", IGNORED_BY_ITSELF)?;
        }
        for (path, target) in backend.links {
            let path = context.directory.join(directory).join(path.replace("MODULE", &module));
            // What a root project has itself is no link.
            if !path.exists() {
                symlink(target.replacen("../../", up, 1), path)?;
            }
        }
        Ok(())
    }
}

/// What lies above members.
pub fn write_surroundings(context: &Context<'_>) -> Result<()> {
    context.write(".gitignore", IGNORED)?;
    context.write("README.md", "# Of all\n")?;
    context.write("LICENSE", "As you like it.\n")?;
    context.write("version.py", "__version__ = \"1.0\"\n")?;
    context.write("shared/event.json", "{}\n")?;
    context.write("shared/common/__init__.py", "")?;
    context.write("shared/common/units.py", "KNOT = 0.514444\n")
}
