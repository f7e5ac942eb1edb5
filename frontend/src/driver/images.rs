//! Images and the pythons in them: asked of registries and of the images themselves, all at once.

use buildkit_proto::GatewayError;
use buildkit_proto::gateway::ImageRequest;

use super::Job;
use super::failure::Failure;
use crate::config::table::Located;
use crate::diagnostic::Diagnostic;
use crate::image;
use crate::interpreter::Interpreter;
use crate::lower::{self, probe};
use crate::plan::{Image, Outside, Platform};

/// Resolves the images of a target for one platform.
pub async fn resolve(job: &Job<'_>, platform: &Platform) -> Result<Outside, Failure> {
    let target = job.target;
    let same = target.builder.value == target.base.value;
    let builder = async { if same { Ok(None) } else { resolve_image(job, &target.builder, platform).await.map(Some) } };
    let (base, uv, builder) = futures::try_join!(
        resolve_image(job, &target.base, platform),
        resolve_image(job, &target.uv, platform),
        builder
    )?;
    let probe_builder = async {
        match builder {
            Some(builder) => probe_python(job, builder, &target.builder, &uv.reference, platform).await.map(Some),
            None => Ok(None),
        }
    };
    let (base, builder) =
        futures::try_join!(probe_python(job, base, &target.base, &uv.reference, platform), probe_builder)?;
    Ok(Outside { platform: platform.clone(), builder: builder.unwrap_or_else(|| base.clone()), base, uv })
}

/// Pins an image to a digest and reads its config.
async fn resolve_image(job: &Job<'_>, named: &Located<String>, platform: &Platform) -> Result<Image, Failure> {
    let bad_reference = |error: &dyn std::fmt::Display| {
        Diagnostic::new("image::bad_reference", format!("`{}` is not an image reference: {error}", named.value))
            .at(named.span.clone())
            .help("write `NAME:TAG`, `NAME@sha256:…` or `HOST/NAME:TAG`")
    };
    let reference = buildkit_llb::normalize_image_ref(&named.value).map_err(|error| bad_reference(&error))?;
    let request = ImageRequest {
        reference: reference.clone(),
        platform: Some(lower::platform(platform).to_pb()),
        resolve_mode: job.resolve_mode,
        log_name: format!("[internal] load metadata for {reference}"),
        ..ImageRequest::default()
    };
    let resolved = job.gateway.resolve_image_config(request).await.map_err(|error| Failure::at(error, &named.span))?;
    // A Docker engine tells no digest of an image that it has itself (moby: `builder-next/adapters/containerimage`).
    let reference = match resolved.reference.contains('@') || resolved.digest.is_empty() {
        true => resolved.reference,
        false => format!("{}@{}", resolved.reference, resolved.digest),
    };
    Ok(Image { reference, config: resolved.config, interpreter: None })
}

/// Runs the probe in an image; BuildKit does so once for each image.
async fn probe_python(
    job: &Job<'_>,
    image: Image,
    named: &Located<String>,
    uv: &str,
    platform: &Platform,
) -> Result<Image, Failure> {
    let wanted = job.target.python.as_ref().map_or("", |python| python.value.as_str());
    let env = image::env(&image.config);
    let output = probe::probe(&image.reference, uv, &lower::platform(platform), &env, wanted, &job.container);
    let definition = buildkit_llb::marshal(&output)?.into_pb();
    let facts = async {
        let reference = job.solve(definition).await?;
        let reference = reference.ok_or_else(|| GatewayError::new("the probe has no output"))?;
        job.gateway.read_file(&reference, probe::FACTS, None).await
    };
    let facts = match facts.await {
        Ok(facts) => facts,
        Err(error) if has_python(job, &image.reference, &env, platform).await => {
            return Err(Failure::at(error, &named.span));
        }
        Err(_) => {
            return Err(Diagnostic::new("python::missing", format!("`{}` has no python", named.value))
                .at(named.span.clone())
                .help("choose a base image with python, such as `python:3.13-slim-bookworm`")
                .into());
        }
    };
    let interpreter = Interpreter::from_json(&facts).map_err(|error| {
        Diagnostic::new("python::unusable", format!("`{}`: {error}", named.value)).at(named.span.clone())
    })?;
    Ok(Image { interpreter: Some(interpreter), ..image })
}

/// Whether the probe could have been started, asked when it failed: its exit code is the same when it was not. An image that
/// cannot be looked at is not to blame.
async fn has_python(job: &Job<'_>, image: &str, env: &[(String, String)], platform: &Platform) -> bool {
    let Ok(definition) = buildkit_llb::marshal(probe::root(image, &lower::platform(platform))) else { return true };
    let Ok(Some(root)) = job.solve(definition.into_pb()).await else { return true };
    for directory in image::path(env).split(':') {
        let program = format!("{directory}/{}", probe::PYTHON);
        if job.gateway.stat_file(&root, &program).await.is_ok() {
            return true;
        }
    }
    false
}
