//! Who may write where: the user of an image, and whoever a platform starts it as instead.

use anyhow::{Result, ensure};

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::layer;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("writers::any_uid", any_uid);
    trials.add("writers::private_files", private_files);
}

/// A base with the user that Ubuntu has for people, and a group that has the number of the default user.
const BASE: &str = "FROM python:3.13-slim-bookworm\nCOPY root/ /\n";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\n";

const GROUP: &str = "root:x:0:\nadm:x:4:syslog,ubuntu\nping:x:999:\nubuntu:x:1000:\n";

const CONFIG: &str = r#"default-target = "gauge"

[defaults]
base = "BASE"

[targets.gauge]
user = { name = "app", uid = 1000 }
files = [
    { from = "texts", to = "/app/texts" },
    { from = "notes", to = "/app/notes", owner = "user" },
    { from = "notes", to = "/home/app/.config/notes", owner = "user" },
]
writable = ["/app", "/app/texts/kept", "/app/notes/new", "/app/web/uploads", "/var/cache/gauge"]
volumes = ["/data", "/tmp"]
env = { WHERE = "/app /app/texts /app/texts/kept /app/notes /app/notes/new /app/web /app/web/uploads /data /tmp /app/.venv /var/cache/gauge /home/app/.config" }

[[targets.gauge.steps]]
name = "web"
run = ["sh", "-c", "mkdir uploads && echo page > page.html && echo $HOME > home"]
workdir = "/app/web"
outputs = ["/app/web"]

[[targets.gauge.steps]]
name = "of-user"
run = ["sh", "-c", "touch /app/new ~/new && echo $HOME > home"]
owner = "user"
workdir = "/app/of-user"
outputs = ["/app/of-user"]

# Nothing is said of the user.
[targets.default]
env = { WHERE = "/app /home/app" }

# One of the base's own.
[targets.ubuntu]
user = "ubuntu"
env = { WHERE = "/app" }
"#;

/// Says who runs it, and tries to write.
const GAUGE: &str = r#"
import os
import pathlib
import pwd


def main() -> None:
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = "nobody we know"
    print(name, os.getuid(), os.getgid(), pathlib.Path.home(), pathlib.Path.cwd())
    for place in map(pathlib.Path, [*os.environ["WHERE"].split(" "), pathlib.Path.home() / ".cache"]):
        try:
            place.mkdir(exist_ok=True)
            (place / "probe").write_text("x")
        except OSError as error:
            print(place, error.strerror)
        else:
            print(place, "written", place.owner() if name == "app" else "")
"#;

/// A project of its own, on a base of its own, of which nothing is written but what tests look at.
fn gauge<'a>(stage: &'a Stage, name: &str) -> Result<Context<'a>> {
    let base = Context::new(stage, &format!("{name}-base"))?;
    base.write("Dockerfile", BASE)?;
    base.write("root/etc/passwd", PASSWD)?;
    base.write("root/etc/group", GROUP)?;
    let base = Build::of(stage, &base.directory).push(&format!("{name}-base"))?;
    let context = Context::new(stage, name)?;
    context.write("uv.build.toml", CONFIG.replace("BASE", &base.reference))?;
    context.write(
        "pyproject.toml",
        "[project]\nname = \"gauge\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
         [project.scripts]\ngauge = \"gauge:main\"\n\n\
         [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n",
    )?;
    context.write("src/gauge/__init__.py", format!("# {}\n{GAUGE}", stage.nonce()))?;
    context.write("texts/kept/first.txt", "x")?;
    context.write("notes/first.txt", "x")?;
    context.lock()?;
    Ok(context)
}

/// What a container says, started in some way.
fn said(stage: &Stage, built: &Built, arguments: &[&str]) -> Result<String> {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = container::run(stage.lab(), &built.reference, &arguments, &[])?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
    Ok(lines.join("\n"))
}

/// Compares what a container says, a line for each place.
fn expect(said: &str, who: &str, places: &[(&str, &str)]) -> Result<()> {
    let lines = places.iter().map(|(place, what)| format!("{place} {what}"));
    let expected: Vec<String> = std::iter::once(who.to_owned()).chain(lines).collect();
    ensure!(said == expected.join("\n"), "not\n{}\nbut\n{said}", expected.join("\n"));
    Ok(())
}

const DENIED: &str = "Permission denied";

const READ_ONLY: &str = "Read-only file system";

