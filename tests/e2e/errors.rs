//! What a user sees in a terminal when a build fails: snapshots of what buildx prints.
//!
//! `INSTA_UPDATE=always` accepts what changed; read the diff of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Result, ensure};
use uv_buildkit_tests::filler;

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::pond::Pond;
use crate::server::Server;
use crate::stage::Stage;

/// A mistake in a workspace that is otherwise right.
struct Mistake {
    name: &'static str,
    /// Files, and what replaces what in them.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// Files that are not there.
    removed: &'static [&'static str],
    /// What the log of the step that fails must show.
    log: &'static str,
    /// What the error must say, where the rest of it is another tool's and not looked at.
    told: &'static str,
}

const CONFIG: &str = "uv.build.toml";

const MISTAKES: [Mistake; 15] = [
    Mistake { name: "unknown_key", edits: &[(CONFIG, "env = {", "evn = {")], removed: &[], log: "", told: "" },
    Mistake {
        name: "unknown_member",
        edits: &[(CONFIG, "[targets.app]\npackage = \"pond-app\"", "[targets.app]\npackage = \"pnd-app\"")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "broken_toml",
        edits: &[(CONFIG, "[targets.other]", "[targets.other")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "dockerfile",
        edits: &[("Dockerfile", "\n", "\nFROM python:3.13-slim\nRUN pip install uv\n")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake { name: "missing_lock", edits: &[], removed: &["uv.lock"], log: "", told: "" },
    Mistake { name: "missing_member", edits: &[], removed: &["members/pond-core/pyproject.toml"], log: "", told: "" },
    Mistake {
        name: "lock_of_another_version",
        edits: &[("uv.lock", "version = 1\n", "version = 2\n")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "stale_lock",
        edits: &[("members/pond-core/pyproject.toml", "\"pebble<2\"", "\"pebble<3\"")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "python_outside_requires_python",
        edits: &[
            ("uv.lock", "requires-python = \">=3.11\"", "requires-python = \">=3.14\""),
            (CONFIG, "[targets.app]", "[lock]\ncheck = \"off\"\n\n[targets.app]\nbase = \"python:3.13-slim\""),
        ],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "no_wheel_for_the_platform",
        edits: &[("uv.lock", "reed-1.0-py3-none-any.whl", "reed-1.0-cp313-cp313-win_amd64.whl")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "no_such_base",
        edits: &[(CONFIG, "[targets.app]", "[targets.app]\nbase = \"python:3.13-slimmer\"")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "base_without_python",
        edits: &[(CONFIG, "[targets.app]", "[targets.app]\nbase = \"debian:bookworm-slim\"")],
        removed: &[],
        log: "",
        told: "",
    },
    Mistake {
        name: "member_that_does_not_build",
        edits: &[(
            "members/pond-core/pyproject.toml",
            "[build-system]",
            "[tool.uv.build-backend]\nmodule-name = \"pond_cor\"\n\n[build-system]",
        )],
        removed: &[],
        log: "Expected a Python module at",
        told: "failed to build and install pond-core 1.0: Expected a Python module at",
    },
    Mistake {
        name: "build_backend_that_there_is_not",
        edits: &[("members/pond-core/pyproject.toml", "[\"uv_build>=0.9.18,<0.14\"]", "[\"no-such-backend>=1\"]")],
        removed: &[],
        log: "no-such-backend",
        told: "failed to install build backend no-such-backend",
    },
    Mistake {
        name: "check_that_fails",
        edits: &[(
            CONFIG,
            "[targets.app]\n",
            "[targets.app]\nrun = [[\"python\", \"-c\", \"assert 0, 'too shallow'\"]]\n",
        )],
        removed: &[],
        log: "too shallow",
        told: "process \"python -c assert 0",
    },
];

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    let pond = Arc::new(OnceLock::new());
    for mistake in MISTAKES {
        let pond = Arc::clone(&pond);
        trials.add(format!("errors::{}", mistake.name), move |stage| mistake.show(stage, &pond));
    }
    trials.add("errors::tampered_wheel", tampered_wheel);
    trials.add("errors::source_distribution_that_does_not_build", source_distribution_that_does_not_build);
    trials.add("errors::wheel_without_a_module", wheel_without_a_module);
    trials.add("errors::lock_of_20_megabytes", lock_of_20_megabytes);
    trials.add("errors::links_out_of_the_context", links_out_of_the_context);
}

impl Mistake {
    fn show(&self, stage: &Stage, pond: &OnceLock<Result<PathBuf, String>>) -> Result<()> {
        let make = || Pond::new(stage, "errors").map(|pond| pond.context.directory);
        let pond = pond.get_or_init(|| make().map_err(|error| format!("{error:#}")));
        let pond: &Path = pond.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))?;
        let context = Context::copy(stage, pond, &format!("errors-{}", self.name))?;
        for (path, from, to) in self.edits {
            context.edit(path, from, to)?;
        }
        for path in self.removed {
            context.remove(path)?;
        }
        match self.told {
            "" => show(context.build(), self.name, self.log),
            told => tell(&context.build().fail()?, self.log, told),
        }
    }
}

/// A wheel that is not the one that was locked, as from an index that someone has changed.
fn tampered_wheel(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "tampered")?;
    pond.index.offer("reed", "1.0", "import evil\n")?;
    show(pond.context.build(), "tampered_wheel", "")
}

/// What its backend says is told, each time that it is built, and what to install; where BuildKit's debugger is to have the failure,
/// BuildKit tells of it.
fn source_distribution_that_does_not_build(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "unbuildable")?;
    let project = pond.index.project(
        "otter",
        "1.0",
        "requires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
        "",
    )?;
    project.add("backend.py", &format!("# {}\n{BACKEND}", stage.nonce()))?;
    pond.index.offer_sdist(&project)?;
    pond.context.edit("members/pond-core/pyproject.toml", "\"pebble<2\"", "\"otter\", \"pebble<2\"")?;
    pond.context.lock()?;
    for _ in 0..2 {
        let shown = pond.context.build().fail()?;
        tell(&shown, "tried pg_config", "failed to build otter 1.0: pg_config executable not found.")?;
        tell(&shown, "uv.lock:", "`build-apt = [\"libpq-dev\"]`")?;
    }
    let shown = pond.context.build().argument("--build-arg=BUILDKIT_UV_DEBUGGER=1").fail()?;
    let (_, error) = shown.rsplit_once("ERROR: ").unwrap_or_default();
    ensure!(
        error.contains(": process \"") && error.contains("did not complete"),
        "BuildKit does not tell of it:\n{shown}"
    );
    Ok(())
}

/// As setup.py of psycopg2 does it.
const BACKEND: &str = r#"
import sys


def build_wheel(*arguments):
    print("tried pg_config on PATH")
    sys.stderr.write("\nError: pg_config executable not found.\n\npg_config is required to build otter from source.\n")
    sys.exit(1)
"#;

/// A build backend that takes a package, and not the module beside it that a script starts: the build says so where the image starts the
/// script. A link to the sources has the module, and who starts something else does not need it.
fn wheel_without_a_module(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "module")?;
    let member = "members/pond-app";
    pond.context.edit(&format!("{member}/pyproject.toml"), "= \"pond_app:main\"", "= \"pond_cli:main\"")?;
    pond.context.write(&format!("{member}/src/pond_cli.py"), "from pond_app import main\n")?;
    let shown = pond.context.build().fail()?;
    let told = "failed to build and install pond-app 1.0: the wheel of `pond-app` lacks the module `pond_cli`: the script `pond-app` starts \
                it, and the sources have it in `src/pond_cli.py`";
    tell(&shown, "lacks the module `pond_cli`", told)?;
    tell(&shown, "pyproject.toml:", "help: `editable = true` in a target of uv.build.toml")?;
    let config = pond.context.read(CONFIG)?;
    let configure = |line: &str| {
        pond.context.write(CONFIG, config.replacen("[targets.app]\n", &format!("[targets.app]\n{line}\n"), 1))
    };
    // A script does not look into the working directory.
    configure("sources = true\ncmd = [\"pond-app\"]")?;
    tell(&pond.context.build().fail()?, "", told)?;
    let started = |line: &str| {
        configure(line)?;
        let built = pond.context.build().push("errors")?;
        Ok::<_, anyhow::Error>(container::run(stage.lab(), &built.reference, &[], &[])?.stdout)
    };
    for line in
        ["cmd = [\"python\", \"-c\", \"import pond_app; pond_app.main()\"]", "editable = true\ncmd = [\"pond-app\"]"]
    {
        ensure!(started(line)? == "pond-app\n", "{line} does not start");
    }
    // A module that the package imports is missed by everybody.
    pond.context.write(CONFIG, config.replacen("[targets.app]\n", "[targets.app]\ncmd = [\"python\"]\n", 1))?;
    let module = format!("{member}/src/pond_app/__init__.py");
    pond.context.edit(&module, "import heron\n", "import heron\nimport pond_cli\n")?;
    pond.context.write(&format!("{member}/src/pond_cli.py"), "")?;
    tell(
        &pond.context.build().fail()?,
        "",
        "`pond_app/__init__.py` imports it, and the sources have it in `src/pond_cli.py`",
    )
}

/// No message holds such a lock, and the error shows its place all the same; without the mistake it is built.
fn lock_of_20_megabytes(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "long-lock")?;
    let names = filler::names();
    let good = pond.context.read("uv.lock")? + &filler::packages(names.iter().map(String::as_str));
    ensure!(good.len() > 20_000_000, "{}", good.len());
    let mistake = "\n[[package]]\nname = \"zebra\"\nversion = \"1.0\"\nsource = { registry = \"https://index.example/simple\" }\n\
                   dependencies = [\n    { name = \"nowhere\" },\n]\n";
    pond.context.write("uv.lock", format!("{good}{mistake}"))?;
    show(pond.context.build(), "lock_of_20_megabytes", "")?;
    // The first lines of the file are as near as the last.
    pond.context.write(
        "uv.lock",
        good.replacen("name = \"heron\"\nversion = \"1.0\"", "name = \"heron\"\nversion = \"one\"", 1),
    )?;
    show(pond.context.build(), "lock_of_20_megabytes_start", "")?;
    pond.context.write("uv.lock", good)?;
    pond.context.build().push("errors").map(drop)
}

/// What lies behind a link that leaves the context is not there: of a directory, of a repository and of an archive.
fn links_out_of_the_context(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "links")?;
    let core = pond.context.directory.join("members/pond-core");
    let outside = stage.directory("links-outside")?.join("pond-core");
    fs::rename(&core, &outside)?;
    symlink("../../links-outside/pond-core", &core)?;
    show(pond.context.build(), "links_of_a_member", "")?;
    let server = Server::open(stage, "links-server")?;
    server.commit("pond", &pond.context.directory, "pond")?;
    server.pack("pond", &pond.context.directory)?;
    for url in [server.url("pond.git#main:pond"), server.url("pond.tar.gz")] {
        let shown = Build::of(stage, &url).fail()?;
        let expected = "the symbolic link `members/pond-core`, on the way to `members/pond-core/pyproject.toml`, points to \
                        `../../links-outside/pond-core`, which is not in the build context";
        ensure!(shown.contains(expected), "`{expected}` is not shown for {url}:\n{shown}");
    }
    // A link as a manifest, and as the lock.
    fs::remove_file(&core)?;
    fs::create_dir(&core)?;
    symlink(outside.join("pyproject.toml"), core.join("pyproject.toml"))?;
    let shown = pond.context.build().fail()?;
    let expected = format!(
        "the symbolic link `members/pond-core/pyproject.toml` points to `{}`",
        outside.join("pyproject.toml").display()
    );
    ensure!(shown.contains(&expected), "`{expected}` is not shown:\n{shown}");
    fs::rename(pond.context.directory.join("uv.lock"), outside.join("uv.lock"))?;
    symlink("../links-outside/pond-core/uv.lock", pond.context.directory.join("uv.lock"))?;
    show(pond.context.build(), "links_of_the_lock", "")
}

