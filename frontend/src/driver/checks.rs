//! Where the checks run that a target requires: where the image does, or on the builder's own platform, if it cannot run others. What
//! they are about is the code, which is the same everywhere.

use crate::diagnostic::Diagnostic;
use crate::options::Options;
use crate::plan::host::how_to_emulate;
use crate::platform::Platform;
use crate::project::Target;

/// The platforms on which checks run for images of these.
pub fn platforms(options: &Options, images: &[Platform]) -> Vec<Platform> {
    let mut platforms: Vec<Platform> = Vec::new();
    for image in images {
        let own = options.build_platforms.first().filter(|_| !options.runs(image));
        let platform = own.unwrap_or(image);
        if !platforms.contains(platform) {
            platforms.push(platform.clone());
        }
    }
    platforms
}

/// Says that checks do not run on a platform that an image is for.
pub fn elsewhere(target: &Target, options: &Options, images: &[Platform]) -> Option<Diagnostic> {
    let required = target.check.requires.first()?;
    let own = options.build_platforms.first()?;
    let image = images.iter().find(|image| !options.runs(image))?;
    let problem = format!("the required checks run on {own}: this builder cannot run {image}");
    let warning = Diagnostic::new("platform::check_elsewhere", problem).at(required.span.clone());
    Some(warning.help(format!("to run them on {image}, too, {}", how_to_emulate(image))))
}
