//! Ids of cache mounts. All builds on a builder share those that they call by the same id: an id holds what the cache belongs to, and
//! what makes its content fit, and not only a name.

use sha2::{Digest, Sha256};

use super::Lowering;
use super::site::Ground;
use crate::plan::{Member, Step};
use crate::platform::Platform;

impl Lowering<'_> {
    /// Of a project that may compile: `NAMESPACE/uv-buildkit-member-NAME-1a2b…`.
    pub(super) fn member_cache(&self, member: &Member, builder: &Ground) -> String {
        let interpreter = &self.plan.interpreter;
        let abi = if interpreter.gil_disabled { "t" } else { "" };
        let python = format!("{}{abi}", interpreter.short_version().unwrap_or_default());
        // Without a repository, two projects may be called the same: their manifests differ.
        let manifest = if self.options.repository.is_empty() { member.span.file.text.as_str() } else { "" };
        self.cache_id(
            &format!("member-{}", member.name),
            &[
                &self.workspace(),
                &member.directory,
                manifest,
                &interpreter.implementation_name,
                &python,
                &interpreter.libc.to_string(),
                &builder.platform.to_string(),
                &interpreter.uv,
                &self.image_of(&self.plan.builder, &builder.platform),
            ],
        )
    }

    /// Of a step of the config: the same for all targets that have the step.
    pub(super) fn step_cache(&self, step: &Step, platform: &Platform, path: &str) -> String {
        let owner = step.ids.map(|(uid, gid)| format!("{uid}:{gid}")).unwrap_or_default();
        self.cache_id(
            &format!("step-{}", step.name),
            &[&self.workspace(), &step.name, path, &platform.to_string(), &owner],
        )
    }

    /// Of what apt or apk fetches in an image. Programs of that image write it, those of another image have another.
    pub(super) fn system_cache(&self, cache: &str, image: &str, platform: &Platform) -> String {
        self.cache_id(cache, &[cache, &self.image_of(image, platform), &platform.to_string()])
    }

    /// What tells the workspace from others, as far as anybody says so.
    fn workspace(&self) -> String {
        format!("{}\n{}", self.plan.workspace, self.options.repository)
    }

    /// An image, whatever its digest is today; one that a client has put in its place is another.
    fn image_of(&self, reference: &str, platform: &Platform) -> String {
        image_name(reference, self.options.images.contains_key(&(reference.to_owned(), platform.clone())))
    }

    fn cache_id(&self, name: &str, parts: &[&str]) -> String {
        let namespace = self.options.cache_namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
        format!("{namespace}uv-buildkit-{name}-{}", digest(parts))
    }
}

fn image_name(reference: &str, is_replaced: bool) -> String {
    let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
    let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    format!("{name} {} {is_replaced}", if has_tag { "" } else { digest })
}

/// 128 bits of what no other parts have: each is told from the next by its length.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_in_the_place_of_another_is_not_the_same() {
        let name = "registry.example:5000/python";
        let [today, tomorrow] = ["00", "11"].map(|hex| format!("{name}:3.13@sha256:{hex}"));
        assert_eq!(image_name(&today, false), image_name(&tomorrow, false));
        assert_ne!(image_name(&today, false), image_name(&today, true));
        let [today, tomorrow] = ["00", "11"].map(|hex| format!("{name}@sha256:{hex}"));
        assert_ne!(image_name(&today, false), image_name(&tomorrow, false));
    }

    #[test]
    fn what_is_written_alike_is_not_the_same() {
        let paths = ["/b/c", "/b-c", "/b_c", "/b//c", "/B/c"];
        let ids: std::collections::BTreeSet<String> = paths.iter().map(|path| digest(&["web", path])).collect();
        assert_eq!(ids.len(), paths.len());
        assert_ne!(digest(&["a", "bc"]), digest(&["ab", "c"]));
        assert_ne!(digest(&["a", ""]), digest(&["a"]));
    }
}
