//! Wheels of local projects are those that uv builds in a checkout, file by file: what a build sees is what uv's build sees.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::context::Context;
use crate::equality::BASE;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("wheels::of_members", of_members);
    trials.add("wheels::of_root_projects", of_root_projects);
}

/// A build backend, and a project that takes from outside of itself what the backend lets it.
struct Backend {
    name: &'static str,
    /// `[build-system]`
    build_system: &'static str,
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
const BACKENDS: [Backend; 7] = [
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
const IGNORED_BETWEEN: &str = "*.between.txt\n!kept.between.txt\n/*/src/*/near.txt\n";
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
struct Member {
    /// Its name, which is that of its directory.
    name: String,
    /// The directory above.
    parent: &'static str,
    /// Whether it has an ignore file.
    ignores: bool,
}

impl Member {
    fn module(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Its files, for a backend, in a directory of a context, from which the way to the root is `up`.
    fn write(&self, context: &Context<'_>, backend: &Backend, directory: &str, up: &str) -> Result<()> {
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

fn of_members(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "wheels-of-members")?;
    let members = write_workspace(&context)?;
    let table = compare(stage, &context, "members", &members)?;
    let cases = ["root", "between", "own"];
    eprintln!("{:14}{}", "", cases.map(|case| format!("{case:>12}")).concat());
    for Backend { name, .. } in BACKENDS {
        let cells = cases.map(|case| match table.get(&wheel_of(&format!("{name}-{case}"))) {
            Some(wheel) => format!("{:>4} of {:>2}  ", wheel.differences.len(), wheel.files),
            None => " ".repeat(12),
        });
        eprintln!("{name:14}{}", cells.concat());
    }
    no_differences(&table, members.len())
}

/// Members of each backend with an ignore file above them, with one between as well, and with one of their own, too. Their names.
fn write_workspace(context: &Context<'_>) -> Result<Vec<String>> {
    let mut members = Vec::new();
    for backend in &BACKENDS {
        for (case, parent, ignores) in
            [("root", "packages", false), ("between", "services", false), ("own", "services", true)]
        {
            // What is nearest hides the others from one of them alone.
            if case == "between" && backend.name != "hatchling" {
                continue;
            }
            let member = Member { name: format!("{}-{case}", backend.name), parent, ignores };
            member.write(context, backend, &format!("{}/{}", member.parent, member.name), "../../")?;
            members.push(member.name);
        }
    }
    let sources = members.iter().map(|name| format!("{name} = {{ workspace = true }}\n")).collect::<String>();
    let app = format!(
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = {members:?}\n\n[build-system]\n{}",
        BACKENDS[2].build_system
    );
    context.write("packages/app/pyproject.toml", app)?;
    context.write("packages/app/src/app/__init__.py", "")?;
    let root =
        format!("[tool.uv.workspace]\nmembers = [\"packages/*\", \"services/*\"]\n\n[tool.uv.sources]\n{sources}");
    context.write("pyproject.toml", root)?;
    write_surroundings(context)?;
    context.write("services/.gitignore", IGNORED_BETWEEN)?;
    context
        .write("uv.build.toml", format!("[targets.app]\nkind = \"wheels\"\npackage = \"app\"\nbase = \"{BASE}\"\n"))?;
    members.push("app".to_owned());
    Ok(members)
}

/// What lies above members.
fn write_surroundings(context: &Context<'_>) -> Result<()> {
    context.write(".gitignore", IGNORED)?;
    context.write("README.md", "# Of all\n")?;
    context.write("LICENSE", "As you like it.\n")?;
    context.write("version.py", "__version__ = \"1.0\"\n")?;
    context.write("shared/event.json", "{}\n")?;
    context.write("shared/common/__init__.py", "")?;
    context.write("shared/common/units.py", "KNOT = 0.514444\n")
}

/// One project alone, at the root of the context and of its repository.
fn of_root_projects(stage: &Stage) -> Result<()> {
    let mut tables = BTreeMap::new();
    for backend in BACKENDS.iter().filter(|backend| ["hatchling", "setuptools", "poetry"].contains(&backend.name)) {
        let context = Context::new(stage, &format!("wheels-of-root-{}", backend.name))?;
        let member = Member { name: format!("{}-alone", backend.name), parent: "", ignores: false };
        write_surroundings(&context)?;
        member.write(&context, backend, ".", "")?;
        let config = format!("[targets.app]\nkind = \"wheels\"\npackage = \"{}\"\nbase = \"{BASE}\"\n", member.name);
        context.write("uv.build.toml", config)?;
        let table = compare(stage, &context, &format!("root-{}", backend.name), &[member.name])?;
        tables.extend(table);
    }
    for (name, wheel) in &tables {
        eprintln!("{name}: {} of {} files differ", wheel.differences.len(), wheel.files);
    }
    no_differences(&tables, 3)
}

/// How a wheel differs from that of uv.
#[derive(Debug, Deserialize)]
struct Wheel {
    files: usize,
    differences: Vec<String>,
}

fn wheel_of(name: &str) -> String {
    format!("{}-1.0-py3-none-any.whl", name.replace('-', "_"))
}

fn no_differences(table: &BTreeMap<String, Wheel>, count: usize) -> Result<()> {
    ensure!(table.len() == count, "not {count} wheels: {:?}", table.keys());
    let lines: Vec<String> = table
        .iter()
        .flat_map(|(name, wheel)| wheel.differences.iter().map(move |difference| format!("{name}: {difference}")))
        .collect();
    ensure!(lines.is_empty(), "{} differences:\n{}", lines.len(), lines.join("\n"));
    ensure!(table.values().all(|wheel| wheel.files > 2), "{table:?}");
    Ok(())
}

/// The wheels of a context's target, and those that uv builds of these members in a checkout of it, of one commit.
fn compare(stage: &Stage, context: &Context<'_>, name: &str, members: &[String]) -> Result<BTreeMap<String, Wheel>> {
    context.lock()?;
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Test", "-c", "user.email=test@index.example"]);
        run_captured(git.current_dir(&context.directory).args(arguments)).map(drop)
    };
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message=All of it"])?;
    let checkout = stage.directory(&format!("wheels-checkout-{name}"))?;
    run_captured(Command::new("cp").arg("--archive").arg(context.directory.join(".")).arg(&checkout))?;

    let ours = stage.directory(&format!("wheels-ours-{name}"))?;
    context.build().export(&ours)?;
    let theirs = build_by_uv(stage, &checkout, name, members)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/wheels.py");
    let listed = run_captured(Command::new("python3").arg(script).arg(&ours).arg(&theirs))?;
    serde_json::from_str(&listed).with_context(|| listed)
}

/// A directory with what `uv build --package` makes of each.
fn build_by_uv(stage: &Stage, checkout: &Path, name: &str, members: &[String]) -> Result<PathBuf> {
    let directory = stage.directory(&format!("wheels-theirs-{name}"))?;
    for member in members {
        let mut build = uv::command()?;
        build.args(["build", "--quiet", "--wheel", "--package", member, "--out-dir"]).arg(&directory);
        // As every step has it.
        run_captured(build.env("SOURCE_DATE_EPOCH", "315532800").current_dir(checkout))?;
    }
    Ok(directory)
}
