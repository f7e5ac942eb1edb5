//! Images and the pythons in them: asked of registries and of the images themselves, all at once.

mod foreign;
mod found;
mod managed;

use std::collections::BTreeMap;

use buildkit_llb::Output;
use buildkit_proto::GatewayError;
use buildkit_proto::gateway::ImageRequest;
use futures::future::try_join_all;

use super::contexts::{Replacement, pinned};
use super::failure::Failure;
use super::job::Job;
use crate::diagnostic::{Diagnostic, Located};
use crate::image_config::{ImageConfig, path};
use crate::interpreter::{Interpreter, LibcName};
use crate::lower;
use crate::lower::probe::{self, Subject};
use crate::plan::host::how_to_emulate;
use crate::plan::{self, Image, Outside};
use crate::platform::Platform;
use crate::project::ManagedPython;
use found::Found;
pub use found::Images;

/// Resolves the images of a target for one platform, and those that stand for them where the builder's is another one. Beside that, it
/// is looked at what lies around local projects: nothing waits for it.
pub async fn resolve(job: &Job<'_>, platform: &Platform) -> Result<Images, Failure> {
    let (mut images, (surroundings, modules)) = futures::try_join!(resolve_all(job, platform), job.around())?;
    images.outside.surroundings = surroundings;
    images.outside.modules = modules;
    Ok(images)
}

async fn resolve_all(job: &Job<'_>, platform: &Platform) -> Result<Images, Failure> {
    managed::check(job, platform)?;
    // The path of a python that uv installs tells its platform.
    let host = job.options.host_for(platform).filter(|_| job.target.managed.is_none());
    let images = match host {
        None => native(job, platform).await,
        Some(host) => match foreign::resolve(job, platform, host).await {
            // Whatever stands in the way, slower is better than not at all.
            Err(failure) if job.options.runs(platform) => native(job, platform).await.map(|mut images| {
                images.warnings.push(all_emulated(&failure, &job.target.base, platform, host));
                images
            }),
            images => images,
        },
    };
    let mut images = images?;
    resolve_steps(job, &mut images).await?;
    Ok(images)
}

/// What is said when every step runs slowly, and why.
fn all_emulated(failure: &Failure, base: &Located<String>, platform: &Platform, host: &Platform) -> Diagnostic {
    let reason = failure.to_string();
    let reason = reason.lines().next().unwrap_or_default();
    let problem = format!("all steps for {platform} are emulated, which is slow, and none runs on {host}: {reason}");
    Diagnostic::new("platform::all_emulated", problem)
        .at(base.span.clone())
        .help(format!("use images that exist for both platforms and have the same Python, or build on {platform}"))
}

/// Resolves the images that steps of the config run in.
async fn resolve_steps(job: &Job<'_>, images: &mut Images) -> Result<(), Failure> {
    let outside = &images.outside;
    let wanted: BTreeMap<(&str, &Platform), &Located<String>> = job
        .target
        .images_of_steps()
        .map(|(named, on_builder)| ((named.value.as_str(), outside.platform_of_step(on_builder)), named))
        .collect();
    let found = try_join_all(wanted.into_iter().map(async |((_, platform), named)| {
        let found = resolve_image(job, named, platform, false).await?;
        Ok::<_, Failure>((named.value.clone(), platform.clone(), found))
    }))
    .await?;
    for (named, platform, found) in found {
        if found.is_replaced {
            images.replaced.insert((found.image.reference.clone(), platform.clone()), found.root);
        }
        images.outside.steps.insert((named, platform), found.image);
    }
    Ok(())
}

