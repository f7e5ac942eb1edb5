//! Build backends that want what is not theirs: secrets, a network, and what other builds leave for later ones.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::index::Index;
use crate::project::UV_BUILD;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("attacks::backend_of_a_package", backend_of_a_package);
    trials.add("attacks::options_of_a_package", options_of_a_package);
    trials.add("attacks::requirement_without_a_wheel", requirement_without_a_wheel);
    trials.add_alone("attacks::neighbour_of_the_same_name", neighbour_of_the_same_name);
    trials.add("attacks::connection_of_a_member", connection_of_a_member);
}

/// A build backend that looks for secrets, reads what others left in the places of caches, and leaves something there itself.
const BACKEND: &str = include_str!("attacker.py");

/// A build system of it.
const SYSTEM: &str = "requires = [\"marsh\"]\nbuild-backend = \"marsh\"\n";

/// An application of one package, which is built with a backend of the same private index.
struct Private<'a> {
    context: Context<'a>,
    word: String,
}

impl<'a> Private<'a> {
    fn new(stage: &'a Stage, name: &str, asked: &str, system: &str) -> Result<Self> {
        let context = Context::new(stage, &format!("attacks-{name}"))?;
        let index = Index::open(stage, &format!("attacks-{name}-index"))?;
        let nonce = format!("# {} {name}\n", stage.nonce());
        index.offer("heron", "1.0", &nonce)?;
        index.offer_sdist(&index.project("otter", "1.0", UV_BUILD, &nonce)?)?;
        index.offer("marsh", "1.0", &format!("{BACKEND}\nASKED = {asked}\n{nonce}"))?;
        index.offer_sdist(&index.project("reed", "1.0", system, &nonce)?)?;
        let manifest = format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = [\"reed\"]\n\
             scripts = {{ app = \"app:main\" }}\n\n[build-system]\n{UV_BUILD}\n\
             [[tool.uv.index]]\nname = \"private\"\nurl = \"{}\"\ndefault = true\n",
            index.url()
        );
        context.write("pyproject.toml", manifest)?;
        context
            .write("src/app/__init__.py", format!("{nonce}import reed\n\n\ndef main():\n    print(reed.FACTS)\n"))?;
        context.write("uv.build.toml", "[targets.app]\n\n[indexes.private]\nsecret = \"private-index\"\n")?;
        context.lock()?;
        let word = format!("sesame-{}", stage.nonce());
        index.require(&format!("Bearer {word}"));
        Ok(Self { context, word })
    }

    fn build(&self) -> Result<Build<'a>> {
        let file = self.context.directory.with_extension("secret");
        fs::write(&file, format!("Bearer {}", self.word))?;
        Ok(self.context.build().argument(format!("--secret=id=private-index,src={}", file.display())))
    }
}

/// It is given what it asks for, from an index that asks for a secret, and finds neither the secret nor a network nor a cache.
fn backend_of_a_package(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "backend", "[\"heron>=1\"]", SYSTEM)?;
    let built = private.build()?.push("attacks")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(!run.stdout.contains(&private.word), "the backend found the secret: {}", run.stdout);
    let facts: Value = serde_json::from_str(&run.stdout).with_context(|| format!("{run:?}"))?;
    ensure!(facts["heron"] == true, "it was not given what it asked for: {facts}");
    ensure!(facts["links"] == serde_json::json!(["lo"]), "it has a network: {facts}");
    ensure!(facts["secrets"] == serde_json::json!([]), "it has secrets: {facts}");
    ensure!(facts["kept"] == serde_json::json!([]), "others left something: {facts}");
    Ok(())
}

/// What a package requires, and what its backend asks for, are no options of uv's.
fn options_of_a_package(stage: &Stage) -> Result<()> {
    let option = "-r/run/secrets/uv-buildkit/index-0";
    let requires = format!("requires = [\"marsh\", \"{option}\"]\nbuild-backend = \"marsh\"\n");
    for (name, asked, system, who) in [
        ("requires", "[]".to_owned(), requires.as_str(), "`reed` is built with"),
        ("answer", format!("[\"{option}\"]"), SYSTEM, "the build backend of `reed` asks for"),
    ] {
        let private = Private::new(stage, name, &asked, system)?;
        let shown = private.build()?.fail()?;
        let told = format!("{who} `{option}`, which is not a valid requirement");
        ensure!(shown.contains(&told), "no `{told}`:\n{shown}");
        ensure!(!shown.contains(&private.word), "the secret is shown:\n{shown}");
    }
    Ok(())
}

