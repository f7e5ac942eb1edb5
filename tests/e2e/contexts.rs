//! Build contexts that are no directory of the client's, and configs that lie elsewhere.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use anyhow::{Result, ensure};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::image::Image;
use crate::pond::Pond;
use crate::server::Server;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("contexts::git", git);
    trials.add("contexts::git_checksum", git_checksum);
    trials.add("contexts::archive_by_http", archive_by_http);
    trials.add("contexts::archive_by_stdin", archive_by_stdin);
    trials.add("contexts::config_by_stdin", config_by_stdin);
    trials.add("contexts::config_by_http", config_by_http);
    trials.add("contexts::config_beside_a_remote_context", config_beside_a_remote_context);
    trials.add("contexts::keys_and_subdirectory", keys_and_subdirectory);
    trials.add("contexts::ignore_file_of_the_config", ignore_file_of_the_config);
    trials.add("contexts::member_left_out", member_left_out);
    trials.add("contexts::member_behind_a_link", member_behind_a_link);
    trials.add("contexts::no_context", no_context);
    trials.add("contexts::remote_bake", remote_bake);
}

/// That a built pond says what it should.
fn check(stage: &Stage, built: &Built) -> Result<()> {
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n", "{run:?}");
    Ok(())
}

fn git(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "git")?;
    let server = Server::open(stage, "git-server")?;
    server.commit("lake", &pond.context.directory, "waters/pond")?;
    let by_fragment = server.url("lake.git#main:waters/pond");
    let by_query = server.url("lake.git?branch=main&subdir=waters/pond");
    let build = |url: &str| Build::of(stage, url).argument("--build-arg=SOURCE_DATE_EPOCH=context").push("contexts");
    let first = build(&by_fragment)?;
    check(stage, &first)?;
    let image = Image::of(stage.lab(), &first)?;
    ensure!(image.config["created"] == "2009-02-13T23:31:30Z", "{}", image.config);
    ensure!(image == Image::of(stage.lab(), &build(&by_query)?)?, "another spelling made another image");
    // What comes from git and what lies in a directory are the same.
    let built = pond.context.build().argument("--build-arg=SOURCE_DATE_EPOCH=1234567890").push("contexts")?;
    ensure!(image == Image::of(stage.lab(), &built)?, "the directory makes another image");
    let shown = pond.context.build().argument("--build-arg=SOURCE_DATE_EPOCH=context").show()?;
    ensure!(shown.contains("`SOURCE_DATE_EPOCH=context` has no effect"), "{shown}");
    Ok(())
}

fn git_checksum(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "git-checksum")?;
    let server = Server::open(stage, "git-checksum-server")?;
    let commit = server.commit("pond", &pond.context.directory, "pond")?;
    let url = |checksum: &str| server.url(&format!("pond.git?ref=main&subdir=pond&checksum={checksum}"));
    check(stage, &Build::of(stage, url(&commit)).push("contexts")?)?;
    let shown = Build::of(stage, url(&"0".repeat(40))).fail()?;
    ensure!(shown.contains("expected checksum to match"), "{shown}");
    Ok(())
}

fn archive_by_http(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "http")?;
    let server = Server::open(stage, "http-server")?;
    pond.context.write("members/pond-app/src/pond_app/__pycache__/x.cpython-313.pyc", "old")?;
    server.pack("pond", &pond.context.directory)?;
    check(stage, &Build::of(stage, server.url("pond.tar.gz")).push("contexts")?)?;
    // Nothing else made another image of it than of the directory.
    let [archive, directory] = [Build::of(stage, server.url("pond.tar.gz")), pond.context.build()]
        .map(|build| Image::of(stage.lab(), &build.push("contexts")?));
    ensure!(archive?.layers == directory?.layers, "the directory makes another image");
    Ok(())
}

fn archive_by_stdin(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "stdin")?;
    let server = Server::open(stage, "stdin-server")?;
    let archive = server.pack("pond", &pond.context.directory)?;
    check(stage, &Build::of(stage, "-").input(&archive).push("contexts")?)
}

