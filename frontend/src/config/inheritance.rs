//! What a target takes from the one that it inherits from, and from `[defaults]`.

use std::collections::BTreeMap;

use super::settings::{Settings, TargetConfig};
use super::target::check_name;
use crate::diagnostic::Diagnostic;

/// Targets that one may inherit from, one from the next.
const DEEPEST: usize = 64;

/// As many unknown names are told: each is compared with all that are known.
const MOST_UNKNOWN: usize = 20;

/// Bytes of settings that all targets may have together, as they are shown for debugging: in which no key is forgotten.
const HEAVIEST: usize = 32 << 20;

fn weight(settings: &Settings) -> usize {
    format!("{settings:?}").len()
}

/// Fills each target's absent keys from what it inherits, and those of a target that inherits nothing from `[defaults]`.
///
/// What is inherited is copied: without a limit, a long chain or a large target with many heirs would need far more memory than
/// the file has bytes.
pub(super) fn resolve(own: &[TargetConfig], defaults: &Settings, errors: &mut Vec<Diagnostic>) -> Vec<TargetConfig> {
    let mut resolved = Vec::with_capacity(own.len());
    let known: BTreeMap<&str, (&TargetConfig, usize)> =
        own.iter().map(|target| (target.name.value.as_str(), (target, weight(&target.settings)))).collect();
    let of_defaults = weight(defaults);
    let mut inherited = 0;
    for target in own {
        let mut settings = target.settings.clone();
        let mut chain = vec![target.name.value.as_str()];
        inherited += of_defaults;
        let mut parent = target.settings.inherits.as_ref();
        while let Some(name) = parent {
            if chain.len() > DEEPEST {
                let problem = format!("`{}` inherits from more than {DEEPEST} targets", target.name.value);
                errors.push(
                    Diagnostic::new("config::too_large", problem)
                        .at(target.settings.inherits.as_ref().unwrap_or(name).span.clone())
                        .help("move the shared keys to `[defaults]`"),
                );
                return resolved;
            }
            if chain.contains(&name.value.as_str()) {
                // Once for the circle, at the first of its targets in the file.
                let first = own.iter().find(|candidate| chain.contains(&candidate.name.value.as_str()));
                if chain[0] == name.value && first.is_some_and(|first| first.name.value == name.value) {
                    let mut named: Vec<String> = chain.iter().map(|name| format!("`{name}`")).collect();
                    named.push(format!("`{}`", name.value));
                    let problem = format!("targets inherit from each other in a cycle: {}", named.join(" -> "));
                    let inherits = target.settings.inherits.as_ref().unwrap_or(name);
                    errors.push(
                        Diagnostic::new("config::inherits_cycle", problem)
                            .at(inherits.span.clone())
                            .help("remove one `inherits`, or move the shared keys to `[defaults]`"),
                    );
                }
                break;
            }
            let Some((ancestor, weight)) = known.get(name.value.as_str()) else {
                if chain.len() == 1 && errors.len() <= MOST_UNKNOWN {
                    check_name(name, own, "config::unknown_target", errors);
                }
                break;
            };
            settings.fill_from(&ancestor.settings);
            inherited += weight;
            chain.push(&name.value);
            parent = ancestor.settings.inherits.as_ref();
        }
        if inherited > HEAVIEST {
            let problem = format!(
                "the targets up to `{}` have more than {} MB of settings, including inherited ones",
                target.name.value,
                HEAVIEST >> 20
            );
            let error = Diagnostic::new("config::too_large", problem).at(target.name.span.clone());
            errors.push(error.help("let fewer targets inherit large tables, or split the config"));
            return resolved;
        }
        settings.fill_from(defaults);
        resolved.push(TargetConfig { name: target.name.clone(), settings, check: target.check.clone() });
    }
    resolved
}

impl Settings {
    /// Takes every absent key, and every absent name of a table, from `other`.
    fn fill_from(&mut self, other: &Self) {
        fn fill<T: Clone>(mine: &mut Option<T>, theirs: &Option<T>) {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
        // A target is made from a project or from a script, and what is said of the one is nothing about the other.
        let is_of_script = self.script.is_some();
        let is_of_project = !is_of_script && (self.package.is_some() || self.lock.is_some());
        if !is_of_project || other.script.is_none() {
            if !is_of_project {
                fill(&mut self.script, &other.script);
            }
            if !is_of_script {
                fill(&mut self.package, &other.package);
                fill(&mut self.lock, &other.lock);
                fill(&mut self.extras, &other.extras);
                fill(&mut self.groups, &other.groups);
                fill(&mut self.editable, &other.editable);
                fill(&mut self.sources, &other.sources);
            }
        }
        fill(&mut self.kind, &other.kind);
        fill(&mut self.layout, &other.layout);
        fill(&mut self.base, &other.base);
        fill(&mut self.builder, &other.builder);
        fill(&mut self.apt, &other.apt);
        fill(&mut self.apk, &other.apk);
        fill(&mut self.build_apt, &other.build_apt);
        fill(&mut self.build_apk, &other.build_apk);
        fill(&mut self.cmd, &other.cmd);
        fill(&mut self.entrypoint, &other.entrypoint);
        fill(&mut self.init, &other.init);
        fill(&mut self.workdir, &other.workdir);
        fill(&mut self.user, &other.user);
        fill(&mut self.healthcheck, &other.healthcheck);
        fill(&mut self.stop_signal, &other.stop_signal);
        fill(&mut self.volumes, &other.volumes);
        fill(&mut self.expose, &other.expose);
        fill(&mut self.labels_from, &other.labels_from);
        fill(&mut self.files, &other.files);
        fill(&mut self.writable, &other.writable);
        fill(&mut self.uv, &other.uv);
        fill(&mut self.steps, &other.steps);
        fill(&mut self.deny, &other.deny);
        fill(&mut self.max_image_size, &other.max_image_size);
        fill(&mut self.layers, &other.layers);
        fill(&mut self.sbom, &other.sbom);
        for (mine, theirs) in [(&mut self.env, &other.env), (&mut self.labels, &other.labels)] {
            for (name, value) in theirs {
                mine.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}
