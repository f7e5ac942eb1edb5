//! What an image has on disk, and whether that is too much.

use buildkit_llb::Output;
use buildkit_proto::GatewayError;

use super::failure::Failure;
use super::job::Job;
use crate::calls::files::{Excess, excess};
use crate::diagnostic::{Diagnostic, Located};
use crate::lower::files::LIST;
use crate::plan::report::megabytes;

/// Refuses an image that has more bytes on disk than it may.
pub async fn check(job: &Job<'_>, step: Output, limit: &Located<u64>) -> Result<(), Failure> {
    let list = list(job, step).await?;
    let Some(Excess { bytes, others, largest }) = excess(&list, limit.value).map_err(unreadable)? else {
        return Ok(());
    };
    let largest: Vec<String> =
        largest.iter().map(|(name, bytes)| format!("`{name}` has {}", megabytes(*bytes))).collect();
    let problem = format!(
        "the image of `{}` has {} on disk, more than the {} of `max-image-size`",
        job.target.name,
        megabytes(bytes),
        megabytes(limit.value)
    );
    let mut error = Diagnostic::new("image::too_large", problem).at(limit.span.clone());
    if !largest.is_empty() {
        error = error.help(format!("its largest packages: {}", largest.join(", ")));
    }
    let base = megabytes(others);
    Err(error
        .help(format!("the base image and everything else that is not a Python package has {base}; for more, see `--call=uv.files`"))
        .into())
}

/// What the step wrote that lists what is in an image.
pub async fn list(job: &Job<'_>, step: Output) -> Result<Vec<u8>, Failure> {
    let reference = job.solve(buildkit_llb::marshal(step)?.into_pb()).await?;
    let reference = reference.ok_or_else(|| GatewayError::new("the list of files is empty"))?;
    Ok(job.gateway.read_file(&reference, LIST, None).await?)
}

/// Our mistake.
pub fn unreadable(error: serde_json::Error) -> GatewayError {
    GatewayError::new(format!("the list of files: {error}"))
}
