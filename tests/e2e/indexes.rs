//! Private indexes, mirrors of them, and downloads that fail.

pub mod attacks;
pub mod authority;
pub mod secrecy;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::errors::show;
use crate::index::{Asked, Index, Trouble};
use crate::project::UV_BUILD;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("indexes::basic", |stage| lets_in(stage, "basic", Scheme::Basic));
    trials.add("indexes::bearer", |stage| lets_in(stage, "bearer", Scheme::Bearer));
    trials.add("indexes::by_host", by_host);
    trials.add("indexes::netrc", netrc);
    trials.add("indexes::mirror", mirror);
    trials.add("indexes::mirror_alone", mirror_alone);
    trials.add("indexes::outline", outline);
    trials.add("indexes::another_server", attacks::another_server);
    trials.add("indexes::build_requirement_of_another_server", attacks::build_requirement_of_another_server);
    trials.add("indexes::sent_on", attacks::sent_on);
    trials.add("indexes::authority", authority::authority);
    trials.add("indexes::authority_for_apt", authority::authority_for_apt);
    trials.add("indexes::authority_for_python", authority::authority_for_python);
    trials.add("indexes::authority_for_steps", authority::authority_for_steps);
    for failure in FAILURES {
        trials.add(format!("indexes::{}", failure.name), move |stage| failure.show(stage));
    }
    trials.add("indexes::secret_of_a_build_missing", secret_of_a_build_missing);
}

/// Id of the secret in the config.
const SECRET: &str = "private-index";

/// How a secret is sent.
#[derive(Clone, Copy)]
enum Scheme {
    Basic,
    Bearer,
}

/// An application whose packages come from a private index: a wheel, and a source distribution that is built with a backend of
/// the same index. Files lie on another host, which sends on to a third address.
struct Private<'a> {
    context: Context<'a>,
    index: Index,
    /// A word that must be nowhere.
    word: String,
    /// The `Authorization` header.
    header: String,
}

/// A build backend in one module.
const BACKEND: &str = r#"import zipfile


