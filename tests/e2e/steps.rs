//! `steps`: commands that make directories of an image; files of servers, with modes and owners; directories that the user may write.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::equality::BASE;
use crate::image::Image;
use crate::indexes::secrecy;
use crate::layer::{self, Layer};
use crate::project::UV_BUILD;
use crate::server::Server;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("steps::in_the_image", in_the_image);
    trials.add("steps::in_another_image", in_another_image);
    trials.add("steps::of_what_steps_left", of_what_steps_left);
    trials.add("steps::before_the_install", before_the_install);
    trials.add("steps::failure", failure);
    trials.add("steps::secrets", secrets);
    trials.add("steps::files_of_a_server", files_of_a_server);
    trials.add("steps::labels", labels);
    trials.add("steps::modes_owners_and_writable_directories", modes_owners_and_writable_directories);
}

/// A time that every file of ours has in an image.
const EPOCH: u64 = 315_532_800;

/// An image with a shell and without python.
const OTHER: &str = "debian:bookworm-slim";

/// A project of one module that can collect its pages, and a page. `config` is what its target has.
fn site<'a>(stage: &'a Stage, name: &str, config: &str) -> Result<Context<'a>> {
    let context = Context::new(stage, &format!("steps-{name}"))?;
    context.write("uv.build.toml", format!("[targets.site]\nbase = \"{BASE}\"\npackage = \"site-app\"\n{config}"))?;
    context.write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"app\"]\n")?;
    context.write(
        "app/pyproject.toml",
        format!(
            "[project]\nname = \"site-app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
             scripts = {{ site = \"site_app:main\" }}\n\n[build-system]\n{UV_BUILD}"
        ),
    )?;
    context.write("app/src/site_app/__init__.py", format!("# {} {name}\n{MODULE}", stage.nonce()))?;
    context.write("web/index.html", format!("<p>{} {name}</p>\n", stage.nonce()))?;
    context.write("notes/todo.txt", "nothing\n")?;
    context.lock()?;
    Ok(context)
}

const MODULE: &str = r#"
import os
import pathlib
import sys


def main():
    for path in sorted(pathlib.Path("/app/static").rglob("*")):
        print(path, path.owner(), path.read_text().strip() if path.is_file() else "")


def collect(target):
    """Leaves pages in the target, and things elsewhere that nobody wants."""
    target = pathlib.Path(target)
    (target / "pages").mkdir(parents=True)
    for page in sorted(pathlib.Path("/app/web").iterdir()):
        (target / "pages" / page.name).write_text(page.read_text().upper())
    for left in ("/app/left", "/etc/left", "/tmp/left", "/app/web/left"):
        pathlib.Path(left).write_text("left")
    print("collected as", os.getuid(), "in", os.getcwd(), "with", os.environ["STYLE"], file=sys.stderr)
"#;

const COLLECT: &str = r#"
[[targets.site.steps]]
name = "static"
run = ["python", "-c", "import site_app; site_app.collect('/app/static')"]
inputs = [{ from = "web", to = "/app/web" }]
outputs = ["/app/static"]
env = { STYLE = "plain" }
"#;

/// Steps that ran.
fn executed(built: &Built) -> BTreeSet<&str> {
    built.steps.executed.iter().map(|step| step.split_once("] ").map_or(step.as_str(), |(_, step)| step)).collect()
}

/// The layer with this line in the history.
fn layer_of(stage: &Stage, built: &Built, line: &str) -> Result<Layer> {
    let image = Image::of(stage.lab(), built)?;
    let layers = layer::over_the_base(stage.lab(), built, &image)?;
    let lines = image.history().join("\n");
    layers.into_iter().find(|layer| layer.history == line).with_context(|| format!("no layer `{line}`:\n{lines}"))
}

fn in_the_image(stage: &Stage) -> Result<()> {
    let context = site(stage, "in-the-image", COLLECT)?;
    let built = context.build().push("steps")?;
    ensure!(built.told.log.contains("collected as 0 in /app with plain"), "{}", built.told.log);
    let page = format!("<P>{} IN-THE-IMAGE</P>", stage.nonce().to_uppercase());
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    let expected = format!("/app/static/pages root \n/app/static/pages/index.html root {page}\n");
    ensure!(run.stdout == expected, "{run:?}, not {expected}");

    // Nothing but the output is kept, with the times of everything else.
    let layer = layer_of(stage, &built, "keep /app/static of static")?;
    let paths: Vec<&str> = layer.entries.keys().map(String::as_str).collect();
    ensure!(paths == ["app", "app/static", "app/static/pages", "app/static/pages/index.html"], "{paths:?}");
    for (path, entry) in &layer.entries {
        ensure!(entry.modified == EPOCH && entry.owner == (0, 0), "{path}: {entry:?}");
    }

    // What is not declared does not run it again, and is not there.
    context.write("notes/todo.txt", "everything\n")?;
    ensure!(context.build().push("steps")?.steps.executed.is_empty(), "an input that is none ran a step again");
    let again = context.build().argument("--no-cache-filter=static").push("steps")?;
    let ran = executed(&again);
    ensure!(ran.iter().any(|step| step.starts_with("static: python")), "{ran:?}");
    ensure!(!ran.iter().any(|step| step.contains("install site-app")), "{ran:?}");
    let changed = Image::of(stage.lab(), &again)?.changed_from(&Image::of(stage.lab(), &built)?)?.len();
    ensure!(changed == 0, "{changed} layers differ when the step runs again");

    context.write("web/more.html", "<p>more</p>\n")?;
    let edited = context.build().push("steps")?;
    let ran = executed(&edited);
    ensure!(ran.iter().any(|step| step.starts_with("static: python")), "{ran:?}");
    ensure!(!ran.iter().any(|step| step.contains("install site-app")), "{ran:?}");
    let image = Image::of(stage.lab(), &edited)?;
    let changed = image.changed_from(&Image::of(stage.lab(), &built)?)?;
    ensure!(changed == ["keep /app/static of static"], "{changed:?}");
    Ok(())
}

fn in_another_image(stage: &Stage) -> Result<()> {
    let nonce = stage.nonce();
    let context = site(
        stage,
        "in-another-image",
        &format!(
            r#"
[[targets.site.steps]]
name = "web-{nonce}"
image = "{OTHER}"
inputs = [{{ from = "web", to = "/src" }}]
run = [
    ["sh", "-c", "mkdir packages && cp index.html packages/ && echo run >> /var/cache/web/runs && touch built"],
    ["sh", "-c", "cat packages/* > dist/all.html && wc -l < /var/cache/web/runs > dist/runs && id -u > dist/user"],
]
outputs = [{{ from = "/src/dist", to = "/app/web" }}]
workdir = "/src"
caches = ["/var/cache/web"]
owner = "user"
{COLLECT}"#
        ),
    )?;
    // It takes the pages that the first step leaves, not those of the context.
    context.edit("uv.build.toml", "inputs = [{ from = \"web\", to = \"/app/web\" }]\n", "")?;
    let built = context.build().push("steps")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    let page = format!("<P>{} IN-ANOTHER-IMAGE</P>", nonce.to_uppercase());
    let expected = format!(
        "/app/static/pages root \n/app/static/pages/all.html root {page}\n/app/static/pages/runs root 1\n\
         /app/static/pages/user root 999\n"
    );
    ensure!(run.stdout == expected, "{run:?}, not {expected}");
    let layer = layer_of(stage, &built, &format!("keep /app/web of web-{nonce}"))?;
    let owners: Vec<(&str, (u64, u64))> = layer.entries.iter().map(|(path, of)| (path.as_str(), of.owner)).collect();
    let user = (999, 999);
    let expected = [
        ("app", (0, 0)),
        ("app/web", user),
        ("app/web/all.html", user),
        ("app/web/runs", user),
        ("app/web/user", user),
    ];
    ensure!(owners == expected, "{owners:?}");

    // The application is nothing to it.
    context.write("app/src/site_app/more.py", "")?;
    let ran = context.build().push("steps")?;
    let ran = executed(&ran);
    ensure!(!ran.iter().any(|step| step.starts_with("web-")) && !ran.is_empty(), "{ran:?}");

    // What it cached is there when it runs again.
    context.write("web/more.html", "<p>more</p>\n")?;
    let built = context.build().push("steps")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout.contains("/app/static/pages/runs root 2\n"), "{run:?}");
    Ok(())
}

