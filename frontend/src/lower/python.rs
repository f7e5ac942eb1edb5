//! A python that uv installs: fetched once for a version, in a step that knows nothing of the images that it will lie in, and
//! compiled in one of them.

use std::collections::BTreeSet;

use buildkit_llb::{Bind, Copy, Exec, File, Input, Metadata, Network, Output, Secret, Tmpfs};

use super::access::{CA, NETRC, trust};
use super::context::{sync, without_ignored};
use super::failure::reporting;
use super::scripts::{BYTECODE, Script, with_script};
use super::site::Ground;
use super::{EPOCH, Lowering, Options, STEP_ENV, TOOLS, platform, settled};
use crate::config::access::Ca;
use crate::config::python::Downloads;
use crate::interpreter::LibcName;
use crate::plan::access;
use crate::platform::Platform;
use crate::project::ManagedPython;
use crate::rootfs::PYTHONS;

/// The script that compiles a standard library. Another one than the worker: a new worker compiles none again.
const SCRIPT: Script = ("library.py", include_str!("library.py"));

/// uv in its own image.
pub(super) const UV: &str = "/uv";

/// A python as images have it.
#[derive(Clone)]
pub(super) struct Managed {
    /// What uv installed, and nothing else.
    pub(super) files: Output,
    /// Bytecode of its standard library; nothing before it was made.
    pub(super) bytecode: Input,
    /// The two together, below [`PYTHONS`].
    pub(super) tree: Input,
}

impl Managed {
    /// One without bytecode.
    pub(super) fn of(files: Output) -> Self {
        Self { tree: (&files).into(), files, bytecode: Input::Scratch }
    }
}

/// The files of a python for images of a platform, below [`PYTHONS`], for whatever target.
///
/// uv is a static program: the step runs in its own image, so that another base or builder installs nothing again. uv then leaves a
/// lock, a link and notes beside what it installed, all of which stay behind.
pub fn files(
    python: &ManagedPython,
    libc: LibcName,
    of: &Platform,
    uv: &Output,
    ca: Option<&Ca>,
    target: &str,
    options: &Options,
) -> Output {
    let metadata = |what: &str| {
        let metadata = Metadata::named(format!("[shared] {what} python {}", python.version.value));
        if options.no_cache.covers(target) { metadata.ignore_cache() } else { metadata }
    };
    let exec = Exec::new([UV, "python", "install", "--no-config", &python.version.value])
        .platform(&platform(of))
        .envs(STEP_ENV)
        .env("UV_PYTHON_DOWNLOADS", "manual")
        .env("UV_PYTHON_INSTALL_DIR", PYTHONS)
        .env("UV_PYTHON_INSTALL_BIN", "0")
        // uv would look at a shell of the image.
        .env("UV_LIBC", libc_of_uv(libc))
        .env("UV_NO_CACHE", "1")
        .env("NETRC", NETRC)
        .mount(Bind::new("/", uv).readonly())
        .mount(Tmpfs::new("/tmp"))
        .mount(Secret::new(NETRC, access::NETRC).optional())
        .mount(Bind::new(PYTHONS, Input::Scratch));
    let exec = python.mirror.iter().fold(exec, |exec, mirror| exec.env("UV_PYTHON_INSTALL_MIRROR", &mirror.value));
    let list = format!("{TOOLS}/downloads.json");
    let exec = match python.downloads.as_ref().map(|downloads| &downloads.value) {
        Some(Downloads::Url(url)) => exec.env("UV_PYTHON_DOWNLOADS_JSON_URL", url),
        Some(Downloads::File(path)) => exec
            .env("UV_PYTHON_DOWNLOADS_JSON_URL", &list)
            .mount(Bind::new(&list, file_of_context(path, options)).selector(format!("/{path}")).readonly()),
        None => exec,
    };
    let exec = trust(exec, ca, |path| file_of_context(path, options));
    let exec = if ca.is_some() { exec.env("SSL_CERT_FILE", CA) } else { exec };
    let exec = options.container.connect(options.container.limit(exec));
    let installed = exec.metadata(metadata("fetch")).build().output(PYTHONS);
    // `cpython-3.13.5-linux-x86_64-gnu`, and not the link to it that has no patch in its name.
    let copy = Copy::new(&installed, "/cpython-*.*.*-*", format!("{PYTHONS}/")).wildcard().create_dest_path();
    settled(File::on(Input::Scratch).copy(copy.timestamp(EPOCH)), metadata("install"))
}

/// A file of the context, as it is before there is a plan that says what else is read.
fn file_of_context(path: &str, options: &Options) -> Output {
    match &options.context {
        Some(root) => without_ignored(root, [path.to_owned()]),
        None => {
            let name = format!("[internal] load {path}");
            sync(options, &format!("python-{path}"), &name, BTreeSet::from([path.to_owned()]), [])
        }
    }
}

/// As uv calls it (`UV_LIBC`).
fn libc_of_uv(libc: LibcName) -> &'static str {
    match libc {
        LibcName::Glibc => "gnu",
        LibcName::Musl => "musl",
    }
}

/// Words in front of those that a python is called with, and variables, which let uv find the one that it installed: its path is not
/// known before it was asked.
pub(super) fn finder<'a>(python: &'a ManagedPython, uv: &'a str) -> Vec<&'a str> {
    let run = [uv, "run", "--quiet", "--no-project", "--no-config", "--offline", "--managed-python", "--python"];
    run.into_iter().chain([python.version.value.as_str(), "python"]).collect()
}

/// What [`finder`] needs.
pub(super) fn find(exec: Exec, libc: LibcName, files: &Output) -> Exec {
    exec.env("UV_PYTHON_INSTALL_DIR", PYTHONS)
        .env("UV_LIBC", libc_of_uv(libc))
        .env("UV_NO_CACHE", "1")
        .mount(Bind::new(PYTHONS, files).selector(PYTHONS).readonly())
}

impl Lowering<'_> {
    /// A ground whose python has bytecode. Its standard library is compiled as a whole: an image starts with it.
    pub(super) fn compiled(&self, ground: &Ground) -> Ground {
        let Some(managed) = &ground.managed else { return ground.clone() };
        let path = format!("{TOOLS}/library.py");
        let exec = Exec::new([ground.python.as_str(), &path, "/out"].map(str::to_owned))
            .platform(&platform(&ground.platform))
            .envs(ground.env.iter().cloned())
            .envs(STEP_ENV)
            .network(Network::None)
            .mount(Bind::new("/", &ground.root).readonly())
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new("/out", Input::Scratch));
        let exec = with_script(reporting(with_script(exec, SCRIPT)), BYTECODE);
        let name = self.shared_name(&format!("compile python {}", self.plan.interpreter.shown_version()));
        let exec = self.options.container.limit(ground.with_python(exec)).metadata(self.metadata(name, None));
        let bytecode = Input::from(exec.build().output("/out"));
        let name = self.shared_name("put python and its bytecode together");
        let tree = self.stack((&managed.files).into(), vec![bytecode.clone()], 0, &name);
        Ground { managed: Some(Managed { files: managed.files.clone(), bytecode, tree }), ..ground.clone() }
    }
}