def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "reed-1.0-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
        wheel.write("src/reed/__init__.py", "reed/__init__.py")
        wheel.writestr("reed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: reed\nVersion: 1.0\n")
        wheel.writestr("reed-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: marsh\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("reed-1.0.dist-info/RECORD", "reed/__init__.py,,\nreed-1.0.dist-info/METADATA,,\nreed-1.0.dist-info/WHEEL,,\nreed-1.0.dist-info/RECORD,,\n")
    return name
"#;

impl<'a> Private<'a> {
    /// Writes it, locks it, and closes the index. `[indexes]` is left to the tests.
    fn new(stage: &'a Stage, name: &str, scheme: Scheme) -> Result<Self> {
        let context = Context::new(stage, &format!("indexes-{name}"))?;
        let index = Index::open(stage, &format!("indexes-{name}-index"))?;
        let nonce = format!("NONCE = \"{} indexes {name}\"\n", stage.nonce());
        index.store_elsewhere();
        index.offer("heron", "1.0", &nonce)?;
        index.offer("marsh", "1.0", &format!("{BACKEND}\n{nonce}"))?;
        let backend = "requires = [\"marsh\"]\nbuild-backend = \"marsh\"\n";
        index.offer_sdist(&index.project("reed", "1.0", backend, &nonce)?)?;
        context.write(
            "pyproject.toml",
            format!(
                "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
                 dependencies = [\"heron\", \"reed\"]\nscripts = {{ app = \"app:main\" }}\n\n\
                 [build-system]\n{UV_BUILD}\n\
                 [[tool.uv.index]]\nname = \"private\"\nurl = \"{}\"\ndefault = true\n",
                index.url()
            ),
        )?;
        let module = "import heron\nimport reed\n\n\ndef main():\n    print(heron.__name__, reed.__name__)\n";
        context.write("src/app/__init__.py", format!("{nonce}{module}"))?;
        context.write("uv.build.toml", "[targets.app]\n")?;
        context.lock()?;
        let word = format!("sesame-{}", stage.nonce());
        let header = match scheme {
            Scheme::Basic => format!("Basic {}", STANDARD.encode(format!("otter:{word}"))),
            Scheme::Bearer => format!("Bearer {word}"),
        };
        index.require(&header);
        Ok(Self { context, index, word, header })
    }

    fn configure(&self, text: &str) -> Result<()> {
        self.context.write("uv.build.toml", format!("[targets.app]\n\n{text}"))
    }

    /// Names the index, its secret, and where its files are, in the config.
    fn name_secret(&self) -> Result<()> {
        self.configure(&self.named())
    }

    fn named(&self) -> String {
        format!("[indexes.private]\nsecret = \"{SECRET}\"\nfiles = [\"{}\"]\n", self.server_of_files())
    }

    /// The host that the files are said to lie on.
    fn server_of_files(&self) -> String {
        self.index.url_of("").replace("127.0.0.1", "localhost").trim_end_matches('/').to_owned()
    }

    /// A build that is given a secret.
    fn build_with(&self, id: &str, value: &str) -> Result<Build<'a>> {
        let file = self.beside(id);
        fs::write(&file, value)?;
        Ok(self.context.build().argument(format!("--secret=id={id},src={}", file.display())))
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.context.directory.with_extension(name)
    }

    /// Requests of what is behind the first two doors.
    fn asked(&self) -> Vec<Asked> {
        self.index.asked().into_iter().filter(|asked| !asked.path.starts_with("signed/")).collect()
    }
}

/// Everything is fetched, built and started, and the secret is nowhere.
fn lets_in(stage: &Stage, name: &str, scheme: Scheme) -> Result<()> {
    let private = Private::new(stage, name, scheme)?;
    private.name_secret()?;
    let before = private.asked().len();
    let scanner = crate::sbom::scanner(stage, &format!("indexes-{name}-scanner"))?;
    let scanned = format!("--attest=type=sbom,generator={scanner}");
    let cache = private.beside("cache");
    let exported = format!("--cache-to=type=local,mode=max,dest={}", cache.display());
    let build = private.build_with(SECRET, &private.header)?.argument("--provenance=mode=max");
    let built = build.argument(scanned).argument(exported).push("indexes")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "heron reed\n", "{run:?}");

    let asked = private.asked();
    let shown: Vec<&Asked> =
        asked[before..].iter().filter(|asked| asked.authorization.as_ref() == Some(&private.header)).collect();
    for path in
        ["packages/heron-1.0-py3-none-any.whl", "packages/reed-1.0.tar.gz", "simple/marsh", "packages/marsh-1.0"]
    {
        ensure!(
            shown.iter().any(|asked| asked.path.starts_with(path)),
            "{path} was not asked with the secret: {asked:?}"
        );
    }
    let forms = [private.word.clone(), STANDARD.encode(format!("otter:{}", private.word))];
    secrecy::check(stage, &built, &forms)?;
    secrecy::check_cache(&cache, &forms)
}

/// BuildKit's own secrets for hosts hold where the config says nothing.
fn by_host(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "by-host", Scheme::Bearer)?;
    // uv, which looks for the backend, is not BuildKit.
    private.context.edit("pyproject.toml", "[\"heron\", \"reed\"]", "[\"heron\"]")?;
    private.context.edit("src/app/__init__.py", "import reed\n", "import heron as reed\n")?;
    let lock = private.context.read("uv.lock")?;
    ensure!(lock.contains("http://localhost:"), "files do not lie on another host:\n{lock}");
    private.index.admit_all();
    private.context.lock()?;
    private.index.require(&private.header);
    let built = private.build_with("HTTP_AUTH_TOKEN_localhost", &private.word)?.push("indexes")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "heron heron\n", "{run:?}");
    Ok(())
}

