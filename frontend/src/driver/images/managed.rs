//! The python that uv installs, for images that have none: fetched before anything is planned, since the plan is for it.

use buildkit_llb::Output;
use buildkit_proto::gateway::SolveRequest;

use super::super::failure::Failure;
use super::found::Found;
use crate::diagnostic::{Diagnostic, Located};
use crate::driver::job::Job;
use crate::driver::solve::solve;
use crate::interpreter::LibcName;
use crate::lower;
use crate::plan::host;
use crate::plan::python;
use crate::platform::Platform;
use crate::project::ManagedPython;

/// Where Linux finds the loader of programs, which tells the C library.
const LOADER_DIRECTORIES: [&str; 2] = ["/lib", "/lib64"];

/// Refuses what need not be tried.
pub fn check(job: &Job<'_>, platform: &Platform) -> Result<(), Failure> {
    let Some(python) = job.target.managed.clone() else { return Ok(()) };
    python::check_request(&job.read.project, &python)?;
    match job.options.host_for(platform) {
        Some(host) if !job.options.runs(platform) => Err(host::other_managed_python(job.target, platform, host).into()),
        _ => Ok(()),
    }
}

/// Lets uv install the python of a target for `images`, with the places that name them; none where they have one.
pub async fn install(
    job: &Job<'_>,
    images: impl Iterator<Item = (&Found, &Located<String>)>,
    uv: &Output,
    platform: &Platform,
) -> Result<Option<(ManagedPython, LibcName, Output)>, Failure> {
    let Some(python) = job.target.managed.clone() else { return Ok(None) };
    let mut libcs = Vec::new();
    for (found, named) in images {
        libcs.push((libc(job, found, named).await?, named));
    }
    let (libc, base) = libcs[0];
    if let Some((_, builder)) = libcs.iter().find(|(other, _)| *other != libc) {
        let problem = format!("`{}` and `{}` have different C libraries", builder.value, base.value);
        return Err(Diagnostic::new("python::builder_differs", problem)
            .at(builder.span.clone())
            .at(base.span.clone())
            .help("choose a `builder` with the same C library as `base`")
            .into());
    }
    let access = job.read.project.config.as_ref().map(|config| &config.access);
    let ca = access.and_then(|access| access.ca.as_ref());
    let files = lower::python::files(&python, libc, platform, uv, ca, &job.target.name, &job.lowering());
    let definition = buildkit_llb::marshal(&files)?.into_pb();
    // What goes wrong is told now, at the line that asks for it.
    let (cache_imports, limits) = (job.cache_imports.clone(), job.limits.clone());
    let request = SolveRequest { definition, cache_imports, limits, evaluate: true, ..SolveRequest::default() };
    let span = &python.version.span;
    solve(job.gateway, request).await.map_err(|error| Failure::at(error, span))?;
    Ok(Some((python, libc, files)))
}

/// The C library of an image.
async fn libc(job: &Job<'_>, found: &Found, named: &Located<String>) -> Result<LibcName, Failure> {
    let definition = buildkit_llb::marshal(&found.root)?.into_pb();
    let root = job.solve(definition).await.map_err(|error| Failure::at(error, &named.span))?;
    let mut loaders = Vec::new();
    if let Some(root) = &root {
        // A solve is lazy: this is where an image is fetched, if it can be.
        job.gateway.read_dir(root, "/", "").await.map_err(|error| Failure::at(error, &named.span))?;
        for directory in LOADER_DIRECTORIES {
            let entries = job.gateway.read_dir(root, directory, "ld*").await.unwrap_or_default();
            loaders.extend(entries.into_iter().map(|entry| entry.path));
        }
    }
    let has = |start: &str| loaders.iter().any(|loader| loader.starts_with(start));
    match (has("ld-linux") || has("ld64.so"), has("ld-musl-")) {
        (true, _) => Ok(LibcName::Glibc),
        (false, true) => Ok(LibcName::Musl),
        (false, false) => Err(Diagnostic::new(
            "python::no_c_library",
            format!("`{}` has no C library, which Python needs", named.value),
        )
        .at(named.span.clone())
        .help("choose a base image with a C library, such as `debian:bookworm-slim` or `gcr.io/distroless/cc-debian12`")
        .into()),
    }
}
