//! Programs that packages bring under names of their own: looked for in the layers that were just made, and not in the whole of the image,
//! which nobody has put together yet.

use futures::future::try_join_all;

use super::failure::Failure;
use super::job::Job;
use crate::compile::Doubt;
use crate::diagnostic::Diagnostic;
use crate::rootfs::VENV;

/// What is to be said if no package has the program.
pub async fn missing(job: &Job<'_>, doubt: Doubt) -> Result<Option<Diagnostic>, Failure> {
    let Doubt { program, error, layers } = doubt;
    let names = try_join_all(layers.into_iter().map(async |layer| {
        let definition = buildkit_llb::marshal(layer)?.into_pb();
        let Some(reference) = job.solve(definition).await? else { return Ok(Vec::new()) };
        // Many packages have no scripts, and many layers no such directory.
        let environment = job.gateway.read_dir(&reference, VENV, "").await?;
        let has_programs = environment.iter().any(|entry| entry.path == "bin");
        let entries = match has_programs {
            true => job.gateway.read_dir(&reference, &format!("{VENV}/bin"), "").await?,
            false => Vec::new(),
        };
        Ok::<_, Failure>(entries.into_iter().map(|entry| entry.path).collect())
    }));
    let names: Vec<String> = names.await?.concat();
    let found = names.contains(&program);
    Ok((!found).then(|| error.did_you_mean(&program, names.iter().map(String::as_str))))
}