/// A step in another image reads what one before it left, and one reads what was made in the image itself.
fn of_what_steps_left(stage: &Stage) -> Result<()> {
    let config = format!(
        r#"
cmd = ["sh", "-c", "cat /app/counted/words && cat /app/packed/* && stat -c '%n %U' /app/packed/*"]

[[targets.site.steps]]
name = "words"
image = "{OTHER}"
inputs = [{{ from = "web", to = "/src" }}]
run = ["sh", "-c", "mkdir /dist/deep && cat /src/* | tr -d ' ' > /dist/deep/words && touch /dist/other"]
outputs = [{{ from = "/dist", to = "/app/words" }}]
owner = "user"

[[targets.site.steps]]
name = "count"
image = "{OTHER}"
inputs = [{{ step = "words", from = "/dist/deep/words", to = "/in/words" }}]
run = ["sh", "-c", "ls -A /in && stat -c '%U' /in/words && wc -c < /in/words > /app/counted/words"]
outputs = ["/app/counted"]

[[targets.site.steps]]
name = "static"
run = ["python", "-c", "import site_app; site_app.collect('/app/static')"]
inputs = [{{ step = "words", from = "/dist/deep/words", to = "/app/web/words" }}]
outputs = ["/app/static"]
env = {{ STYLE = "plain" }}

[[targets.site.steps]]
name = "pack"
image = "{OTHER}"
inputs = [{{ step = "static", to = "/in" }}]
run = ["sh", "-c", "tr -d '<>' < /in/pages/words > /packed/words"]
outputs = [{{ from = "/packed", to = "/app/packed" }}]
"#
    );
    let context = site(stage, "of-what-steps-left", &config)?;
    let built = context.build().push("steps")?;
    ensure!(built.told.log.contains("words\nroot\n"), "not the one file, or not root's:\n{}", built.told.log);
    let words = format!("<p>{}of-what-steps-left</p>", stage.nonce());
    let page = words.to_uppercase().replace(['<', '>'], "");
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    let expected = format!("{}\n{page}\n/app/packed/words root\n", words.len() + 1);
    ensure!(run.stdout == expected, "{run:?}, not {expected}");

    // Where a step leaves the same, those that read from it do not run again.
    context.edit("web/index.html", "<p>", "<p> ")?;
    let edited = context.build().push("steps")?;
    let ran = executed(&edited);
    ensure!(ran.iter().any(|step| step.starts_with("words: sh")), "{ran:?}");
    ensure!(
        !ran.iter().any(|step| ["count: ", "static: ", "pack: "].iter().any(|name| step.starts_with(name))),
        "{ran:?}"
    );

    // The application is nothing to those that read nothing of it.
    context.edit("app/src/site_app/__init__.py", ".upper()", ".upper().strip()")?;
    let edited = context.build().push("steps")?;
    let ran = executed(&edited);
    for (step, runs) in [("words: ", false), ("count: ", false), ("static: ", true), ("pack: ", true)] {
        ensure!(ran.iter().any(|ran| ran.starts_with(step)) == runs, "{step} {runs}: {ran:?}");
    }
    let image = Image::of(stage.lab(), &edited)?;
    let changed = image.changed_from(&Image::of(stage.lab(), &built)?)?;
    let last = ["keep /app/static of static", "keep /app/packed of pack"];
    ensure!(changed.ends_with(&last) && changed.len() == 3, "{changed:?}");
    Ok(())
}