/// It would be built where the secret is.
fn requirement_without_a_wheel(stage: &Stage) -> Result<()> {
    let system = "requires = [\"marsh\", \"otter\"]\nbuild-backend = \"marsh\"\n";
    let shown = Private::new(stage, "sdist", "[]", system)?.build()?.fail()?;
    let told = "`otter` would be built from source in a step that has the secrets of indexes, and could read them";
    ensure!(shown.contains(told), "no `{told}`:\n{shown}");
    Ok(())
}

/// Two workspaces with the same names, on one builder. What the first leaves wherever it can write does not reach the second, whose image is
/// the one of a builder without any cache.
fn neighbour_of_the_same_name(stage: &Stage) -> Result<()> {
    let index = Index::open(stage, "attacks-neighbours-index")?;
    index.offer("marsh", "1.0", &format!("{BACKEND}\nASKED = []\n# {}\n", stage.nonce()))?;
    let write = |name: &str, description: &str| -> Result<Context<'_>> {
        let context = Context::new(stage, &format!("attacks-{name}"))?;
        // Packages of this kind may compile, and have a cache.
        let manifest = format!(
            "[project]\nname = \"reed\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndescription = \"{description}\"\n\n\
             [build-system]\n{SYSTEM}\n[[tool.uv.index]]\nname = \"fixture\"\nurl = \"{}\"\ndefault = true\n",
            index.url()
        );
        context.write("pyproject.toml", manifest)?;
        context.write(
            "uv.build.toml",
            "[targets.reed]\n\n[[targets.reed.steps]]\nname = \"keep\"\n\
             run = [[\"sh\", \"-c\", \"echo poison > /b/c/poison\"], [\"sh\", \"-c\", \"ls /b-c > /kept/found\"]]\n\
             caches = [\"/b/c\", \"/b-c\"]\noutputs = [\"/kept\"]\n",
        )?;
        context.write("nonce", format!("{} {name}", stage.nonce()))?;
        context.lock()?;
        Ok(context)
    };
    let victim = write("victim", "that of a victim")?;
    let fresh = format!("--build-arg=BUILDKIT_CACHE_MOUNT_NS=fresh-{}", stage.nonce());
    let fresh = victim.build().argument(fresh).push("attacks")?;
    let attacker = write("attacker", "that of an attacker")?;
    attacker.build().push("attacks")?;
    let built = victim.build().argument("--no-cache").push("attacks")?;
    let run = container::run(stage.lab(), &built.reference, &[], &["cat", "/kept/found"].map(ToOwned::to_owned))?;
    ensure!(run.stdout.is_empty() && run.exit_code == Some(0), "two paths are one cache: {run:?}");
    let (fresh, built) = (Image::of(stage.lab(), &fresh)?, Image::of(stage.lab(), &built)?);
    ensure!(built.changed_from(&fresh)?.is_empty(), "another image: {:?}", built.changed_from(&fresh)?);
    Ok(())
}

/// A build that wants a network is told how it gets one.
fn connection_of_a_member(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "attacks-connection")?;
    let manifest = "[project]\nname = \"reed\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
                    [build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
    context.write("pyproject.toml", manifest)?;
    let backend = "import socket\n\n\ndef build_wheel(*arguments):\n    socket.create_connection((\"files.invalid\", 80), timeout=5)\n";
    context.write("backend.py", format!("# {}\n{backend}", stage.nonce()))?;
    context.write("uv.build.toml", "[targets.reed]\n")?;
    context.lock()?;
    let told =
        "the build has no network: to give it one, write `network = true` in `[members.reed]` of `uv.build.toml`";
    let shown = context.build().fail()?;
    ensure!(shown.contains(told), "no `{told}`:\n{shown}");
    context.write("uv.build.toml", "[targets.reed]\n\n[members.reed]\nnetwork = true\n")?;
    let shown = context.build().fail()?;
    ensure!(!shown.contains(told), "it has a network:\n{shown}");
    Ok(())
}
