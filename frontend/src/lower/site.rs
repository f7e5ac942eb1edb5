//! Where steps run: in the images of the target or, where the builder cannot run those itself, in the same images for the
//! builder's own platform. What is made there for the image is no program: files of wheels, and bytecode.

use buildkit_llb::{Bind, Exec, Input, Output};

use super::python::Managed;
use super::{Lowering, Options, image, platform, python};
use crate::plan::{Host, Member, Plan, Toolchain};
use crate::rootfs::PYTHONS;

/// An image with a python, as steps find it.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) platform: crate::platform::Platform,
    /// The image and bytecode of its python's standard library. Never a part of the result.
    pub(super) root: Output,
    /// The environment without packages; nothing before there is one.
    pub(super) venv: Input,
    /// Path of the python.
    pub(super) python: String,
    /// Environment of the image.
    pub(super) env: Vec<(String, String)>,
    /// The image that holds uv.
    pub(super) uv: Output,
    /// The python that uv installed, where the image has none of its own: mounted where the result has it.
    pub(super) managed: Option<Managed>,
}

impl Ground {
    /// Gives a step the python.
    pub(super) fn with_python(&self, exec: Exec) -> Exec {
        match &self.managed {
            Some(managed) => exec.mount(Bind::new(PYTHONS, managed.tree.clone()).selector(PYTHONS).readonly()),
            None => exec,
        }
    }
}

/// The images of one platform.
pub(super) struct Images {
    pub(super) base: Ground,
    /// Absent where the base is the builder.
    builder: Option<Ground>,
}

/// Images of one platform, made ready for steps.
pub(super) struct Site {
    /// Where wheels are installed, from the base.
    pub(super) runtime: Ground,
    /// Where projects are built; the same unless the target has a builder.
    pub(super) builder: Ground,
    /// Sets of build requirements, as the plan has them.
    pub(super) backends: Vec<Output>,
}

impl Images {
    /// Those of the image's platform.
    pub(super) fn of_target(plan: &Plan, options: &Options) -> Self {
        let references = [&plan.base, &plan.builder, &plan.uv].map(String::as_str);
        let pythons = [&plan.interpreter.executable, &plan.builder_python].map(String::as_str);
        let envs = [options.base_env.clone(), options.builder_env.clone()];
        let mut images = Self::new(&plan.platform, references, pythons, envs, options);
        if let Some(managed) = &plan.managed {
            let (libc, ca) = (plan.interpreter.libc.name, plan.access.ca());
            let files = python::files(managed, libc, &plan.platform, &images.base.uv, ca, &plan.target, options);
            images.base.managed = Some(Managed::of(files));
        }
        images
    }

    /// Those that stand for them.
    pub(super) fn of_host(host: &Host, plan: &Plan, options: &Options) -> Self {
        let references = [&host.base, &host.builder, &host.uv].map(|image| image.reference.as_str());
        let pythons = [&plan.interpreter.executable, &plan.builder_python].map(String::as_str);
        let envs = [&host.base, &host.builder].map(|image| image.config.env.clone());
        Self::new(&host.platform, references, pythons, envs, options)
    }

    fn new(
        of: &crate::platform::Platform,
        [base, builder, uv]: [&str; 3],
        [python, builder_python]: [&str; 2],
        [env, builder_env]: [Vec<(String, String)>; 2],
        options: &Options,
    ) -> Self {
        let image = |reference: &str, internal: bool| {
            let replaced = options.images.get(&(reference.to_owned(), of.clone())).cloned();
            replaced.unwrap_or_else(|| image(reference, &platform(of), internal))
        };
        let ground = |reference: &str, internal, python: &str, env| Ground {
            platform: of.clone(),
            root: image(reference, internal),
            venv: Input::Scratch,
            python: python.to_owned(),
            env,
            uv: image(uv, true),
            managed: None,
        };
        Self {
            base: ground(base, false, python, env),
            builder: (builder != base).then(|| ground(builder, true, builder_python, builder_env)),
        }
    }
}

impl Site {
    /// What steps find before any ran.
    pub(super) fn bare(images: &Images) -> Self {
        let runtime = images.base.clone();
        Self { builder: images.builder.clone().unwrap_or_else(|| runtime.clone()), runtime, backends: Vec::new() }
    }
}

impl Lowering<'_> {
    /// Makes images ready for steps, but for what members are built with.
    pub(super) fn furnish(&self, images: &Images) -> Site {
        let base = self.compiled(&images.base);
        let runtime = self.ground(&base);
        let mut builder = match &images.builder {
            // The python is the same wherever it lies.
            Some(image) => self.ground(&Ground { managed: base.managed.clone(), ..image.clone() }),
            None => runtime.clone(),
        };
        if let Some(packages) = &self.plan.builder_system {
            let name = self.shared_name(&format!("install {} for builds", packages.names.join(" ")));
            builder.root = self.system(&builder.root, (&builder, &self.plan.builder), packages, name);
        }
        Site { runtime, builder: self.prepared(&builder), backends: Vec::new() }
    }

    /// Where that is done which can be done nowhere but on the image's own platform, if it can be done at all.
    pub(super) fn native(&self) -> &Site {
        self.emulated.as_ref().unwrap_or(&self.host)
    }

    /// Where a project is built: one that compiles nothing is the same wherever it is built.
    pub(super) fn site_of(&self, member: &Member) -> &Site {
        if member.toolchain == Toolchain::None { &self.host } else { self.native() }
    }

    /// Whether what is made there for the image must not be made of programs.
    pub(super) fn is_foreign(&self, ground: &Ground) -> bool {
        ground.platform != self.plan.platform
    }
}