fn before_the_install(stage: &Stage) -> Result<()> {
    let config = r#"
cmd = ["cat", "/words/words"]

[[targets.site.steps]]
name = "words"
when = "before"
inputs = [{ from = "notes/todo.txt", to = "/tmp/todo.txt" }]
run = ["sh", "-c", "cp /tmp/todo.txt words && ls -d /app/.venv >> words || id -un 999 >> words"]
workdir = "/words"
outputs = ["/words"]
"#;
    let context = site(stage, "before-the-install", config)?;
    context.write("notes/todo.txt", format!("{}\n", stage.nonce()))?;
    let built = context.build().push("steps")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == format!("{}\napp\n", stage.nonce()), "{run:?}");
    let image = Image::of(stage.lab(), &built)?;
    let history = image.history();
    let place = history.iter().position(|line| *line == "keep /words of words");
    ensure!(place < history.iter().position(|line| *line == "create /app/.venv"), "{history:?}");

    // A large download need not be repeated for another line of python.
    context.write("app/src/site_app/more.py", "")?;
    let ran = context.build().push("steps")?;
    let ran = executed(&ran);
    ensure!(!ran.iter().any(|step| step.contains("words")) && !ran.is_empty(), "{ran:?}");
    Ok(())
}

fn failure(stage: &Stage) -> Result<()> {
    let context = site(stage, "failure", COLLECT)?;
    context.edit("uv.build.toml", "site_app.collect", "site_app.gather")?;
    let shown = context.build().fail()?;
    for part in ["has no attribute 'gather'", "uv.build.toml:7", ">>> run = [\"python\"", "exit code: 1"] {
        ensure!(shown.contains(part), "no `{part}` in the error:\n{shown}");
    }
    // So is an input that is not there.
    context.edit("uv.build.toml", "site_app.gather", "site_app.collect")?;
    context.edit("uv.build.toml", "from = \"web\"", "from = \"wep\"")?;
    let shown = context.build().fail()?;
    for part in ["the build context has no `wep`", "uv.build.toml:8", ">>> inputs = [{ from = \"wep\""] {
        ensure!(shown.contains(part), "no `{part}` in the error:\n{shown}");
    }
    Ok(())
}

