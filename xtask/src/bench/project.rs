//! The workspace that is built: members, what they depend on, edits, and its locks.
//!
//! One member, `api`, depends on all the others; some others are services with a script of their own; the rest are
//! libraries, of which the first few are shared. Everything is a function of the sizes asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::wheels::Packages;

/// How many libraries every service depends on.
const SHARED_LIBRARIES: usize = 5;

/// Sizes of the workload.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub members: usize,
    /// Packages that members name; those bring others.
    pub direct: usize,
}

/// What kind of member it is, by its role in the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Api,
    Service,
    Library,
}

#[derive(Debug)]
struct Member {
    name: String,
    role: Role,
    /// Its place among the members of its role.
    number: usize,
    /// Names of members.
    members: Vec<String>,
    /// Names of packages of the index.
    packages: Vec<String>,
    /// A number in one of its modules, which edits change.
    revision: usize,
}

/// A workspace, on disk and in memory.
#[derive(Debug)]
pub struct Project {
    directory: PathBuf,
    index: String,
    members: Vec<Member>,
    locker: Locker,
}

/// uv in a container with the python that images have: a lock depends on neither the machine's pythons nor its uv.
#[derive(Debug, Clone)]
pub struct Locker {
    /// `docker run` with the image, without its command.
    pub run: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

impl Project {
    /// Writes a workspace into `directory` and locks it with packages at their older versions.
    pub fn create(directory: &Path, sizes: Sizes, packages: &Packages, index: &str, locker: Locker) -> Result<Project> {
        let members = members(sizes, packages);
        let project = Project { directory: directory.to_owned(), index: index.to_owned(), members, locker };
        project.write_all()?;
        let older: Vec<String> = packages.bumps.iter().map(|bump| format!("{}=={}", bump.name, bump.before)).collect();
        project.lock(&older)?;
        Ok(project)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Names of the members that have a script, `api` first.
    pub fn services(&self) -> Vec<&str> {
        let scripted = self.members.iter().filter(|member| member.role != Role::Library);
        scripted.map(|member| member.name.as_str()).collect()
    }

    /// Names of all members.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// Edits a line of a library that no other library depends on, another one for each `turn`.
    pub fn edit_library(&mut self, turn: usize) -> Result<()> {
        let own: Vec<usize> = self.libraries().skip(SHARED_LIBRARIES).collect();
        let own = if own.is_empty() { self.libraries().collect() } else { own };
        self.edit(own[turn % own.len()])
    }

    /// Edits a line of the library that every service depends on.
    pub fn edit_shared_library(&mut self) -> Result<()> {
        let first = self.libraries().next().context("the workspace has no library")?;
        self.edit(first)
    }

    /// Moves one package of the lock to its newer version.
    pub fn bump(&self, name: &str, version: &str) -> Result<()> {
        self.lock(&[format!("{name}=={version}")])
    }

    /// Lets a library depend on one more package.
    pub fn add_dependency(&mut self, turn: usize, package: &str) -> Result<()> {
        let libraries: Vec<usize> = self.libraries().collect();
        let place = libraries[turn % libraries.len()];
        self.members[place].packages.push(package.to_owned());
        self.members[place].write(&self.directory)?;
        self.lock(&[])
    }

    fn libraries(&self) -> impl Iterator<Item = usize> {
        self.members.iter().enumerate().filter(|(_, member)| member.role == Role::Library).map(|(place, _)| place)
    }

    fn edit(&mut self, place: usize) -> Result<()> {
        self.members[place].revision += 1;
        self.members[place].write_core(&self.directory)
    }

    fn write_all(&self) -> Result<()> {
        write(&self.directory.join("pyproject.toml"), &root_manifest(&self.index))?;
        // Builds write nothing here, but a uv that runs on a developer's machine does.
        write(&self.directory.join(".dockerignore"), ".venv\n**/__pycache__\n")?;
        self.members.iter().try_for_each(|member| member.write(&self.directory))
    }

    fn lock(&self, upgrades: &[String]) -> Result<()> {
        let Some((program, arguments)) = self.locker.run.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.envs(&self.locker.environment).args(arguments).args(["/uv", "lock", "--quiet"]);
        for upgrade in upgrades {
            command.args(["--upgrade-package", upgrade]);
        }
        crate::lab::process::run_captured(&mut command).context("cannot lock the workspace")?;
        Ok(())
    }
}

/// The members of a workspace of that size.
fn members(sizes: Sizes, packages: &Packages) -> Vec<Member> {
    let services = 9.min(sizes.members.saturating_sub(1) / 2);
    let libraries = sizes.members.saturating_sub(1 + services).max(1);
    let direct = &packages.direct[..sizes.direct.min(packages.direct.len())];
    // Packages are dealt out, so that large ones are with different members.
    let hand = |place: usize| direct.iter().skip(place).step_by(services + libraries).cloned().collect::<Vec<_>>();
    let library = |number: usize| format!("pkg-{number:02}");
    let mut members = Vec::new();
    for number in 0..libraries {
        let below = (number >= SHARED_LIBRARIES).then(|| library(number % SHARED_LIBRARIES));
        members.push(Member {
            name: library(number),
            role: Role::Library,
            number,
            members: below.into_iter().collect(),
            packages: hand(number),
            revision: 0,
        });
    }
    for number in 0..services {
        let shared = 0..SHARED_LIBRARIES.min(libraries);
        let own = (0..3).map(|turn| (SHARED_LIBRARIES + number * 3 + turn) % libraries);
        let mut below: Vec<String> = shared.chain(own).map(library).collect();
        below.sort();
        below.dedup();
        members.push(Member {
            name: format!("svc-{:02}", number + 1),
            role: Role::Service,
            number,
            members: below,
            packages: hand(libraries + number),
            revision: 0,
        });
    }
    let all = members.iter().map(|member| member.name.clone()).collect();
    let api =
        Member { name: "api".to_owned(), role: Role::Api, number: 0, members: all, packages: Vec::new(), revision: 0 };
    members.insert(0, api);
    members
}

fn root_manifest(index: &str) -> String {
    let architecture = std::env::consts::ARCH;
    format!(
        "[tool.uv.workspace]\nmembers = [\"packages/*\"]\n\n\
         [tool.uv]\n\
         environments = [\"sys_platform == 'linux' and platform_machine == '{architecture}' and implementation_name == 'cpython'\"]\n\n\
         [[tool.uv.index]]\nname = \"loopback\"\nurl = \"{index}\"\ndefault = true\n"
    )
}

impl Member {
    fn module(&self) -> String {
        self.name.replace('-', "_")
    }