/// Resolves images that the builder can run.
async fn native(job: &Job<'_>, platform: &Platform) -> Result<Images, Failure> {
    let target = job.target;
    let same = target.builder.value == target.base.value;
    let builder =
        async { if same { Ok(None) } else { resolve_image(job, &target.builder, platform, true).await.map(Some) } };
    let (base, uv, builder) = futures::try_join!(
        resolve_image(job, &target.base, platform, false),
        resolve_image(job, &target.uv, platform, true),
        builder
    )?;
    require_runnable(job, &base, &target.base)?;
    if let Some(builder) = &builder {
        require_runnable(job, builder, &target.builder)?;
    }
    let all = [Some(&base), Some(&uv), builder.as_ref()].into_iter().flatten().filter(|found| found.is_replaced);
    let replaced = all.map(|found| ((found.image.reference.clone(), platform.clone()), found.root.clone())).collect();
    let all = [Some((&base, &target.base)), builder.as_ref().map(|builder| (builder, &target.builder))];
    let managed = managed::install(job, all.into_iter().flatten(), &uv.root, platform).await?;
    let probe =
        async |found: &Found, named| probe_python(job, found, named, &uv.root, platform, managed.as_ref()).await;
    let probe_builder = async {
        match &builder {
            Some(builder) => probe(builder, &target.builder).await.map(Some),
            None => Ok(None),
        }
    };
    let (base, builder) = futures::try_join!(probe(&base, &target.base), probe_builder)?;
    let builder = builder.unwrap_or_else(|| base.clone());
    let steps = BTreeMap::new();
    let outside = Outside {
        platform: platform.clone(),
        builder,
        base,
        uv: uv.image,
        steps,
        host: None,
        surroundings: Default::default(),
        modules: Default::default(),
    };
    Ok(Images { outside, replaced, warnings: Vec::new() })
}

/// Pins an image to a digest and reads its config.
async fn resolve_image(
    job: &Job<'_>,
    named: &Located<String>,
    platform: &Platform,
    internal: bool,
) -> Result<Found, Failure> {
    let bad_reference = |error: &dyn std::fmt::Display| {
        Diagnostic::new("image::bad_reference", format!("`{}` is not an image reference: {error}", named.value))
            .at(named.span.clone())
            .help("write `NAME:TAG`, `NAME@sha256:…` or `HOST/NAME:TAG`")
    };
    let reference = buildkit_llb::normalize_image_ref(&named.value).map_err(|error| bad_reference(&error))?;
    if let Some(replacement) = job.contexts.replace_image(&named.value, platform, job.resolve_mode).await? {
        let Replacement { reference, config, root } = replacement;
        let config = parsed(config, named)?;
        return Ok(Found { image: Image { reference, config, interpreter: None }, root, is_replaced: true });
    }
    let llb_platform = lower::platform(platform);
    let request = ImageRequest {
        reference: reference.clone(),
        platform: Some(llb_platform.to_pb()),
        resolve_mode: job.resolve_mode,
        log_name: format!("[internal] load metadata for {reference}"),
        ..ImageRequest::default()
    };
    let resolved = job.gateway.resolve_image_config(request).await.map_err(|error| Failure::at(error, &named.span))?;
    let reference = pinned(&resolved);
    let root = lower::image(&reference, &llb_platform, internal);
    let config = parsed(resolved.config, named)?;
    Ok(Found { image: Image { reference, config, interpreter: None }, root, is_replaced: false })
}

/// The config of an image.
fn parsed(config: Vec<u8>, named: &Located<String>) -> Result<ImageConfig, Diagnostic> {
    ImageConfig::parse(config).map_err(|error| {
        Diagnostic::new("image::bad_config", format!("the config of the image `{}` is not valid: {error}", named.value))
            .at(named.span.clone())
            .help("use another tag of the image, or build and push the image again")
    })
}

