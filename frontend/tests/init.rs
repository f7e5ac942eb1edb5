//! What `init` writes is a config that plans, for the kinds of projects that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Names the directory that holds real workspaces; by default `../shared/corpus` beside the repository.
const CORPUS: &str = "UV_BUILDKIT_CORPUS";

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"));
    program.args(arguments).current_dir(directory).output().expect("the program")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A project that is a package, and its lock. `version` is a line of the lock.
fn project(manifest: &str, version: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("pyproject.toml"), manifest).expect("a file");
    let lock = format!(
        "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n\n[[package]]\nname = \"api\"\n{version}source = {{ editable = \".\" }}\n"
    );
    fs::write(directory.path().join("uv.lock"), lock).expect("a file");
    directory
}

#[test]
fn a_version_of_git_is_declared() {
    let manifest = "[project]\nname = \"api\"\nrequires-python = \">=3.11\"\ndynamic = [\"version\"]\n\n\
                    [project.scripts]\napi = \"api:main\"\n\n[build-system]\nrequires = [\"hatchling\", \"hatch-vcs\"]\n\
                    build-backend = \"hatchling.build\"\n\n[tool.hatch.version]\nsource = \"vcs\"\n";
    let directory = project(manifest, "");
    let output = run(directory.path(), &["init"]);
    assert!(output.status.success(), "{}", text(&output));
    let config = fs::read_to_string(directory.path().join("uv.build.toml")).expect("a file");
    insta::assert_snapshot!(config, @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.

    [args]
    # Git's tags have the version, and a build does not see them: docker buildx build --build-arg VERSION=1.2.3
    VERSION = "0.dev0"

    [members."*"]
    version = "${args.VERSION}"

    [targets.api]
    package = "api"
    "#);
    let plan = run(directory.path(), &["plan"]);
    assert!(plan.status.success(), "{}", text(&plan));
}

#[test]
fn scripts_to_choose_from_are_named() {
    let manifest = "[project]\nname = \"api\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
                    [project.scripts]\nserve = \"api:serve\"\nmigrate = \"api:migrate\"\n\n\
                    [build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n";
    let directory = project(manifest, "version = \"1.0\"\n");
    let output = run(directory.path(), &["init"]);
    assert!(output.status.success(), "{}", text(&output));
    let config = fs::read_to_string(directory.path().join("uv.build.toml")).expect("a file");
    insta::assert_snapshot!(config, @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.

    [targets.api]
    package = "api"
    # Say which of its scripts starts: cmd = ["migrate"]
    # or cmd = ["serve"]
    "#);
}

/// Real workspaces, of which there are manifests and locks: every target that is declared plans. A lock that is older than its manifests
/// is for uv to mend, and an error says so.
#[test]
fn targets_of_real_workspaces_plan() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os(CORPUS).map_or_else(beside, PathBuf::from);
    if !corpus.is_dir() {
        eprintln!("there is no corpus in {}: set {CORPUS}", corpus.display());
        return;
    }
    let (mut planned, mut stale) = (0, BTreeSet::new());
    for entry in fs::read_dir(&corpus).expect("the corpus") {
        let workspace = entry.expect("an entry").path();
        let copy = tempfile::tempdir().expect("a directory");
        copy_with_sources(&workspace, copy.path());
        let output = run(copy.path(), &["init"]);
        assert!(output.status.success(), "{}: {}", workspace.display(), text(&output));
        let config = fs::read_to_string(copy.path().join("uv.build.toml")).expect("a file");
        let config: toml::Table = config.parse().expect("a config");
        for target in config["targets"].as_table().expect("targets").keys() {
            let plan = run(copy.path(), &["plan", "--target", target]);
            if plan.status.success() {
                planned += 1;
            } else {
                assert!(text(&plan).contains("error[lock::stale]"), "{target}: {}", text(&plan));
                stale.insert(target.clone());
            }
        }
    }
    eprintln!("{planned} targets plan; the locks of {stale:?} are stale");
    assert!(planned > stale.len(), "{planned} targets plan, and {stale:?} do not");
}

/// Copies manifests and locks, and writes what there is no copy of: files that a manifest names, and a module of a project that is no package.
fn copy_with_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_with_sources(&from, &to);
            continue;
        }
        let content = fs::read(&from).expect("a file");
        if entry.file_name() == "pyproject.toml" {
            let manifest: toml::Table = String::from_utf8_lossy(&content).parse().expect("a manifest");
            for file in files(&manifest) {
                let path = to.with_file_name("").join(file);
                fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
                fs::write(path, "").expect("a file");
            }
        }
        fs::write(to, content).expect("a file");
    }
}

fn files(manifest: &toml::Table) -> Vec<String> {
    let named = |key: &str| {
        let value = manifest.get("project")?.get(key)?;
        Some(value.as_str().or_else(|| value.get("file")?.as_str())?.to_owned())
    };
    let license = named("license").filter(|text| text.to_uppercase().starts_with("LICENSE"));
    let module = (!manifest.contains_key("build-system")).then(|| "main.py".to_owned());
    let version = || {
        let hatch = manifest.get("tool")?.get("hatch")?;
        Some(hatch.get("version")?.get("path")?.as_str()?.to_owned())
    };
    let licenses = manifest.get("project").and_then(|project| project.get("license-files")?.as_array());
    let licenses = licenses.into_iter().flatten().filter_map(|file| file.as_str()).filter(|file| !file.contains('*'));
    let licenses = licenses.map(ToOwned::to_owned);
    named("readme").into_iter().chain(licenses).chain(license).chain(module).chain(version()).collect()
}