/// uv in a step is let in by a netrc, BuildKit by a header.
fn netrc(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "netrc", Scheme::Basic)?;
    let machines = ["127.0.0.1", "localhost"];
    let netrc: String =
        machines.iter().map(|host| format!("machine {host}\nlogin otter\npassword {}\n", private.word)).collect();
    fs::write(private.beside("header"), &private.header)?;
    let header = format!("--secret=id=HTTP_AUTH_HEADER_localhost,src={}", private.beside("header").display());
    let cache = private.beside("cache");
    let exported = format!("--cache-to=type=local,mode=max,dest={}", cache.display());
    let build = private.build_with("netrc", &netrc)?.argument(header).argument("--provenance=mode=max");
    let built = build.argument(exported).push("indexes")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "heron reed\n", "{run:?}");
    let forms = [private.word.clone(), STANDARD.encode(format!("otter:{}", private.word))];
    secrecy::check(stage, &built, &forms)?;
    secrecy::check_cache(&cache, &forms)
}

/// A mirror of files and of nothing else: what was made without it is not made again.
fn mirror(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "mirror", Scheme::Bearer)?;
    private.name_secret()?;
    let first = private.build_with(SECRET, &private.header)?.argument("--provenance=false").push("indexes")?;
    let mirror = Index::open(stage, "indexes-mirror-mirror")?;
    let of_files = private.index.url_of("packages").replace("127.0.0.1", "localhost");
    private.configure(&format!(
        "{}\n[mirrors]\n\"{of_files}\" = {{ url = \"{}\", secret = \"{SECRET}\" }}\n",
        private.named(),
        mirror.url_of("packages")
    ))?;
    private.index.fail("", Trouble::Status(500));
    let second = private.build_with(SECRET, &private.header)?.argument("--provenance=false").push("indexes")?;
    ensure!(second.steps.executed.is_empty(), "a mirror made these run: {:?}", second.steps.executed);
    ensure!(second.reference == first.reference, "a mirror made another image");
    ensure!(mirror.asked().is_empty(), "the mirror was asked: {:?}", mirror.asked());
    Ok(())
}

/// A build that reaches nothing but a mirror, which has a secret of its own.
fn mirror_alone(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "mirror-alone", Scheme::Bearer)?;
    let mirror = Index::open(stage, "indexes-mirror-alone-mirror")?;
    mirror.mirror(&private.index);
    mirror.require(&private.header);
    private.index.fail("", Trouble::Status(500));
    let to = |path: &str| format!("{{ url = \"{}\", secret = \"{SECRET}\" }}", mirror.url_of(path));
    private.configure(&format!(
        "[mirrors]\n\"{}\" = {}\n\"{}\" = {}\n",
        private.index.url(),
        to("simple"),
        private.index.url_of("packages").replace("127.0.0.1", "localhost"),
        to("packages/"),
    ))?;
    let before = private.index.asked().len();
    let built = private.build_with(SECRET, &private.header)?.push("indexes")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "heron reed\n", "{run:?}");
    let asked = private.index.asked();
    ensure!(asked.len() == before, "the index was asked: {:?}", &asked[before..]);
    Ok(())
}

/// What `--call=outline` says of secrets, and of the cache of what is built.
fn outline(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "outline", Scheme::Bearer)?;
    let step = "name = \"web\"\nrun = [\"true\"]\ncaches = [\"/root/.npm\"]\noutputs = [\"/app/web\"]";
    private.configure(&format!("[[targets.app.steps]]\n{step}\n\n{}", private.named()))?;
    let shown = private.context.build().call("outline,format=json")?;
    let told: serde_json::Value = serde_json::from_str(&shown).with_context(|| shown.clone())?;
    let expected = serde_json::json!([
        { "name": "UV_INDEX_PRIVATE_PASSWORD" },
        { "name": "UV_INDEX_PRIVATE_USERNAME" },
        { "name": "netrc" },
        { "name": SECRET, "required": true },
    ]);
    ensure!(told["secrets"] == expected, "{told:#}");
    let caches: Vec<&str> =
        told["cache"].as_array().into_iter().flatten().filter_map(|cache| cache["ID"].as_str()).collect();
    ensure!(matches!(caches[..], [cache] if cache.starts_with("uv-buildkit-step-web-")), "{told:#}");
    let text = private.context.build().call("outline")?;
    ensure!(text.contains("SECRET") && text.contains("private-index"), "{text}");
    Ok(())
}