    fn write(&self, workspace: &Path) -> Result<()> {
        let directory = workspace.join("packages").join(&self.name);
        write(&directory.join("pyproject.toml"), &self.manifest())?;
        let source = directory.join("src").join(self.module());
        write(&source.join("__init__.py"), &self.init())?;
        write(&source.join("py.typed"), "")?;
        for (name, text) in MODULES {
            write(&source.join(name), &text.replace("MEMBER", &self.name))?;
        }
        self.write_core(workspace)
    }

    fn write_core(&self, workspace: &Path) -> Result<()> {
        let path = workspace.join("packages").join(&self.name).join("src").join(self.module()).join("core.py");
        let text = format!(
            "\"\"\"What {name} is there for.\"\"\"\n\nREVISION = {revision}\n\n\n\
             def describe() -> str:\n    return f\"{name} at revision {{REVISION}}\"\n",
            name = self.name,
            revision = self.revision
        );
        write(&path, &text)
    }

    fn manifest(&self) -> String {
        let mut dependencies: Vec<String> = self.members.iter().chain(&self.packages).cloned().collect();
        dependencies.sort();
        let dependencies: String = dependencies.iter().map(|name| format!("    \"{name}\",\n")).collect();
        let mut text = format!(
            "[project]\nname = \"{name}\"\nversion = \"1.0.0\"\ndescription = \"A member of the benchmark's workspace\"\n\
             requires-python = \"==3.13.*\"\ndependencies = [\n{dependencies}]\n\n",
            name = self.name
        );
        if self.role != Role::Library {
            text += &format!("[project.scripts]\n{} = \"{}:main\"\n\n", self.name, self.module());
        }
        if !self.members.is_empty() {
            text += "[tool.uv.sources]\n";
            text += &self.members.iter().map(|name| format!("{name} = {{ workspace = true }}\n")).collect::<String>();
            text.push('\n');
        }
        text += self.build_system();
        text
    }

    /// Three in five are built by hatchling, one by setuptools and one by uv_build.
    fn build_system(&self) -> &'static str {
        match self.number % 5 {
            3 => "[build-system]\nrequires = [\"setuptools>=80\"]\nbuild-backend = \"setuptools.build_meta\"\n",
            4 => "[build-system]\nrequires = [\"uv_build>=0.13.6,<0.14\"]\nbuild-backend = \"uv_build\"\n",
            _ => "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n",
        }
    }

    fn init(&self) -> String {
        let module = self.module();
        let mut text = format!("\"\"\"{}.\"\"\"\n\nfrom {module}.core import describe\n", self.name);
        if self.role != Role::Library {
            let below: Vec<String> =
                self.members.iter().map(|name| format!("\"{}\"", name.replace('-', "_"))).collect();
            text += &SERVICE.replace("MEMBERS", &below.join(", "));
        }
        text
    }
}

/// Modules that every member has, beside the one that edits change.
const MODULES: [(&str, &str); 3] = [
    (
        "models.py",
        "\"\"\"Records of MEMBER.\"\"\"\n\nfrom dataclasses import dataclass, field\n\n\n@dataclass(frozen=True)\nclass Record:\n    name: str\n    tags: tuple[str, ...] = field(default=())\n\n    def tagged(self, tag: str) -> \"Record\":\n        return Record(self.name, (*self.tags, tag))\n",
    ),
    (
        "text.py",
        "\"\"\"Words of MEMBER.\"\"\"\n\n\ndef title(words: list[str]) -> str:\n    return \" \".join(word.capitalize() for word in words)\n",
    ),
    (
        "errors.py",
        "\"\"\"What goes wrong in MEMBER.\"\"\"\n\n\nclass MemberError(Exception):\n    def __str__(self) -> str:\n        return f\"MEMBER: {super().__str__()}\"\n",
    ),
];

/// What a service prints must be the same whoever built its image: all distributions, every member's revision, and that
/// extension modules load.
const SERVICE: &str = r#"

MODULES = [MEMBERS]
LOADED = ["numpy", "pandas", "sqlalchemy", "django", "pydantic", "cryptography.fernet", "lxml.etree", "pyarrow"]


def main() -> None:
    from importlib import import_module, metadata

    print(describe())
    for name in MODULES:
        print(import_module(name).describe())
    for name, version in sorted((d.metadata["Name"].lower(), d.version) for d in metadata.distributions()):
        print(f"{name}=={version}")
    for name in LOADED:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        print(f"{name} loads with {type(module.__spec__.loader).__name__}, cached: {bool(getattr(module, '__cached__', None))}")
"#;

pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
