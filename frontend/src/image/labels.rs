//! Labels that nobody wrote: what the project's manifest tells (OCI image-spec: `annotations.md`), and what the client's checkout does.
//! They are a part of the image config alone: no layer knows of them.

use std::collections::BTreeMap;

use buildkit_llb::printable;

use crate::config::LabelSource;
use crate::image_config::opencontainers;
use crate::manifest::Manifest;
use crate::plan::{Contents, Plan};
use crate::project::Target;

/// The labels of a target under those that the config writes.
pub(super) fn told(target: &Target, plan: &Plan, manifest: Option<&Manifest>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    // What a check leaves is no image of the project.
    if plan.check.is_some() {
        return labels;
    }
    if target.labels_from.contains(&LabelSource::Git) {
        labels.extend(target.git_labels.clone());
    }
    if let (Some(manifest), true) = (manifest, target.labels_from.contains(&LabelSource::Project)) {
        let about = &manifest.about;
        let name = manifest.name.as_ref().map(|name| name.as_str());
        let told = [
            ("title", name),
            ("version", name.and_then(|name| version(plan, name))),
            ("description", about.description.as_deref()),
            ("licenses", about.license.as_deref()),
            ("source", about.source()),
            ("url", about.homepage()),
        ];
        let told =
            told.into_iter().filter_map(|(key, value)| Some((opencontainers(key), printable(value?).into_owned())));
        labels.extend(told.filter(|(_, value)| !value.is_empty()));
    }
    labels
}

/// The version that a project is built as, if that is known before.
fn version<'plan>(plan: &'plan Plan, name: &str) -> Option<&'plan str> {
    let mut members = plan.layers.iter().flat_map(|layer| match &layer.contents {
        Contents::Members(members) => &members[..],
        _ => &[],
    });
    members.find(|member| member.name == name)?.version.as_deref()
}