fn secrets(stage: &Stage) -> Result<()> {
    let config = r#"
cmd = ["cat", "/app/digest/digest"]

[[targets.site.steps]]
name = "digest"
run = ["sh", "-c", "(cat /run/secrets/token; printf %s $TOKEN $OTHER) | sha256sum > /app/digest/digest"]
outputs = ["/app/digest"]
secrets = ["token", { id = "token", env = "TOKEN" }, { id = "other", env = "OTHER", required = false }]
"#;
    let context = site(stage, "secrets", config)?;
    let shown = context.build().fail()?;
    for part in ["token: not found", "uv.build.toml:9", ">>> run = [\"sh\""] {
        ensure!(shown.contains(part), "no `{part}` in the error:\n{shown}");
    }
    let (word, file) = (format!("sesame-{}", stage.nonce()), context.directory.with_extension("token"));
    fs::write(&file, &word)?;
    let secret = format!("--secret=id=token,src={}", file.display());
    let built = context.build().argument(&secret).argument("--provenance=mode=max").push("steps")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    let expected: String = Sha256::digest(format!("{word}{word}")).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(run.stdout.starts_with(&expected), "{run:?}");
    secrecy::check(stage, &built, &[word])?;

    // Its value is no part of a key, and the list of secrets has it.
    fs::write(&file, "another")?;
    let again = context.build().argument(&secret).push("steps")?;
    ensure!(again.steps.executed.is_empty(), "{:?}", again.steps.executed);
    let outline = context.build().call("outline")?;
    for line in ["token    true", "other"] {
        ensure!(outline.contains(line), "no `{line}` in:\n{outline}");
    }
    Ok(())
}

fn files_of_a_server(stage: &Stage) -> Result<()> {
    let server = Server::open(stage, "steps-server")?;
    let model = format!("weights {}\n", stage.nonce());
    fs::write(server.directory.join("model.bin"), &model)?;
    let digest: String = Sha256::digest(&model).iter().map(|byte| format!("{byte:02x}")).collect();
    let url = server.url("model.bin");
    let config = format!(
        r#"
cmd = ["sh", "-c", "cat /models/model.bin /app/copied/copy; stat -c '%a %U' /models/model.bin"]
files = [{{ url = "{url}", sha256 = "{digest}", to = "/models/model.bin", mode = "0640", owner = "user" }}]

[[targets.site.steps]]
name = "copy"
inputs = [{{ url = "{url}", sha256 = "{digest}", to = "/tmp/model" }}]
run = ["cp", "/tmp/model", "/app/copied/copy"]
outputs = ["/app/copied"]
"#
    );
    let context = site(stage, "files-of-a-server", &config)?;
    let built = context.build().argument("--provenance=mode=max").push("steps")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == format!("{model}{model}640 app\n"), "{run:?}");

    // By its hash it is known at another place, where nobody is asked for it.
    let moved = context.read("uv.build.toml")?.replace("model.bin\", sha256", "moved.bin\", sha256");
    context.write("uv.build.toml", moved)?;
    let again = context.build().push("steps")?;
    ensure!(again.steps.executed.is_empty(), "{:?}", again.steps.executed);

    fs::write(server.directory.join("other.bin"), "something else\n")?;
    let other = context.read("uv.build.toml")?.replace("moved.bin", "other.bin").replace(&digest, &"0".repeat(64));
    context.write("uv.build.toml", other)?;
    let shown = context.build().fail()?;
    for part in ["digest mismatch", "uv.build.toml:6", ">>> files = [{ url ="] {
        ensure!(shown.contains(part), "no `{part}` in the error:\n{shown}");
    }
    Ok(())
}