/// A way in which a download fails.
#[derive(Clone, Copy)]
struct Failure {
    name: &'static str,
    trouble: Option<Trouble>,
    /// What the client gives as the index's secret, if the config names one.
    given: Given,
}

#[derive(Clone, Copy)]
enum Given {
    /// The config names no secret.
    Nothing,
    /// It does, and the client has none.
    Missing,
    /// It is the right one.
    Right,
    /// It is another one.
    Wrong,
    /// It ends with a line break.
    WithLineBreak,
}

const FAILURES: [Failure; 9] = [
    Failure { name: "unauthorized", trouble: None, given: Given::Nothing },
    Failure { name: "secret_missing", trouble: None, given: Given::Missing },
    Failure { name: "secret_refused", trouble: None, given: Given::Wrong },
    Failure { name: "secret_is_no_header", trouble: None, given: Given::WithLineBreak },
    Failure { name: "forbidden", trouble: Some(Trouble::Status(403)), given: Given::Right },
    Failure { name: "not_found", trouble: Some(Trouble::Status(404)), given: Given::Right },
    Failure { name: "server_error", trouble: Some(Trouble::Status(503)), given: Given::Right },
    Failure { name: "truncated_wheel", trouble: Some(Trouble::Truncated), given: Given::Right },
    Failure { name: "cut_connection", trouble: Some(Trouble::Cut), given: Given::Right },
];

impl Failure {
    fn show(self, stage: &Stage) -> Result<()> {
        let private = Private::new(stage, self.name, Scheme::Bearer)?;
        if !matches!(self.given, Given::Nothing) {
            private.name_secret()?;
        }
        let header = &private.header;
        let build = match self.given {
            Given::Nothing | Given::Missing => private.context.build(),
            Given::Right => private.build_with(SECRET, header)?,
            Given::Wrong => private.build_with(SECRET, "Bearer of-another")?,
            Given::WithLineBreak => private.build_with(SECRET, &format!("{header}\n"))?,
        };
        // Of the two, only the wheel is in trouble: which of them fails first is chance.
        private.context.edit("pyproject.toml", "[\"heron\", \"reed\"]", "[\"heron\"]")?;
        private.index.admit_all();
        private.context.lock()?;
        private.index.require(header);
        if let Some(trouble) = self.trouble {
            let below = if matches!(trouble, Trouble::Status(_)) { "packages/" } else { "signed/" };
            private.index.fail(below, trouble);
        }
        show(build, self.name, "")
    }
}

/// A step that asks the index in vain says which secret it lacked.
fn secret_of_a_build_missing(stage: &Stage) -> Result<()> {
    let private = Private::new(stage, "build-missing", Scheme::Bearer)?;
    // Of an index with a secret nothing is fetched but the backend.
    let lock = private.context.read("uv.lock")?.replace(&private.index.url(), "http://127.0.0.1:1/simple");
    private.context.write("uv.lock", lock)?;
    private.configure(&format!("[lock]\ncheck = \"off\"\n\n[indexes.private]\nsecret = \"{SECRET}\"\n"))?;
    let by_host = private.build_with("HTTP_AUTH_TOKEN_localhost", &private.word)?;
    let shown = by_host.fail()?;
    let expected =
        format!("help: the index `private` was asked without the secret `{SECRET}`, which was not given: build with");
    let told = shown.lines().skip_while(|line| !line.starts_with("ERROR: "));
    ensure!(told.clone().any(|line| line.starts_with(&expected)), "`{expected}` is not shown:\n{shown}");
    Ok(())
}
