//! Commands of the program that work on a directory: `schema`, `check`, `init`, `bake`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    kept .dockerignore, which already exists
    next: docker buildx build .
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
fn init_declares_what_nobody_needs() {
    let workspace = workspace();
    let directory = workspace.path();
    // Without a script, and without a build system.
    fs::write(directory.join("api/pyproject.toml"), "[project]\nname = \"api\"\nversion = \"1.0\"\n").expect("a file");
    let lock = LOCK.replacen("editable = \"api\"", "virtual = \"api\"", 1);
    fs::write(directory.join("uv.lock"), lock).expect("a file");
    assert!(run(directory, &["init"]).status.success());
    let config = fs::read_to_string(directory.join("uv.build.toml")).expect("a file");
    insta::assert_snapshot!(config, @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.

    [targets.api]
    package = "api"
    # It has no `[build-system]`: its files are copied to /app, and belong to root.
    # If it writes beside them, as with sqlite: writable = ["/app"]
    # Set the command: cmd = ["python", "-m", "MODULE"]
    "#);
    let plan = run(directory, &["plan"]);
    assert!(plan.status.success() && !text(&plan).contains("is not a package"), "{}", text(&plan));

    // With a module that starts, the command is written, and so is why.
    fs::remove_file(directory.join("uv.build.toml")).expect("a file");
    fs::write(directory.join("api/main.py"), "print(1)\n").expect("a file");
    let told = text(&run(directory, &["init", "--dry-run"]));
    assert!(!directory.join("uv.build.toml").exists(), "{told}");
    insta::assert_snapshot!(told, @r#"
    would keep Dockerfile, which already exists
    would write uv.build.toml:

    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.

    [targets.api]
    package = "api"
    # It has no `[build-system]`: its files are copied to /app, and belong to root.
    # If it writes beside them, as with sqlite: writable = ["/app"]
    # `main.py` is the only module.
    cmd = ["python", "main.py"]

    would keep .dockerignore, which already exists
    next: docker buildx build .
    "#);

    // Without them, there is nothing to start.
    fs::write(directory.join("uv.build.toml"), "[targets.api]\npackage = \"api\"\nsources = false\n").expect("a file");
    let told = text(&run(directory, &["plan"]));
    assert!(told.contains("`api` has no command: its containers start the command of its base"), "{told}");
}

/// A project at the root, and a sample that needs it.
fn with_a_sample(scripts: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let build_system = "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n";
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    };
    let project =
        |name: &str, more: &str| format!("[project]\nname = \"{name}\"\nversion = \"1\"\n{more}{build_system}");
    write("pyproject.toml", &project("server", &format!("{scripts}[tool.uv.workspace]\nmembers = [\"extras/*\"]\n")));
    write("extras/demo/pyproject.toml", &project("demo", "dependencies = [\"server\"]\n"));
    write(
        "uv.lock",
        "version = 1\nrevision = 3\n[manifest]\nmembers = [\"demo\", \"server\"]\n\n[[package]]\nname = \"demo\"\nversion = \"1\"\n\
         source = { editable = \"extras/demo\" }\ndependencies = [{ name = \"server\" }]\n\n\
         [package.metadata]\nrequires-dist = [{ name = \"server\" }]\n\n[[package]]\nname = \"server\"\nversion = \"1\"\n\
         source = { editable = \".\" }\n",
    );
    directory
}

#[test]
fn init_makes_the_project_at_the_root_the_default() {
    let with_script = with_a_sample("[project.scripts]\nserver = \"server:main\"\n");
    assert!(run(with_script.path(), &["init"]).status.success());
    let config = fs::read_to_string(with_script.path().join("uv.build.toml")).expect("a file");
    insta::assert_snapshot!(config, @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.
    default-target = "server"

    [targets.demo]
    package = "demo"
    # Set the command: cmd = ["python", "-m", "MODULE"]

    [targets.server]
    package = "server"
    "#);

    // A sample needs it, and it is what the sample is about.
    let without_script = with_a_sample("");
    assert!(run(without_script.path(), &["init"]).status.success());
    let config = fs::read_to_string(without_script.path().join("uv.build.toml")).expect("a file");
    assert!(config.contains("default-target = \"server\"\n") && config.contains("[targets.server]\n"), "{config}");
}

#[test]
fn one_version_stands_for_all_members() {
    let workspace = workspace();
    let directory = workspace.path();
    let lock = LOCK.replace("name = \"core\"\nversion = \"1.0\"\n", "name = \"core\"\n");
    fs::write(directory.join("uv.lock"), lock).expect("a file");
    let manifest = "[project]\nname = \"core\"\ndynamic = [\"version\"]\n\n[build-system]\nrequires = [\"hatchling\", \"hatch-vcs\"]\n\
                    build-backend = \"hatchling.build\"\n\n[tool.hatch.version]\nsource = \"vcs\"\n";
    fs::write(directory.join("core/pyproject.toml"), manifest).expect("a file");
    let refused = text(&run(directory, &["plan", "--package=api"]));
    assert!(refused.contains("`hatch-vcs` reads the version of `core` from git tags"), "{refused}");

    // That of `api` is in its manifest, and stays.
    let told = |config: &str| {
        fs::write(directory.join("uv.build.toml"), config).expect("a file");
        let graph = run(directory, &["llb", "--package=api", "--format=text"]);
        assert!(graph.status.success(), "{}", text(&graph));
        let graph = text(&graph);
        let told = graph.lines().filter_map(|line| line.split_once("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_"));
        told.map(|(_, told)| told.to_owned()).collect::<Vec<_>>().join(" ")
    };
    let of_all = told("[members.\"*\"]\nversion = \"1.2\"\n");
    assert!(of_all.contains("CORE") && of_all.contains("1.2") && !of_all.contains("API"), "{of_all}");
    let of_one = told("[members.\"*\"]\nversion = \"1.2\"\n[members.core]\nversion = \"3.4\"\n");
    assert!(of_one.contains("3.4") && !of_one.contains("1.2"), "{of_one}");
}

/// Whoever reads may stop, as `head` does.
#[test]
fn a_closed_pipe_is_no_mistake() {
    let workspace = workspace();
    let commands: [&[&str]; 7] = [
        &["schema"],
        &["plan"],
        &["plan", "--format=json"],
        &["plan", "--why=idna"],
        &["check", "--format=json"],
        &["llb", "--format=text"],
        &["bake"],
    ];
    for arguments in commands {
        let mut program = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"));
        program.args(arguments).current_dir(workspace.path());
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("pipe") && !said.contains("bug"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
    }
}

/// What is written leaves them out; an ignore file that was there before may not.
#[test]
fn init_keeps_private_files_out() {
    let workspace = workspace();
    let directory = workspace.path();
    fs::write(directory.join("api/pyproject.toml"), "[project]\nname = \"api\"\nversion = \"1.0\"\n").expect("a file");
    let lock = LOCK.replacen("editable = \"api\"", "virtual = \"api\"", 1);
    fs::write(directory.join("uv.lock"), lock).expect("a file");
    let key = "-----BEGIN EC PRIVATE KEY-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\n";
    for (path, content) in [
        ("api/.env", "PASSWORD=x\n"),
        ("api/.env.example", "PASSWORD=\n"),
        ("api/.ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        ("api/ca.pem", certificate),
        ("api/.venv/.env", "x"),
        ("api/web/dist/app.js", "x"),
    ] {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    let told = text(&run(directory, &["init"]));
    assert!(told.contains("wrote .dockerignore") && !told.contains("warning"), "{told}");
    let ignored = fs::read_to_string(directory.join(".dockerignore")).expect("a file");
    let ignored = uv_buildkit::ignore::parse(&ignored);
    for path in ["api/.env", "api/.env.production", "api/.ssh/id_ed25519", "api/.git", "dist/api-1.0-py3-none-any.whl"]
    {
        assert!(uv_buildkit::ignore::leaves_out(&ignored, path).is_some(), "{path}");
    }
    for path in ["api/.env.example", "api/ca.pem", "api/web/dist", "api/web/dist/app.js"] {
        assert_eq!(uv_buildkit::ignore::leaves_out(&ignored, path), None, "{path}");
    }
    assert!(!text(&run(directory, &["check"])).contains("private"));

    // A key that the ignore file leaves in is told.
    fs::write(directory.join("api/server.pem"), key).expect("a file");
    let told = text(&run(directory, &["check"]));
    let warning = "`api/server.pem` is copied with the rest of `api`, but is usually kept private";
    assert!(told.contains(warning), "{told}");
    fs::write(directory.join(".dockerignore"), "api/server.pem\n").expect("a file");
    // Of an application, such files are not copied; what `files` names is copied whole.
    assert!(!text(&run(directory, &["init"])).contains("private"));
    let files = "[targets.api]\npackage = \"api\"\nfiles = [{ from = \"api\", to = \"/app\" }]\n";
    fs::write(directory.join("uv.build.toml"), files).expect("a file");
    let told = text(&run(directory, &["init"]));
    let warning = "warning: `api/.env` and 1 more are copied with the rest of `api`, but are usually kept private";
    assert!(told.contains("kept .dockerignore, which already exists") && told.contains(warning), "{told}");
}

#[test]
fn import_shows_a_config_or_writes_it() {
    let workspace = workspace();
    let directory = workspace.path();
    let dockerfile = "FROM python:3.13-slim\nCOPY . .\nRUN uv sync --frozen --no-dev --package api\nRUN make\nUSER app\nCMD [\"api\"]\n";
    fs::write(directory.join("api/Dockerfile"), dockerfile).expect("a file");
    let shown = run(directory, &["import", "api/Dockerfile"]);
    assert!(shown.status.success(), "{}", text(&shown));
    insta::assert_snapshot!(String::from_utf8_lossy(&shown.stdout), @r#"
    # syntax=ghcr.io/uv-buildkit/uv-buildkit:1
    # Made from `api/Dockerfile`.

    [targets.api]
    package = "api"
    base = "python:3.13-slim"
    user = "app"
    cmd = ["api"]
    "#);
    let warnings = String::from_utf8_lossy(&shown.stderr);
    assert!(warnings.contains("warning: api/Dockerfile:4:5: not carried over: `make`\nhelp: "), "{warnings}");

    // The context is where the lock is.
    let written = run(&directory.join("api"), &["import", "--write"]);
    assert_eq!(String::from_utf8_lossy(&written.stdout), "wrote uv.build.toml\nwrote Dockerfile\n");
    assert!(run(directory, &["plan"]).status.success());
    let again = run(&directory.join("api"), &["import", "--write"]);
    assert!(
        text(&again).contains("kept uv.build.toml, which already exists\nkept Dockerfile, which already exists\n"),
        "{}",
        text(&again)
    );
    let missing = run(directory, &["import"]);
    assert!(!missing.status.success() && text(&missing).contains("expected at least one FROM"), "{}", text(&missing));
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
    next: docker buildx build .
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

/// In a workspace without a project at its root, a target needs no `package` if it has the name of a member.
#[test]
fn a_target_with_the_name_of_a_member_is_that_member() {
    let directory = workspace();
    let directory = directory.path();
    let plan = |config: &str| {
        fs::write(directory.join("uv.build.toml"), config).expect("a file");
        text(&run(directory, &["plan", "--target", "api", "--python", "3.13.1", "--format", "json"]))
    };
    let named = plan("[targets.api]\npackage = \"api\"\nentrypoint = [\"api\"]\n");
    let unnamed = plan("[targets.api]\nentrypoint = [\"api\"]\n");
    assert!(named.contains("\"core\""), "{named}");
    assert_eq!(named, unnamed);
    let other = plan("[targets.service]\nentrypoint = [\"api\"]\n");
    assert!(other.contains("add `[targets.api]` and `package = \"api\"`"), "{other}");
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

/// A project that is its own workspace.
fn project(requires_python: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let lock = format!(
        "version = 1\nrequires-python = \"{requires_python}\"\n\n[[package]]\nname = \"late\"\nversion = \"1\"\nsource = {{ editable = \".\" }}\n"
    );
    let manifest = format!(
        "[project]\nname = \"late\"\nversion = \"1\"\nrequires-python = \"{requires_python}\"\nscripts = {{ late = \"late:main\" }}\n[build-system]\nrequires = [\"hatchling\"]\n"
    );
    fs::write(directory.path().join("uv.lock"), lock).expect("a file");
    fs::write(directory.path().join("pyproject.toml"), manifest).expect("a file");
    directory
}

#[test]
fn the_python_of_the_command_line_counts_before_that_of_the_project() {
    let project = project(">=3.11");
    let directory = project.path();
    fs::write(directory.join(".python-version"), "3.12\n").expect("a file");
    let first_line = |output: &Output| text(output).lines().next().unwrap_or_default().to_owned();
    let plan = |arguments: &[&str]| first_line(&run(directory, &[&["plan"], arguments].concat()));
    let base = |version: &str| format!("on docker.io/library/python:{version}-slim-bookworm");
    assert_eq!(plan(&[]), format!("late (linux/amd64, python 3.12) {}", base("3.12")));
    assert_eq!(plan(&["--python=3.13"]), format!("late (linux/amd64, python 3.13) {}", base("3.13")));
    assert_eq!(plan(&["--python=cp311"]), format!("late (linux/amd64, python 3.11) {}", base("3.11")));
    assert_eq!(plan(&["--python=3.13.5"]), format!("late (linux/amd64, python 3.13.5) {}", base("3.13.5")));

    let refused = run(directory, &["plan", "--python=pypy@3.10"]);
    assert!(!refused.status.success());
    for part in ["`pypy@3.10` is PyPy", " --> --python:1:1"] {
        assert!(text(&refused).contains(part), "no `{part}` in {}", text(&refused));
    }
    // A base that the config names is not another because of the flag.
    fs::write(directory.join("uv.build.toml"), "[targets.late]\nbase = \"python:3.12-slim-bookworm\"\n")
        .expect("a file");
    let refused = run(directory, &["plan", "--python=3.13"]);
    assert!(!refused.status.success());
    for part in ["Python 3.13 is requested, but `python:3.12-slim-bookworm` has Python 3.12", " --> --python:1:1"] {
        assert!(text(&refused).contains(part), "no `{part}` in {}", text(&refused));
    }
}

#[test]
fn what_is_not_known_of_a_base_is_as_the_project_requires() {
    let project = project(">=3.11.4");
    let directory = project.path();
    let first_line = |output: &Output| text(output).lines().next().unwrap_or_default().to_owned();
    fs::write(directory.join(".python-version"), "3.11\n").expect("a file");
    let plan = first_line(&run(directory, &["plan"]));
    assert_eq!(plan, "late (linux/amd64, python 3.11) on docker.io/library/python:3.11-slim-bookworm");
    fs::remove_file(directory.join(".python-version")).expect("a file");

    fs::write(directory.join("uv.build.toml"), "[targets.late]\nbase = \"registry.example/base:1\"\n").expect("a file");
    for (requires_python, python) in
        [(">=3.11.4", "3.13"), (">=3.14", "3.14"), ("==3.12.*", "3.12"), (">=3.9,<3.10", "3.9")]
    {
        let edit = |file: &str| {
            let path = directory.join(file);
            let text = fs::read_to_string(&path).expect("a file");
            let line = text.lines().find(|line| line.starts_with("requires-python")).expect("the line");
            fs::write(&path, text.replace(line, &format!("requires-python = \"{requires_python}\""))).expect("a file");
        };
        edit("uv.lock");
        edit("pyproject.toml");
        let plan = first_line(&run(directory, &["plan"]));
        assert_eq!(plan, format!("late (linux/amd64, python {python}) on registry.example/base:1"));
    }
}

/// A pipe that nobody writes to, and a device without an end.
#[cfg(unix)]
#[test]
fn what_has_no_end_is_not_read() {
    let workspace = workspace();
    let directory = workspace.path();
    for file in ["uv.lock", "pyproject.toml", "uv.build.toml", ".dockerignore"] {
        let path = directory.join(file);
        let kept = fs::read(&path).ok();
        let _absent = fs::remove_file(&path);
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        let output = run(directory, &["check"]);
        assert!(!output.status.success());
        assert_eq!(text(&output), format!("./{file}: this is not a regular file\n"));
        fs::remove_file(&path).expect("a link");
        if let Some(kept) = kept {
            fs::write(&path, kept).expect("a file");
        }
    }
    let pipe = directory.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let output = run(directory, &["import", "pipe"]);
    assert!(!output.status.success());
    assert_eq!(text(&output), "pipe: this is not a regular file\n");
}

#[test]
fn shells_complete_the_command_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = |shell: &str| {
        let output = run(directory.path(), &["completions", shell]);
        assert!(output.status.success(), "{}", text(&output));
        let path = directory.path().join(shell);
        fs::write(&path, output.stdout).expect("a file");
        path
    };
    for shell in ["powershell", "elvish"] {
        let script = fs::read_to_string(script(shell)).expect("a file");
        assert!(script.contains("uv-buildkit") && script.contains("affected"), "{script}");
    }
    // What a shell does with `uv-buildkit pla` and a tab. Only bash is on every machine.
    let bash = "source \"$0\"; COMP_WORDS=(uv-buildkit pla) COMP_CWORD=1; _uv__buildkit uv-buildkit pla uv-buildkit; echo \"${COMPREPLY[@]}\"";
    let zsh = "autoload -Uz compinit; compinit -u -D; source \"$0\"; echo \"$_comps[uv-buildkit]\"";
    let fish = "source $argv[1]; complete --do-complete 'uv-buildkit pla' | cut -f 1";
    for (shell, options, text, expected) in [
        ("bash", &["--norc", "-c"][..], bash, "plan\n"),
        ("zsh", &["-f", "-c"], zsh, "_uv-buildkit\n"),
        ("fish", &["--no-config", "-c"], fish, "plan\n"),
    ] {
        let shown =
            Command::new(shell).args(options).arg(text).arg(script(shell)).env("HOME", directory.path()).output();
        match shown {
            Ok(shown) => assert_eq!(String::from_utf8_lossy(&shown.stdout), expected, "{shell}: {shown:?}"),
            Err(error) => assert!(shell != "bash", "{error}"),
        }
    }
}

#[test]
fn without_a_word_it_builds_for_buildkit_alone() {
    let run = |session: Option<&str>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"));
        match session {
            Some(session) => program.env("BUILDKIT_SESSION_ID", session),
            None => program.env_remove("BUILDKIT_SESSION_ID"),
        };
        program.stdin(Stdio::null()).output().expect("the program")
    };
    let usage = run(None);
    assert!(!usage.status.success() && text(&usage).contains("Usage: uv-buildkit <COMMAND>"), "{}", text(&usage));
    // What HTTP/2 begins with.
    let begun = run(Some("heron"));
    assert!(begun.stdout.starts_with(b"PRI * HTTP/2.0"), "{}", text(&begun));
}
