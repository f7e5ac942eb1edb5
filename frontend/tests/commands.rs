//! Commands of the program that work on a directory: `schema`, `check`, `init`, `bake`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LOCK: &str = r#"version = 1
revision = 3
requires-python = ">=3.11"

[manifest]
members = ["api", "core"]

[[package]]
name = "api"
version = "1.0"
source = { editable = "api" }
dependencies = [{ name = "core" }]

[[package]]
name = "core"
version = "1.0"
source = { editable = "core" }
dependencies = [{ name = "idna" }]

[[package]]
name = "idna"
version = "3.10"
source = { registry = "https://index.example/simple" }
wheels = [{ url = "https://files.example/idna-3.10-py3-none-any.whl", size = 1000 }]
"#;

/// A workspace of two members; one has a script, and is built so.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    };
    let build_system = "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n";
    write("uv.lock", LOCK);
    write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"api\", \"core\"]\n");
    let scripts = "[project.scripts]\napi = \"api:main\"\n";
    write("api/pyproject.toml", &format!("[project]\nname = \"api\"\nversion = \"1.0\"\n{scripts}{build_system}"));
    write("core/pyproject.toml", &format!("[project]\nname = \"core\"\nversion = \"1.0\"\n{build_system}"));
    directory
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"));
    program.args(arguments).current_dir(directory).output().expect("the program")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn init_writes_what_builds_and_keeps_what_is_there() {
    let workspace = workspace();
    let directory = workspace.path();
    fs::write(directory.join(".dockerignore"), "mine\n").expect("a file");
    let output = run(directory, &["init"]);
    assert!(output.status.success(), "{}", text(&output));
    insta::assert_snapshot!(text(&output), @r"
    wrote Dockerfile
    wrote uv.build.toml
    kept .dockerignore, which is there
    ");
    assert_eq!(fs::read_to_string(directory.join(".dockerignore")).expect("a file"), "mine\n");
    let config = fs::read_to_string(directory.join("uv.build.toml")).expect("a file");
    insta::assert_snapshot!(config, @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.

    [targets.api]
    package = "api"
    "#);
    let plan = run(directory, &["plan", "--target=api"]);
    assert!(plan.status.success(), "{}", text(&plan));

    fs::write(directory.join("uv.build.toml"), "# mine\n").expect("a file");
    assert!(run(directory, &["init"]).status.success());
    assert_eq!(fs::read_to_string(directory.join("uv.build.toml")).expect("a file"), "# mine\n");

    fs::remove_file(directory.join("uv.lock")).expect("a file");
    let output = run(directory, &["init"]);
    assert!(!output.status.success() && text(&output).contains("there is no `uv.lock`"), "{}", text(&output));
}

#[test]
fn init_finds_locks_below() {
    let workspace = workspace();
    let outer = tempfile::tempdir().expect("a directory");
    let directory = outer.path();
    for nested in ["shop", "tools/shop", "node_modules/shop", ".cache"] {
        let to = directory.join(nested);
        for file in ["uv.lock", "pyproject.toml", "api/pyproject.toml", "core/pyproject.toml"] {
            fs::create_dir_all(to.join(file).parent().expect("a parent")).expect("directories");
            fs::copy(workspace.path().join(file), to.join(file)).expect("a file");
        }
    }
    fs::create_dir(directory.join("broken")).expect("a directory");
    fs::write(directory.join("broken/uv.lock"), "version = 9\n").expect("a file");
    let output = run(directory, &["init"]);
    assert!(output.status.success(), "{}", text(&output));
    insta::assert_snapshot!(text(&output), @r"
    left out broken/uv.lock: broken/uv.lock:1:11: version 9 of the lockfile format is not supported
    wrote Dockerfile
    wrote uv.build.toml
    wrote .dockerignore
    ");
    let config = fs::read_to_string(directory.join("uv.build.toml")).expect("a file");
    insta::assert_snapshot!(config, @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.
    default-target = "api"

    [targets.api]
    package = "api"
    lock = "shop/uv.lock"

    [targets.tools-shop-api]
    package = "api"
    lock = "tools/shop/uv.lock"
    "#);

    let plan = run(directory, &["plan", "--target=tools-shop-api"]);
    assert!(plan.status.success(), "{}", text(&plan));
    // A member is found in whatever lock it is in.
    let plan = run(directory, &["plan", "--package=core"]);
    assert!(plan.status.success(), "{}", text(&plan));
    let bake = text(&run(directory, &["bake"]));
    assert!(bake.contains("targets = [\"api\", \"tools-shop-api\"]"), "{bake}");
}

#[test]
fn check_has_the_findings_of_a_build() {
    let workspace = workspace();
    let directory = workspace.path();
    let output = run(directory, &["check"]);
    assert!(!output.status.success() && text(&output).contains("lock::no_hash"), "{}", text(&output));

    let json = run(directory, &["check", "--format=json"]);
    let found: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(found["warnings"][0]["ruleName"], "lock::no_hash");
    assert_eq!(found["warnings"][0]["location"]["ranges"][0]["start"]["line"], 21);

    fs::write(directory.join("uv.build.toml"), "# check=skip=lock::no_hash\n[targets.api]\npackage = \"api\"\n")
        .expect("a file");
    let output = run(directory, &["check"]);
    assert!(output.status.success() && text(&output).is_empty(), "{}", text(&output));

    // All targets are checked, not only the default one.
    let config = "default-target = \"api\"\n[targets.api]\npackage = \"api\"\n[targets.b]\npackage = \"core\"\nextras = [\"x\"]\n";
    fs::write(directory.join("uv.build.toml"), config).expect("a file");
    let output = run(directory, &["check"]);
    assert!(!output.status.success() && text(&output).contains("`core` has no extra `x`"), "{}", text(&output));
    assert!(!text(&run(directory, &["check", "--target=api"])).contains("extra"));
}

#[test]
fn bake_lists_targets() {
    let workspace = workspace();
    let directory = workspace.path();
    assert!(text(&run(directory, &["bake"])).contains("dockerfile = \"uv.build.toml\""));
    fs::write(directory.join("Dockerfile"), "# syntax=x\n").expect("a file");
    insta::assert_snapshot!(text(&run(directory, &["bake"])), @r#"
    group "default" {
      targets = ["api"]
    }

    target "api" {
      context = "."
      target = "api"
      tags = ["api"]
    }
    "#);
}

#[test]
fn schema_is_json() {
    let output = run(Path::new("."), &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["title"], "uv.build.toml");
}