fn modes_owners_and_writable_directories(stage: &Stage) -> Result<()> {
    let script = "/app/bin/start && echo kept > /app/data/file && mkdir /app/cache/new && cat /home/app/.config/notes/todo.txt \
                  && stat -c '%n %a %U' /app /app/bin/start /app/data /app/cache /home/app /home/app/.config/notes/todo.txt \
                  /app/web/index.html && ! touch /app/web/other 2> /dev/null";
    let config = format!(
        r#"
cmd = ["sh", "-c", "{script}"]
writable = ["/app/data", "/app/cache"]
files = [
    {{ from = "start.sh", to = "/app/bin/start", mode = "0755" }},
    {{ from = "notes", to = "/home/app/.config/notes", mode = "0700", owner = "user" }},
    {{ from = "web", to = "/app/web" }},
]
"#
    );
    let context = site(stage, "modes", &config)?;
    context.write("start.sh", "#!/bin/sh\necho started\n")?;
    let built = context.build().push("steps")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    let expected = "started\nnothing\n/app 755 root\n/app/bin/start 755 root\n/app/data 775 app\n/app/cache 775 app\n\
                    /home/app 775 app\n/home/app/.config/notes/todo.txt 700 app\n/app/web/index.html 644 root\n";
    ensure!(run.stdout == expected && run.exit_code == Some(0), "{run:?}");
    let image = Image::of(stage.lab(), &built)?;
    ensure!(image.config["config"].get("Volumes").is_none(), "{}", image.config);
    Ok(())
}

/// Labels are of the config alone, and of no layer.
fn labels(stage: &Stage) -> Result<()> {
    let context = site(stage, "labels", "labels = { \"org.opencontainers.image.version\" = \"2\", own = \"1\" }\n")?;
    let about = "name = \"site-app\"\nlicense = \"MIT\"\ndescription = \"A site\"\n\
                 urls = { Repository = \"https://git.example/site\" }\n";
    context.edit("app/pyproject.toml", "name = \"site-app\"\n", about)?;
    let labels = |built: &Built| -> Result<Vec<String>> {
        let config = Image::of(stage.lab(), built)?.config;
        let labels = config["config"]["Labels"].as_object().context("labels")?;
        // Those of the base are not ours.
        let ours = labels.iter().filter(|(name, _)| !name.starts_with("org.uv-buildkit"));
        let ours = ours.map(|(name, value)| format!("{name}={value}").replace("org.opencontainers.image.", ""));
        Ok(ours.collect())
    };
    let built = context.build().push("steps")?;
    let told = [
        "description=\"A site\"",
        "licenses=\"MIT\"",
        "source=\"https://git.example/site\"",
        "title=\"site-app\"",
        "version=\"2\"",
        "own=\"1\"",
    ];
    ensure!(labels(&built)? == told, "{:?}", labels(&built)?);

    context.edit("uv.build.toml", "labels =", "labels-from = [\"git\"]\nlabels =")?;
    let script = "git init -q && git -c user.name=a -c user.email=a@a.example commit -q --allow-empty -m first && git rev-parse HEAD";
    let revision = run_captured(Command::new("sh").args(["-c", script]).current_dir(&context.directory))?;
    let marked = context.build().push("steps")?;
    let found = labels(&marked)?;
    ensure!(found.contains(&format!("revision=\"{}\"", revision.trim())), "{found:?}");
    ensure!(!found.iter().any(|label| label.starts_with("title=")), "{found:?}");
    let changed = Image::of(stage.lab(), &marked)?;
    ensure!(changed.changed_from(&Image::of(stage.lab(), &built)?)?.is_empty(), "a label has changed a layer");
    Ok(())
}
