//! Images that the builder cannot run: their pythons are known from their files, and the builder's own variants of the same images
//! stand for them while steps run.

use std::collections::BTreeMap;

use buildkit_proto::GatewayError;
use buildkit_proto::gateway::{FileRange, Ref};

use super::super::failure::Failure;
use super::found::{Found, Images};
use super::{native, resolve_image};
use crate::diagnostic::{Diagnostic, Located};
use crate::driver::job::Job;
use crate::interpreter::Interpreter;
use crate::interpreter::files::{self, FilesError, Program};
use crate::plan::host::how_to_emulate;
use crate::plan::{Host, Image, Outside};
use crate::platform::Platform;

/// Resolves the images of a target for `platform`, and those that stand for them on `host`.
pub async fn resolve(job: &Job<'_>, platform: &Platform, host: &Platform) -> Result<Images, Failure> {
    let target = job.target;
    let emulates = job.options.runs(platform);
    let for_host = async { native(job, host).await.map_err(|failure| explain(failure, platform, host)) };
    // Emulated steps run in these.
    let has_builder = target.builder.value != target.base.value;
    let emulated = async |named: &Located<String>, is_used: bool| {
        if emulates && is_used { resolve_image(job, named, platform, true).await.map(Some) } else { Ok(None) }
    };
    let (base, for_host, builder, uv) = futures::try_join!(
        resolve_image(job, &target.base, platform, false),
        for_host,
        emulated(&target.builder, has_builder),
        emulated(&target.uv, true)
    )?;
    let Images { outside, mut replaced, warnings } = for_host;
    let found = [Some(&base), builder.as_ref(), uv.as_ref()].into_iter().flatten().filter(|found| found.is_replaced);
    replaced.extend(found.map(|found| ((found.image.reference.clone(), platform.clone()), found.root.clone())));

    let own = outside.base.interpreter.as_ref().ok_or_else(|| GatewayError::new("the probe gave no python"))?;
    let interpreter = read_python(job, &base, &outside.base, own, &target.base, platform).await?;
    let base = Image { interpreter: Some(interpreter), ..base.image };
    let builder =
        builder.map_or_else(|| if has_builder { outside.builder.clone() } else { base.clone() }, |found| found.image);
    let uv = uv.map_or_else(|| outside.uv.clone(), |found| found.image);
    let host = Some(Host::of(outside, emulates));
    let outside = Outside {
        platform: platform.clone(),
        base,
        builder,
        uv,
        steps: BTreeMap::new(),
        host,
        surroundings: Default::default(),
        modules: Default::default(),
    };
    Ok(Images { outside, replaced, warnings })
}

/// Says what images of the builder's platform are for, when they cannot be had.
fn explain(failure: Failure, platform: &Platform, host: &Platform) -> Failure {
    let Failure::Gateway(error) = failure else { return failure };
    let message = format!(
        "steps for {platform} run in images for {host}, which are not available: {error}\nhelp: use images that exist \
         for both platforms, or {}",
        how_to_emulate(platform)
    );
    Failure::Gateway(error.details().into_iter().fold(GatewayError::new(message), GatewayError::with_detail))
}

/// The python of a base, which is `own` in the base `for_host` of the builder's platform.
async fn read_python(
    job: &Job<'_>,
    base: &Found,
    for_host: &Image,
    own: &Interpreter,
    named: &Located<String>,
    platform: &Platform,
) -> Result<Interpreter, Failure> {
    let definition = buildkit_llb::marshal(&base.root)?.into_pb();
    let reference = job.solve(definition).await.map_err(|error| Failure::at(error, &named.span))?;
    let reference = reference.ok_or_else(|| GatewayError::new("an image without files"))?;
    let files = Files { job, root: reference };
    let unreadable = |error: FilesError| {
        Failure::from(
            Diagnostic::new(
                "platform::unknown_python",
                format!("the Python of `{}` for {platform} cannot be determined from its files: {error}", named.value),
            )
            .at(named.span.clone())
            .help(format!("choose another base, or {}", how_to_emulate(platform))),
        )
    };
    if own.implementation_name != "cpython" {
        return Err(unreadable(FilesError::Implementation(own.implementation_name.clone())));
    }
    let path = &own.executable;
    let head = job.gateway.read_file(&files.root, path, Some(FileRange { offset: 0, length: files::HEAD }));
    let (head, passwd, group) = futures::join!(head, files.text("/etc/passwd"), files.text("/etc/group"));
    let head = head.map_err(|error| Failure::at(error, &named.span))?;
    let program = Program::parse(path, &head, &platform.architecture).map_err(unreadable)?;
    let libc = async {
        for file in program.libc_files() {
            if let Some(libc) = files.bytes(&file).await.and_then(|bytes| program.libc(&bytes)) {
                return Ok(libc);
            }
        }
        Err(unreadable(FilesError::NoLibc(path.clone())))
    };
    let version = async {
        let short = own.short_version().unwrap_or_default();
        if let Some(version) = told_version(&base.image, for_host, own) {
            return Ok(version);
        }
        let prefix = path.rsplitn(3, '/').nth(2).unwrap_or_default();
        let threads = if own.gil_disabled { "t" } else { "" };
        for file in [path.clone(), format!("{prefix}/lib/libpython{short}{threads}.so.1.0")] {
            if let Some(version) = files.bytes(&file).await.and_then(|bytes| files::python_version(&bytes, &short)) {
                return Ok(version);
            }
        }
        Err(unreadable(FilesError::NoVersion(path.clone())))
    };
    let (libc, version) = futures::try_join!(libc, version)?;
    Ok(program.interpreter(own, version, libc, [passwd?, group?]))
}

/// `PYTHON_VERSION` of an image's environment, if it is to be believed: the same variable tells the truth in the same image of the
/// builder's platform.
fn told_version(image: &Image, for_host: &Image, own: &Interpreter) -> Option<String> {
    let told = |image: &Image| {
        let env = &image.config.env;
        env.iter().find(|(name, _)| name == "PYTHON_VERSION").map(|(_, version)| version.clone())
    };
    if told(for_host)? != own.python_full_version {
        return None;
    }
    told(image).filter(|version| version.parse::<uv_pep440::Version>().is_ok())
}

/// The files of an image.
struct Files<'a> {
    job: &'a Job<'a>,
    root: Ref,
}

impl Files<'_> {
    /// A file that may be missing.
    async fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        self.job.gateway.read_file(&self.root, path, None).await.ok()
    }

    /// The text of a file, empty when there is none.
    async fn text(&self, path: &str) -> Result<String, GatewayError> {
        let read = self.job.gateway.read_file(&self.root, path, None).await;
        match read {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if self.job.gateway.stat_file(&self.root, path).await.is_ok() => Err(error),
            Err(_) => Ok(String::new()),
        }
    }
}