/// Looks for words in the log of a step that failed and in the error at the end, which tells of no script of ours.
fn tell(shown: &str, log: &str, told: &str) -> Result<()> {
    ensure!(shown.contains(log), "`{log}` of the step's log is not shown:\n{shown}");
    let (_, error) = shown.rsplit_once("ERROR: ").unwrap_or_default();
    ensure!(error.contains(told) && !error.contains("worker.py"), "`{told}` is not told:\n{shown}");
    Ok(())
}

/// Compares what is printed, in which `log` of the failed step must be seen, without what differs from run to run.
pub fn show(build: Build<'_>, name: &str, log: &str) -> Result<()> {
    let shown = build.fail()?;
    ensure!(shown.contains(log), "`{log}` of the step's log is not shown:\n{shown}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"# syntax=[^`\s]+", "# syntax=[frontend]");
    settings.add_filter("sha256:[0-9a-f]{64}", "sha256:[digest]");
    // The client hears of a failure twice, and prints what it hears first.
    settings.add_filter("failed to run Build function", "failed to solve");
    settings.add_filter(r"first \d+ of \d+ bytes", "first [some] of [all] bytes");
    settings.add_filter(r"(127\.0\.0\.1|localhost):\d+", "$1:[port]");
    settings.add_filter(r"3\.13\.\d+", "3.13.[patch]");
    settings.add_filter(r"glibc-2\.\d+", "glibc-2.[minor]");
    settings.bind(|| insta::assert_snapshot!(name, without_progress(&shown)));
    Ok(())
}

/// The lines that `--progress=plain` writes while it builds have the number of a step in front; the errors come after them. Of the
/// log that is repeated between two rules only the step's name stays: how many of its last lines buildx keeps differs from run to
/// run.
fn without_progress(shown: &str) -> String {
    let mut in_log = false;
    let mut lines = String::new();
    for line in shown.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let is_rule = line == "------";
        in_log ^= is_rule;
        if is_rule || !in_log || line.starts_with(" > ") {
            lines += &format!("{line}\n");
        }
    }
    lines
}
