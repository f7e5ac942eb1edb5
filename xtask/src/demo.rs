//! `cargo xtask demo`: an example workspace from source to a running image, and what one edit costs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::lab::{Lab, run_captured, run_shown, workspace};
use crate::progress::Steps;

/// The example, its target that serves HTTP, and the edit: one price in the sources of one member. The checks that the
/// target requires ask for another price, and pass before and after.
const EXAMPLE: &str = "examples/monorepo";
const TARGET: &str = "api";
const EDITED: &str = "packages/catalog/src/acme_catalog/items.json";
const EDIT: (&str, &str) = ("350", "380");
/// The price on the front page, before the edit and after it.
const SHOWN: (&str, &str) = ("3.50 EUR", "3.80 EUR");

/// Builds the example, starts it, edits a copy of it, and builds that. Ends the lab unless it ran before.
pub fn run() -> Result<()> {
    let lab = Lab::up_empty()?;
    let was_started = lab.was_started();
    let outcome = run_in(lab);
    if was_started {
        Lab::down()?;
    }
    outcome?;
    if was_started {
        eprintln!("\n`cargo xtask lab up` starts the lab and keeps it running, for `cargo xtask build DIR`.");
    }
    Ok(())
}

fn run_in(lab: Lab) -> Result<()> {
    let program = lab.frontend_program()?;
    let syntax = lab.frontend_image()?;
    let project = tempfile::tempdir()?;
    run_captured(Command::new("cp").arg("--archive").arg(workspace().join(EXAMPLE).join(".")).arg(project.path()))?;
    let demo = Demo { image: format!("{}/demo-{TARGET}:latest", lab.registry()), lab, syntax, project: project.path() };

    heading(&format!("The plan of `{TARGET}` in {EXAMPLE}: its layers, from below"));
    run_shown(Command::new(program).arg("plan").arg(demo.project).args(["--target", TARGET]))?;

    heading("docker buildx build, through the `# syntax=` line of the example's Dockerfile");
    let before = demo.build()?;
    heading("docker run, and what it answers to GET /");
    demo.show_answer(SHOWN.0)?;

    let edited = project.path().join(EDITED);
    let text = fs::read_to_string(&edited).with_context(|| format!("cannot read {}", edited.display()))?;
    ensure!(text.contains(EDIT.0), "{EDITED} has no `{}` to edit", EDIT.0);
    fs::write(&edited, text.replace(EDIT.0, EDIT.1))?;
    heading(&format!("One member edited ({EDITED}: {} -> {}), built again", EDIT.0, EDIT.1));
    let after = demo.build()?;
    let new = after.difference(&before).count();
    say(&format!("new layers to push and pull: {new} of {}", after.len()));
    ensure!(new == 1, "an edit of one member must change one layer");
    heading("docker run, and what it answers now");
    demo.show_answer(SHOWN.1)
}

struct Demo<'a> {
    lab: Lab,
    syntax: String,
    project: &'a Path,
    image: String,
}

impl Demo<'_> {
    /// Builds and pushes the project, and says what ran. Gives back the layers of the image.
    fn build(&self) -> Result<BTreeSet<String>> {
        let mut build = self.lab.buildx(["build", "--progress=rawjson", "--provenance=false", "--target", TARGET]);
        build.arg(format!("--output=type=image,name={},push=true", self.image));
        let named = self.lab.published_reference();
        if self.syntax != named {
            build.arg(format!("--build-context={named}=docker-image://{}", self.syntax));
        }
        build.arg(self.project);
        let since = Instant::now();
        let output = build.stdin(Stdio::null()).output().context("cannot start docker")?;
        let seconds = since.elapsed().as_secs_f32();
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let message: Vec<&str> = told.lines().filter(|line| !line.starts_with('{')).collect();
            bail!("the build failed:\n{}", message.join("\n"));
        }
        let steps = Steps::parse(&told)?;
        for step in &steps.executed {
            say(&format!("executed  {step}"));
        }
        say(&format!("{} steps executed, {} from the cache, {seconds:.1} s", steps.executed.len(), steps.cached.len()));
        self.layers()
    }

    fn layers(&self) -> Result<BTreeSet<String>> {
        let manifest: serde_json::Value =
            serde_json::from_str(&run_captured(&mut self.lab.crane(["manifest", &self.image]))?)?;
        let layers = manifest["layers"].as_array().context("the image has no layers")?;
        Ok(layers.iter().filter_map(|layer| layer["digest"].as_str()).map(str::to_owned).collect())
    }

    /// Starts the image, as its own config says, and shows its front page, which must have this text.
    fn show_answer(&self, expected: &str) -> Result<()> {
        self.lab.pull(&self.image)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let variable = format!("--env=PORT={port}");
        let container =
            run_captured(&mut self.lab.docker(["run", "--detach", "--network=host", &variable, &self.image]))?;
        let answer = self.ask(port, container.trim());
        run_captured(&mut self.lab.docker(["rm", "--force", "--volumes", container.trim()]))?;
        let answer = answer?;
        say(answer.trim_end());
        ensure!(answer.contains(expected), "the front page does not show `{expected}`");
        Ok(())
    }

    fn ask(&self, port: u16, container: &str) -> Result<String> {
        let since = Instant::now();
        loop {
            match get(port) {
                Ok(answer) => return Ok(answer),
                Err(error) if since.elapsed() > Duration::from_secs(30) => {
                    let log = self.lab.docker(["logs", container]).output()?;
                    bail!(
                        "no answer from the image ({error:#}); it printed:\n{}",
                        String::from_utf8_lossy(&log.stderr)
                    );
                }
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// The body of the front page.
fn get(port: u16) -> Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("it does not speak HTTP")?;
    Ok(body.to_owned())
}

fn heading(text: &str) {
    say(&format!("\n== {text}"));
}

#[expect(clippy::print_stdout, reason = "what it shows is the product")]
fn say(text: &str) {
    println!("{text}");
}
