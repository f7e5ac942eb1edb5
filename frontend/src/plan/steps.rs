//! Commands that make directories of an image while it is put together.

use std::collections::BTreeMap;

use super::access::Access;
use super::files::Copied;
use super::outside::{Image, Outside};
use crate::config::StepConfig;
use crate::config::step::{OutputConfig, Place, SecretConfig};
use crate::diagnostic::{Located, Span};
use crate::image_config::ImageConfig;
use crate::platform::Platform;
use crate::project::Target;

/// A step: it runs in what is below its layer, or in another image, and nothing is kept of it but its outputs.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique in the target.
    pub name: String,
    /// Words of each command, and its place in the config.
    pub commands: Vec<Located<Vec<String>>>,
    /// The image that it runs in, if that is not the one that is made.
    pub image: Option<StepImage>,
    /// What it reads beside that; it may write there as well.
    pub inputs: Vec<Copied>,
    /// Directories that are kept of it, empty when it starts.
    pub outputs: Vec<OutputConfig>,
    /// Variables over those of the image.
    pub env: BTreeMap<String, String>,
    /// The working directory, if not that of the image.
    pub workdir: Option<String>,
    /// It may fetch.
    pub network: bool,
    /// Secrets that it sees.
    pub secrets: Vec<SecretConfig>,
    /// Directories that outlive builds.
    pub caches: Vec<String>,
    /// User and group that it runs as, if not root.
    pub ids: Option<(u32, u32)>,
    /// The place of its name.
    pub span: Span,
}

/// An image that a step runs in.
#[derive(Clone, Debug)]
pub struct StepImage {
    /// The image.
    pub image: Image,
    /// Which of its variants runs.
    pub platform: Platform,
}

impl Step {
    /// Files and directories of the context that it reads.
    pub(super) fn context_paths(&self) -> impl Iterator<Item = String> {
        self.inputs.iter().filter_map(Copied::context_path).cloned()
    }

    pub(super) fn of(config: &StepConfig, outside: &Outside, access: &Access, of_user: (u32, u32)) -> Self {
        let image = match &config.place {
            Place::Image { image, on_builder } => Some(outside.image_of_step(&image.value, *on_builder)),
            Place::Before | Place::After => None,
        };
        let ids = config.as_user.then_some(of_user);
        let input = |file| {
            let copied = Copied::of(file, of_user, access);
            // They may have another owner in the step that left them.
            let ids = ids.or_else(|| copied.step().map(|_| (0, 0)));
            Copied { ids, ..copied }
        };
        Self {
            name: config.name.value.clone(),
            commands: config.run.clone(),
            image,
            inputs: config.inputs.iter().map(input).collect(),
            outputs: config.outputs.clone(),
            env: config.env.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
            workdir: config.workdir.clone(),
            network: config.network,
            secrets: config.secrets.clone(),
            caches: config.caches.clone(),
            ids,
            span: config.name.span.clone(),
        }
    }
}

impl Outside {
    /// The platform of the machine that steps run on.
    fn builder_platform(&self) -> &Platform {
        self.host.as_ref().map_or(&self.platform, |host| &host.platform)
    }

    /// The platform of an image that a step runs in.
    pub fn platform_of_step(&self, on_builder: bool) -> &Platform {
        if on_builder { self.builder_platform() } else { &self.platform }
    }

    /// With the images that steps run in, of which nobody was asked.
    #[must_use]
    pub fn with_images_of_steps(mut self, target: &Target, reference: impl Fn(&str) -> String) -> Self {
        for (named, on_builder) in target.images_of_steps() {
            let platform = self.platform_of_step(on_builder).clone();
            let image = Image { reference: reference(&named.value), config: ImageConfig::default(), interpreter: None };
            self.steps.insert((named.value.clone(), platform), image);
        }
        self
    }

    /// An image that a step runs in; as it is written where nobody resolved it.
    fn image_of_step(&self, named: &str, on_builder: bool) -> StepImage {
        let platform = self.platform_of_step(on_builder).clone();
        let known = self.steps.get(&(named.to_owned(), platform.clone()));
        let unknown = || Image { reference: named.to_owned(), config: ImageConfig::default(), interpreter: None };
        StepImage { image: known.cloned().unwrap_or_else(unknown), platform }
    }
}
