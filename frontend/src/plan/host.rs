//! Where the steps of a plan run when the builder cannot run programs of the image's platform itself: in the same images, made
//! for the builder's own platform. What they make for the image is files, the same on every platform that has the same python.

use super::outside::Host;
use super::python::interpreter_of;
use super::system::SystemPackages;
use crate::config::step::Place;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::Interpreter;
use crate::platform::Platform;
use crate::project::Target;

/// Whether what steps make on the host is fit for the image.
pub(super) fn check(
    host: &Host,
    platform: &Platform,
    target: &Target,
    interpreter: &Interpreter,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostics> {
    let own = interpreter_of(&host.base, &target.base)?;
    let identity = |python: &Interpreter| {
        (
            python.short_version().ok(),
            python.implementation_name.clone(),
            python.gil_disabled,
            python.executable.clone(),
        )
    };
    let mut errors = Vec::new();
    if identity(own) != identity(interpreter) {
        errors.push(
            Diagnostic::new(
                "platform::other_python",
                format!(
                    "`{}` has {} for {platform}, but {} for {}, the platform on which the steps of this build run",
                    target.base.value,
                    interpreter.describe(),
                    own.describe(),
                    host.platform
                ),
            )
            .at(target.base.span.clone())
            .help(format!(
                "choose a base image with the same Python for both platforms, or {}",
                how_to_emulate(platform)
            )),
        );
    } else if host.other_python(interpreter).is_some() {
        warnings.push(
            Diagnostic::new(
                "platform::other_patch",
                format!(
                    "`{}` has Python {} for {platform}, but {} for {}: bytecode is compiled with the latter",
                    target.base.value,
                    interpreter.shown_version(),
                    own.shown_version(),
                    host.platform
                ),
            )
            .at(target.base.span.clone())
            .help("use a tag with the same Python version for all platforms"),
        );
    }
    if !host.emulates {
        let packages = SystemPackages::of_base(target, interpreter)
            .map(|SystemPackages { names, span, .. }| (format!("install `{}`", names.join(" ")), span, None));
        let command = target.check.run.first();
        let command = command.map(|run| (format!("run `{}`", run.value.join(" ")), run.span.clone(), None));
        let steps = target.steps.iter().filter(|step| !matches!(step.place, Place::Image { on_builder: true, .. }));
        let steps = steps.map(|step| {
            let has_image = matches!(step.place, Place::Image { .. });
            let advice =
                has_image.then_some("if its outputs are the same for every platform, write `platform = \"builder\"`");
            (format!("run the step `{}`", step.name.value), step.name.span.clone(), advice)
        });
        for (what, span, advice) in packages.into_iter().chain(steps).chain(command) {
            let problem = format!("this builder runs {} only: it cannot {what} for {platform}", host.platform);
            let error = Diagnostic::new("platform::needs_emulation", problem).at(span);
            let error = advice.into_iter().fold(error, Diagnostic::help);
            errors.push(error.help(how_to_emulate(platform)));
        }
    }
    Diagnostics::check(errors)
}

/// The path of a python that uv installs tells its platform, and an environment holds that path: one made on `host` would be wrong.
pub fn other_managed_python(target: &Target, platform: &Platform, host: &Platform) -> Diagnostic {
    Diagnostic::new(
        "platform::managed_python",
        format!("uv cannot install Python for {platform}: this builder runs {host} only"),
    )
    .at_some(target.managed.as_ref().map(|managed| managed.provider.clone()))
    .help(format!("choose a base image with Python and write `provider = \"image\"`, or {}", how_to_emulate(platform)))
}

/// What else than a change of the project helps where programs of a platform must run.
pub fn how_to_emulate(platform: &Platform) -> String {
    format!(
        "use a builder for that platform, or enable emulation on this one: `docker run --privileged --rm \
         tonistiigi/binfmt --install {}`",
        platform.architecture
    )
}