fn any_uid(stage: &Stage) -> Result<()> {
    let context = gauge(stage, "writers")?;
    let built = context.build().push("writers")?;
    // It has taken the place of `ubuntu`. What lies in its directories is root's, unless it says otherwise.
    let places = |written: &'static str, of_user: &'static str, of_all: &'static str| {
        [
            ("/app", written),
            ("/app/texts", DENIED),
            ("/app/texts/kept", written),
            ("/app/notes", of_user),
            ("/app/notes/new", written),
            ("/app/web", DENIED),
            ("/app/web/uploads", written),
            ("/data", written),
            ("/tmp", of_all),
            ("/app/.venv", DENIED),
            ("/var/cache/gauge", written),
            ("/home/app/.config", written),
            ("/home/app/.cache", written),
        ]
    };
    let who = "app 1000 1000 /home/app /app";
    expect(&said(stage, &built, &[])?, who, &places("written app", "written app", "written root"))?;
    // As platforms start it that choose the uid themselves.
    let who = "nobody we know 1000710000 0 /home/app /app";
    expect(&said(stage, &built, &["--user=1000710000:0"])?, who, &places("written", DENIED, "written"))?;
    // Volumes are written to, and nothing else.
    let read_only = places("written", READ_ONLY, "written").map(|(place, what)| match place {
        "/data" | "/tmp" => (place, what),
        _ => (place, READ_ONLY),
    });
    let who = "nobody we know 12345 0 /home/app /app";
    expect(&said(stage, &built, &["--read-only", "--user=12345:0"])?, who, &read_only)?;

    // Who owns them, and what steps had for a home: root's own, or the user's.
    const OWNERS: &str = "stat -c '%A %U %G' /app /data /app/texts /home/app; cat /app/web/home /app/of-user/home";
    let run = container::run(stage.lab(), &built.reference, &[], &["sh", "-c", OWNERS].map(ToOwned::to_owned))?;
    let owners = "drwxrwxr-x app root\ndrwxrwxr-x app root\ndrwxr-xr-x root root\ndrwxrwxr-x app root\n";
    let expected = format!("{owners}/root\n/home/app\n");
    ensure!(run.stdout == expected, "not {expected:?}: {run:?}");
    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let first = layers.first().map(|layer| layer.history.as_str());
    ensure!(first == Some("add user app (1000:1000) in the place of ubuntu"), "{first:?}");

    // By default the user is in no group that is somebody else's.
    let built = context.build().target(Some("default")).push("writers")?;
    let places = [("/app", DENIED), ("/home/app", "written app"), ("/home/app/.cache", "written app")];
    expect(&said(stage, &built, &[])?, "app 999 998 /home/app /app", &places)?;
    let built = context.build().target(Some("ubuntu")).push("writers")?;
    let places = [("/app", DENIED), ("/home/ubuntu/.cache", "written")];
    expect(&said(stage, &built, &[])?, "ubuntu 1000 1000 /home/ubuntu /app", &places)
}

const WHOLE: &str = r#"[targets.whole]
package = "whole"
files = [{ from = ".", to = "/app" }]
cmd = ["sh", "-c", "cat /app/.env"]
"#;

/// The warning of a build, of `--check`, and of a context that is a graph; none once it is left out.
fn private_files(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "writers-private")?;
    context.write("uv.build.toml", WHOLE)?;
    context
        .write("pyproject.toml", "[project]\nname = \"whole\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n")?;
    context.write(".env", format!("PASSWORD={}\n", stage.nonce()))?;
    context.write(".env.example", "PASSWORD=\n")?;
    context.write("tls/server.pem", "-----BEGIN PRIVATE KEY-----\n")?;
    context.write("tls/ca.pem", "-----BEGIN CERTIFICATE-----\n")?;
    context.write(".venv/.env", "x")?;
    context.write("old/.env/bin/python", "x")?;
    context.lock()?;
    let warning = "`.env` and 1 more are copied with the rest of the build context, but are usually kept private";
    let built = context.build().push("writers")?;
    ensure!(
        built.told.warnings.iter().any(|told| told.starts_with(warning)),
        "not warned of: {:?}",
        built.told.warnings
    );
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout.starts_with("PASSWORD="), "{run:?}");
    let mut check = stage.lab().buildx(["build", "--progress=quiet", "--check"]);
    let found = check.arg(&context.directory).output()?;
    let shown = String::from_utf8_lossy(&found.stdout);
    ensure!(shown.contains(warning), "not a finding:\n{shown}");
    context.write(".dockerignore", "**/.env\n**/*.pem\n")?;
    let built = context.build().push("writers")?;
    ensure!(built.told.warnings.is_empty(), "still warned of: {:?}", built.told.warnings);
    Ok(())
}