/// `-f -`
fn config_by_stdin(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "config-stdin")?;
    let text = format!("# syntax={}\n[targets.app]\npackage = \"pond-core\"\ncmd = [\"pond-core\"]\n", stage.syntax());
    pond.context.write("elsewhere.toml", text)?;
    let file = pond.context.directory.join("elsewhere.toml");
    let built = pond.context.build().argument("--file=-").input(&file).push("contexts")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-core\n", "{run:?}");
    Ok(())
}

/// `-f http://…`, and a context that is nothing but such a file: there is no project in it.
fn config_by_http(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "config-http")?;
    let server = Server::open(stage, "config-http-server")?;
    let text = format!("# syntax={}\n[targets.app]\npackage = \"pond-core\"\n", stage.syntax());
    std::fs::write(server.directory.join("core.toml"), text)?;
    let url = server.url("core.toml");
    let built = pond.context.build().argument(format!("--file={url}")).push("contexts")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-core\n", "{run:?}");
    let shown = Build::of(stage, &url).fail()?;
    ensure!(shown.contains("there is no `uv.lock` at the root of the build context"), "{shown}");
    Ok(())
}

/// A git context with a config of the client's.
fn config_beside_a_remote_context(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "config-local")?;
    let server = Server::open(stage, "config-local-server")?;
    server.commit("pond", &pond.context.directory, "pond")?;
    let text = format!("# syntax={}\n[targets.app]\npackage = \"pond-core\"\n", stage.syntax());
    pond.context.write("core.toml", text)?;
    let file = pond.context.directory.join("core.toml");
    let build = Build::of(stage, server.url("pond.git#main:pond")).argument("--file=-").input(&file);
    let run = container::run(stage.lab(), &build.push("contexts")?.reference, &[], &[])?;
    ensure!(run.stdout == "pond-core\n", "{run:?}");
    Ok(())
}

/// Options that clients other than buildx give: another name for the option with the context, one for the directory with the
/// config, and a part of the context.
fn keys_and_subdirectory(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "keys")?;
    let server = Server::open(stage, "keys-server")?;
    server.commit("lake", &pond.context.directory, "waters/pond")?;
    let directory = pond.context.directory.display();
    let build = |options: &[String]| -> Result<(bool, String)> {
        let mut build = stage.lab().buildctl(["build", "--progress=plain", "--frontend=gateway.v0"]);
        build.arg(format!("--opt=source={}", stage.syntax_in_registry())).args(options).stdin(Stdio::null());
        let output = build.output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let key = "--opt=contextkey=waters".to_owned();
    let context = format!("--opt=waters={}", server.url("lake.git#main"));
    let subdirectory = "--opt=contextsubdir=waters/pond".to_owned();
    let config_key = "--opt=dockerfilekey=config".to_owned();
    let config = format!("--local=config={directory}");
    // The config of a remote context is looked for at its root.
    let nested = "--opt=filename=waters/pond/uv.build.toml".to_owned();
    for options in [
        vec![key.clone(), context.clone(), subdirectory.clone(), nested],
        vec![key.clone(), context.clone(), subdirectory.clone(), config_key, config],
    ] {
        let (is_built, text) = build(&options)?;
        ensure!(is_built && text.contains("build and install pond-app 1.0"), "{options:?}:\n{text}");
    }
    let (is_built, text) = build(&[key, context])?;
    ensure!(!is_built && text.contains("there is no `uv.lock`"), "{text}");
    let (is_built, text) = build(&["--opt=context=/pond".to_owned()])?;
    ensure!(!is_built && text.contains("`/pond` is not a build context"), "{text}");
    Ok(())
}

