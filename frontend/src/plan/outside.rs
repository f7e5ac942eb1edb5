//! What the compiler must know of the outside: the images of a target, and what lies around its projects.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::image_config::ImageConfig;
use crate::interpreter::Interpreter;
use crate::platform::Platform;
use crate::service::Modules;
use crate::surroundings::Surroundings;

/// What the compiler must be told of the outside before it can plan a target.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The platform to build for.
    pub platform: Platform,
    /// The base.
    pub base: Image,
    /// The image in which members are built.
    pub builder: Image,
    /// The image that holds uv.
    pub uv: Image,
    /// Images that steps of the config run in, by how they are named and for what platform.
    pub steps: BTreeMap<(String, Platform), Image>,
    /// Where steps run, if not in those.
    pub host: Option<Host>,
    /// What lies around local projects.
    pub surroundings: Arc<Surroundings>,
    /// Modules of the project, where nobody said what it starts.
    pub modules: Arc<Modules>,
}

/// An image, resolved.
#[derive(Clone, Debug)]
pub struct Image {
    /// Full reference; with a digest when it was resolved by a registry.
    pub reference: String,
    /// Its config; the default if it was not resolved.
    pub config: ImageConfig,
    /// The python in it; absent for images that are not asked for one.
    pub interpreter: Option<Interpreter>,
}

/// The images that stand for those of a foreign target while steps run.
#[derive(Clone, Debug)]
pub struct Host {
    /// The builder's own platform.
    pub platform: Platform,
    /// The target's base, for that platform.
    pub base: Image,
    /// The target's builder, for that platform.
    pub builder: Image,
    /// The image that holds uv, for that platform.
    pub uv: Image,
    /// The builder can run programs of the image's platform as well, slowly: what must be built is built so.
    pub emulates: bool,
}

impl Host {
    /// What is known of the builder's own platform.
    pub fn of(outside: Outside, emulates: bool) -> Self {
        let Outside { platform, base, builder, uv, .. } = outside;
        Self { platform, base, builder, uv, emulates }
    }

    /// The python of its base when it is another version than that of the image, if only by its last number.
    pub fn other_python<'host>(&'host self, interpreter: &Interpreter) -> Option<&'host Interpreter> {
        let own = self.base.interpreter.as_ref();
        own.filter(|own| own.python_full_version != interpreter.python_full_version)
    }
}
