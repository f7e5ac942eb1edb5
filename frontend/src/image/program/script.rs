//! What an image starts by scripts of its projects, and whether only their wheels have the modules for it.

use std::collections::BTreeMap;

use super::Image;
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::paths::{joined, lies_in};
use crate::plan::product::Product;
use crate::plan::{Contents, Copied, CopiedModules};
use crate::rootfs::VENV;
use crate::service;

impl Image<'_> {
    /// For each project whose wheel has to have its modules: names at the top of the modules that the image starts by scripts of the
    /// project. Its own name is not among them, as scripts of that name have to work in every image.
    pub fn starts(&self) -> BTreeMap<String, Vec<String>> {
        let words = self.words().unwrap_or_default();
        let has_python_path =
            self.target.env.contains_key("PYTHONPATH") || words.iter().any(|word| word.contains("PYTHONPATH="));
        if self.plan.product != Product::Image || has_python_path {
            return BTreeMap::new();
        }
        let programs = words.iter().flat_map(|word| word.split_whitespace());
        let bin = format!("{VENV}/bin/");
        let programs: Vec<&str> = programs.map(|word| word.strip_prefix(&bin).unwrap_or(word)).collect();
        let of = |(id, manifest): (&PackageId, &Manifest)| {
            let package = &self.project.lock.packages[*id];
            let directory = package.source.project_dir()?;
            let called = programs.iter().find_map(|program| manifest.scripts.get(*program));
            // Python looks for the modules of a script in no directory of the image.
            if called.is_none() && self.has_beside(directory) {
                return None;
            }
            let top = called.and_then(|called| called.split([':', '.']).next()).map(str::trim);
            let top = top.filter(|top| top.to_lowercase() != package.name.as_str().replace('-', "_"));
            Some((package.name.to_string(), top.into_iter().map(ToOwned::to_owned).collect()))
        };
        self.manifests.iter().filter_map(of).collect()
    }

    /// Whether the image has modules of a directory of the context, or may have them, beside the wheel.
    fn has_beside(&self, directory: &str) -> bool {
        let is_part = |file: &Copied| match file.context_path() {
            None => false,
            Some(path) => {
                let path = joined(".", path);
                let name = path.rsplit('/').next().unwrap_or(&path);
                let is_within = lies_in(&path, directory) && !service::is_aside(name);
                file.modules != CopiedModules::None && (is_within || lies_in(directory, &path))
            }
        };
        self.plan.layers.iter().any(|layer| match &layer.contents {
            Contents::Application(application) => application.directory == directory,
            Contents::Files(files) => files.iter().any(is_part),
            _ => false,
        })
    }
}