/// `<file>.dockerignore` goes before `.dockerignore`.
fn ignore_file_of_the_config(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "ignore")?;
    pond.context.edit(
        "uv.build.toml",
        "[targets.app]",
        "[defaults]\nfiles = [{ from = \"notes\", to = \"/notes\" }]\n\n[targets.app]",
    )?;
    for file in ["a.txt", "b.txt"] {
        pond.context.write(&format!("notes/{file}"), file)?;
    }
    pond.context.write(".dockerignore", "notes/a.txt\n")?;
    let listed = || -> Result<String> {
        let built = pond.context.build().push("contexts")?;
        let ls = ["ls", "/notes"].map(ToOwned::to_owned);
        Ok(container::run(stage.lab(), &built.reference, &[], &ls)?.stdout)
    };
    ensure!(listed()? == "b.txt\n", "`.dockerignore` is not followed");
    pond.context.write("Dockerfile.dockerignore", "notes/b.txt\n")?;
    ensure!(listed()? == "a.txt\n", "`Dockerfile.dockerignore` does not go before `.dockerignore`");
    Ok(())
}

fn member_left_out(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "left-out")?;
    pond.context.write(".dockerignore", "**/*.md\nmembers/*-core\n")?;
    let shown = pond.context.build().fail()?;
    ensure!(
        shown.contains("`.dockerignore` excludes `members/pond-core`, which is the source of `pond-core`"),
        "{shown}"
    );
    ensure!(shown.contains("remove the pattern `members/*-core`"), "{shown}");
    Ok(())
}

/// A config on standard input, and nothing to build it from.
/// uv follows links to the directories of members, and so does a build: of a directory, of a repository and of an archive.
fn member_behind_a_link(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "link-within")?;
    let config = pond.context.read("uv.build.toml")?;
    pond.context.write("uv.build.toml", config + "\n[targets.dev]\ninherits = \"app\"\neditable = true\n")?;
    let build = |target: &str| pond.context.build().target(Some(target)).push("contexts");
    let image = |target: &str| Image::of(stage.lab(), &build(target)?);
    let before = [image("app")?, image("dev")?];
    let directory = &pond.context.directory;
    std::fs::create_dir(directory.join("libraries"))?;
    std::fs::rename(directory.join("members/pond-core"), directory.join("libraries/core"))?;
    symlink("../libraries/core", directory.join("members/pond-core"))?;
    run_captured(uv::command()?.args(["lock", "--check", "--quiet"]).current_dir(directory))?;
    for (target, before) in ["app", "dev"].into_iter().zip(&before) {
        let changed = image(target)?;
        ensure!(changed == *before, "the link makes another image of {target}: {:?}", changed.changed_from(before)?);
    }
    let server = Server::open(stage, "link-within-server")?;
    server.commit("pond", directory, "pond")?;
    server.pack("pond", directory)?;
    for url in [server.url("pond.git#main:pond"), server.url("pond.tar.gz")] {
        let built = Build::of(stage, &url).push("contexts")?;
        ensure!(Image::of(stage.lab(), &built)?.layers == before[0].layers, "{url} makes another image");
    }
    // What lies behind the link is in the key of the member.
    pond.context.edit("libraries/core/src/pond_core/__init__.py", "print(", "print('edited', ")?;
    check(stage, &build("app")?)?;
    ensure!(image("app")?.changed_from(&before[0])?.len() == 1, "an edit behind the link is not seen");
    Ok(())
}

fn no_context(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "no-context")?;
    let shown = Build::of(stage, "-").input(&pond.context.directory.join("Dockerfile")).fail()?;
    ensure!(shown.contains("there is no `uv.lock`"), "{shown}");
    Ok(())
}

/// A bake file of a repository, whose context reaches the frontend as a graph.
fn remote_bake(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "remote-bake")?;
    let server = Server::open(stage, "remote-bake-server")?;
    pond.context.write("docker-bake.hcl", "target \"app\" {\n  tags = [\"app\"]\n}\n")?;
    server.commit("lake", &pond.context.directory, "")?;
    let mut bake = stage.lab().buildx(["bake", "--progress=plain", "--set=app.output=type=cacheonly"]);
    let output = bake.args([server.url("lake.git#main"), "app".to_owned()]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && text.contains("build and install pond-app 1.0"), "{text}");
    Ok(())
}