/// Refuses an image whose programs the builder cannot start: a reference with a digest may name an image of one platform.
fn require_runnable(job: &Job<'_>, found: &Found, named: &Located<String>) -> Result<(), Diagnostic> {
    let ImageConfig { os, architecture, .. } = found.image.config.clone();
    let platform = Platform { os, architecture, variant: String::new() };
    let Some(own) = job.options.build_platforms.first().filter(|_| !platform.architecture.is_empty()) else {
        return Ok(());
    };
    if job.options.runs(&platform) {
        return Ok(());
    }
    Err(Diagnostic::new(
        "platform::cannot_run",
        format!("`{}` is an image for {platform}, but steps of this build run on {own}", named.value),
    )
    .at(named.span.clone())
    .help(format!("use an image that also exists for {own}, or {}", how_to_emulate(&platform))))
}

/// Runs the probe in an image; BuildKit does so once for each image.
async fn probe_python(
    job: &Job<'_>,
    found: &Found,
    named: &Located<String>,
    uv: &Output,
    platform: &Platform,
    managed: Option<&(ManagedPython, LibcName, Output)>,
) -> Result<Image, Failure> {
    // uv finds the one that it installed itself.
    let wanted = job.target.python.as_ref().filter(|_| managed.is_none());
    let programs = wanted.map(|python| python.value.programs().join(" ")).unwrap_or_default();
    let Found { image, root, .. } = found;
    let env = &image.config.env;
    let platform = lower::platform(platform);
    let subject = Subject { image: &image.reference, root, env, uv, platform: &platform, managed };
    let output = probe::probe(&subject, &programs, &job.container);
    let definition = buildkit_llb::marshal(&output)?.into_pb();
    let facts = async {
        let reference = job.solve(definition).await?;
        let reference = reference.ok_or_else(|| GatewayError::new("the probe has no output"))?;
        job.gateway.read_file(&reference, probe::FACTS, None).await
    };
    let facts = match facts.await {
        Ok(facts) => facts,
        Err(error) if managed.is_some() || has_python(job, root, env).await => {
            return Err(Failure::at(error, &named.span));
        }
        Err(_) => return Err(plan::python::missing(named).into()),
    };
    let interpreter = Interpreter::from_json(&facts).map_err(|error| {
        Diagnostic::new("python::unusable", format!("`{}`: {error}", named.value)).at(named.span.clone())
    })?;
    Ok(Image { interpreter: Some(interpreter), ..image.clone() })
}

/// Whether the probe could have been started, asked when it failed: its exit code is the same when it was not. An image that
/// cannot be looked at is not to blame.
async fn has_python(job: &Job<'_>, root: &Output, env: &[(String, String)]) -> bool {
    let Ok(definition) = buildkit_llb::marshal(root) else { return true };
    let Ok(Some(root)) = job.solve(definition.into_pb()).await else { return true };
    // A solve is lazy: this is where an image is fetched, if it can be.
    if job.gateway.read_dir(&root, "/", "").await.is_err() {
        return true;
    }
    for directory in path(env).split(':') {
        let program = format!("{directory}/{}", probe::PYTHON);
        if job.gateway.stat_file(&root, &program).await.is_ok() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, SourceFile, Span};

    #[test]
    fn a_config_that_does_not_parse_is_an_error_at_the_name_of_the_image() {
        let file = SourceFile::new("uv.build.toml", "[targets.api]\nbase = \"index.example/base:1\"\n");
        let named = Located { value: "index.example/base:1".to_owned(), span: Span::new(&file, 21..43) };
        assert!(parsed(b"{}".to_vec(), &named).is_ok());
        let error = parsed(br#"{"config": {"Env": "PATH=/opt/bin"}}"#.to_vec(), &named).unwrap_err();
        insta::assert_snapshot!(Diagnostics::from(error).render(), @r#"
        error[image::bad_config]: the config of the image `index.example/base:1` is not valid: invalid type: string "PATH=/opt/bin", expected a sequence at line 1 column 34
         --> uv.build.toml:2:8
        2 | base = "index.example/base:1"
          |        ^^^^^^^^^^^^^^^^^^^^^^
        help: use another tag of the image, or build and push the image again
        "#);
    }
}
