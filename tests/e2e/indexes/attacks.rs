//! Servers that want the secret of an index, and have no right to it.

use anyhow::{Result, ensure};

use super::{BACKEND, Private, SECRET, Scheme};
use crate::container;
use crate::index::{Asked, Index};
use crate::stage::Stage;

/// A line of the lock that names another server, or another kind of source, is refused, and nobody is asked.
pub fn another_server(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "another-server", Scheme::Basic)?;
    private.name_secret()?;
    let other = Index::open(stage, "indexes-another-server-other")?;
    other.mirror(&private.index);
    let lock = private.context.read("uv.lock")?;
    let before = private.index.asked().len();
    let heron = format!("{}/packages/heron-1.0", private.server_of_files());
    let reed = format!("{}/packages/reed-1.0.tar.gz", private.server_of_files());
    for (from, to, told) in [
        (&heron, other.url_of("packages/heron-1.0"), "is on another server"),
        (&reed, "docker-image://127.0.0.1:1/reed".to_owned(), "only `https://` and `http://` are supported"),
        (&reed, "http://buildkit-session/reed-1.0.tar.gz".to_owned(), "BuildKit would take it from the client"),
    ] {
        ensure!(lock.contains(from), "`{from}` is not in the lock:\n{lock}");
        private.context.write("uv.lock", lock.replace(from, &to))?;
        let shown = private.build_with(SECRET, &private.header)?.fail()?;
        ensure!(shown.contains(told) && shown.contains("ERROR: failed to build: failed to solve: uv.lock:"), "{shown}");
        ensure!(!shown.contains("this is a bug"), "{shown}");
    }
    ensure!(other.asked().is_empty(), "the other server was asked: {:?}", other.asked());
    let asked = private.index.asked();
    ensure!(asked.len() == before, "the index was asked: {:?}", &asked[before..]);
    Ok(())
}

/// uv in a step is given the secret for the servers that the config names, whatever the lock says: here a build requirement lies on
/// another one, which the lock calls a server of the index.
pub fn build_requirement_of_another_server(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "build-requirement", Scheme::Basic)?;
    let other = Index::open(stage, "indexes-build-requirement-other")?;
    let source = BACKEND.replace("reed-1.0", "reed-1.1").replace(r"reed\nVersion: 1.0", r"reed\nVersion: 1.1");
    other.offer("fern", "1.0", &format!("{source}\nNONCE = \"{} fern\"\n", stage.nonce()))?;
    let fern = other.url_of("packages/fern-1.0-py3-none-any.whl");
    let backend = format!("requires = [\"fern @ {fern}\"]\nbuild-backend = \"fern\"\n");
    let nonce = format!("NONCE = \"{} build requirement\"\n", stage.nonce());
    private.index.admit_all();
    private.index.offer_sdist(&private.index.project("reed", "1.1", &backend, &nonce)?)?;
    private.context.remove("uv.lock")?;
    private.context.lock()?;
    private.index.require(&private.header);
    private.name_secret()?;
    let wheel = "wheels = [\n    { url = \"";
    let unused = format!(
        "{wheel}{}\", hash = \"sha256:{}\" }},\n    {{ url = \"",
        other.url_of("packages/heron-1.0-py2-none-any.whl"),
        "0".repeat(64)
    );
    private.context.edit("uv.lock", wheel, &unused)?;
    let before = other.asked().len();
    let built = private.build_with(SECRET, &private.header)?.push("indexes")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "heron reed\n", "{run:?}");
    let asked = other.asked();
    let asked = &asked[before..];
    ensure!(asked.iter().any(|asked| asked.path.ends_with("fern-1.0-py3-none-any.whl")), "{asked:?}");
    ensure!(asked.iter().all(|asked| asked.authorization.is_none()), "the other server was shown a secret: {asked:?}");
    Ok(())
}

/// An index that sends on to another port of its host. uv leaves the secret behind. BuildKit, which has Go's client, does not: for that
/// the name of the host counts, and nothing in a graph says otherwise. `docs/concepts/security.md` tells of it.
pub fn sent_on(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "sent-on", Scheme::Basic)?;
    private.name_secret()?;
    let other = Index::open(stage, "indexes-sent-on-other")?;
    other.mirror(&private.index);
    private.index.send_on("packages/", &other.url_of("").replace("127.0.0.1", "localhost"));
    let built = private.build_with(SECRET, &private.header)?.push("indexes")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "heron reed\n", "{run:?}");
    let asked = other.asked();
    let of = |file: &str| asked.iter().filter(|asked| asked.path.contains(file)).collect::<Vec<&Asked>>();
    let (by_buildkit, by_uv) = (of("heron-1.0"), of("marsh-1.0"));
    ensure!(!by_uv.is_empty() && by_uv.iter().all(|asked| asked.authorization.is_none()), "{by_uv:?}");
    ensure!(!by_buildkit.is_empty(), "{asked:?}");
    ensure!(
        by_buildkit.iter().all(|asked| asked.authorization.is_some()),
        "BuildKit leaves the secret behind now: say so in docs/concepts/security.md: {by_buildkit:?}"
    );
    Ok(())
}
