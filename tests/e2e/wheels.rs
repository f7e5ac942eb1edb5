//! Wheels of local projects are those that uv builds in a checkout, file by file: what a build sees is what uv's build sees.

mod backends;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, json};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::context::Context;
use crate::equality::BASE;
use crate::stage::Stage;
use backends::{BACKENDS, Backend, IGNORED_BETWEEN, Member, write_surroundings};

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("wheels::of_members", of_members);
    trials.add("wheels::of_root_projects", of_root_projects);
    trials.add("wheels::of_sources", sources::equal_uv);
}

fn of_members(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "wheels-of-members")?;
    let members = write_workspace(&context)?;
    context.lock()?;
    let checkout = check_out(stage, &context, "members")?;
    let [ours, theirs] = ["ours", "theirs"].map(|whose| stage.directory(&format!("wheels-of-members-{whose}")));
    let (ours, theirs) = (ours?, theirs?);
    context.build().export(&ours)?;
    for member in &members {
        build_by_uv(&checkout, member, &theirs)?;
    }
    let table = differences(&ours, &theirs)?;
    show(&table, &["root", "between", "own"]);
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

/// Projects alone, each at the root of its context and of its repository.
fn of_root_projects(stage: &Stage) -> Result<()> {
    let place = stage.directory("wheels-of-roots")?;
    let mut bake = Map::new();
    let mut checkouts = Vec::new();
    for backend in &BACKENDS {
        let context = Context::new(stage, &format!("wheels-of-root-{}", backend.name))?;
        let member = Member { name: format!("{}-alone", backend.name), parent: "", ignores: false };
        write_surroundings(&context)?;
        member.write(&context, backend, ".", "")?;
        let config = format!("[targets.app]\nkind = \"wheels\"\npackage = \"{}\"\nbase = \"{BASE}\"\n", member.name);
        context.write("uv.build.toml", config)?;
        context.lock()?;
        let checkout = check_out(stage, &context, &format!("root-{}", backend.name))?;
        bake.insert(
            backend.name.to_owned(),
            json!({ "context": context.directory, "output": [format!("type=local,dest={}", place.join("ours").display())] }),
        );
        checkouts.push((checkout, member.name));
    }
    let file = place.join("docker-bake.json");
    let names = bake.keys().cloned().collect::<Vec<_>>();
    fs::write(&file, json!({ "target": bake }).to_string())?;
    let mut build = stage.lab().buildx(["bake", "--progress=plain", "--allow=fs=*", "--file"]);
    run_captured(build.arg(&file).args(names))?;
    for (checkout, name) in &checkouts {
        build_by_uv(checkout, name, &place.join("theirs"))?;
    }
    let table = differences(&place.join("ours"), &place.join("theirs"))?;
    show(&table, &["alone"]);
    no_differences(&table, BACKENDS.len())
}

/// Prints how many files of each wheel are not the same: a line for each backend, a column for each case.
fn show(table: &BTreeMap<String, Wheel>, cases: &[&str]) {
    let head: String = cases.iter().map(|case| format!("{case:>12}")).collect();
    eprintln!("{:14}{head}", "");
    for Backend { name, .. } in BACKENDS {
        let cells = cases.iter().map(|case| match table.get(&wheel_of(&format!("{name}-{case}"))) {
            Some(wheel) => format!("{wheel}  "),
            None => " ".repeat(12),
        });
        eprintln!("{name:14}{}", cells.collect::<String>());
    }
}

/// How a wheel differs from that of uv.
#[derive(Debug, Deserialize)]
pub struct Wheel {
    files: usize,
    differences: Vec<String>,
}

impl fmt::Display for Wheel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:>4} of {:>2}", self.differences.len(), self.files)
    }
}

fn wheel_of(name: &str) -> String {
    format!("{}-1.0-py3-none-any.whl", name.replace('-', "_"))
}

/// Fails unless there are so many wheels, and none differs.
pub fn no_differences(table: &BTreeMap<String, Wheel>, count: usize) -> Result<()> {
    ensure!(table.len() == count, "not {count} wheels: {:?}", table.keys());
    let lines: Vec<String> = table
        .iter()
        .flat_map(|(name, wheel)| wheel.differences.iter().map(move |difference| format!("{name}: {difference}")))
        .collect();
    ensure!(lines.is_empty(), "{} differences:\n{}", lines.len(), lines.join("\n"));
    ensure!(table.values().all(|wheel| wheel.files > 2), "{table:?}");
    Ok(())
}

/// A checkout of a context, all of which is one commit.
pub fn check_out(stage: &Stage, context: &Context<'_>, name: &str) -> Result<PathBuf> {
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
    Ok(checkout)
}

/// What `uv build --package` makes.
fn build_by_uv(checkout: &Path, member: &str, directory: &Path) -> Result<()> {
    let mut build = uv::command()?;
    build.args(["build", "--quiet", "--wheel", "--package", member, "--out-dir"]).arg(directory);
    // As every step has it.
    run_captured(build.env("SOURCE_DATE_EPOCH", "315532800").current_dir(checkout)).map(drop)
}

/// How the wheels of two directories differ.
pub fn differences(ours: &Path, theirs: &Path) -> Result<BTreeMap<String, Wheel>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/wheels/compare.py");
    let listed = run_captured(Command::new("python3").arg(script).arg(ours).arg(theirs))?;
    serde_json::from_str(&listed).with_context(|| listed)
}
