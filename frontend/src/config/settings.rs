//! The keys of a target as values.

use std::collections::BTreeMap;

use super::check::CheckConfig;
use super::file::FileConfig;
use super::kind::Kind;
use super::labels::LabelSource;
use super::layers::LayersConfig;
use super::layout::Layout;
use super::runtime::Healthcheck;
use super::sbom::Sbom;
use super::step::StepConfig;
use super::user::UserConfig;
use crate::diagnostic::Located;
use crate::paths::script::lock_of;

/// One `[targets.NAME]`.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// Its name and the place of its header.
    pub name: Located<String>,
    /// Its keys.
    pub settings: Settings,
    /// What it runs, if it is a check, and the checks that it requires.
    pub check: CheckConfig,
}

/// The keys of a target, each absent unless written by it, by what it inherits or by `[defaults]`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Target whose keys hold where this one writes none.
    pub(super) inherits: Option<Located<String>>,
    /// Workspace member to install.
    pub package: Option<Located<String>>,
    /// The script that it is made from, if that is no project.
    pub script: Option<Located<String>>,
    /// The lock that it is made from.
    pub lock: Option<Located<String>>,
    /// Extras of that member.
    pub extras: Option<Vec<Located<String>>>,
    /// Dependency groups of that member.
    pub groups: Option<Vec<Located<String>>>,
    /// Members are installed as links to their sources, which the image holds.
    pub editable: Option<bool>,
    /// What a build of it leaves.
    pub kind: Option<Located<Kind>>,
    /// How the packages lie in it.
    pub layout: Option<Located<Layout>>,
    /// Image under the result.
    pub base: Option<Located<String>>,
    /// Image in which members are built.
    pub builder: Option<Located<String>>,
    /// Packages of the base's distribution that the image holds, where that is Debian or made from it.
    pub apt: Option<Vec<Located<String>>>,
    /// Where it is Alpine.
    pub apk: Option<Vec<Located<String>>>,
    /// The same as `apt` for the image in which members are built.
    pub build_apt: Option<Vec<Located<String>>>,
    /// The same as `apk` for that image.
    pub build_apk: Option<Vec<Located<String>>>,
    /// Image `Cmd`.
    pub cmd: Option<Vec<Located<String>>>,
    /// Image `Entrypoint`.
    pub entrypoint: Option<Vec<Located<String>>>,
    /// An init is the first process.
    pub init: Option<Located<bool>>,
    /// Image `Env`, over the base's.
    pub env: BTreeMap<String, Located<String>>,
    /// Image `WorkingDir`.
    pub workdir: Option<Located<String>>,
    /// Who runs.
    pub user: Option<Located<UserConfig>>,
    /// Image `Healthcheck`.
    pub healthcheck: Option<Healthcheck>,
    /// Image `StopSignal`.
    pub stop_signal: Option<Located<String>>,
    /// Directories of the user, and image `Volumes`.
    pub volumes: Option<Vec<Located<String>>>,
    /// Image `ExposedPorts`, as `PORT/PROTOCOL`.
    pub expose: Option<Vec<Located<String>>>,
    /// Image `Labels`, over the base's.
    pub labels: BTreeMap<String, Located<String>>,
    /// Where labels come from that nobody wrote.
    pub labels_from: Option<Vec<LabelSource>>,
    /// Files of the context that the image holds.
    pub files: Option<Vec<FileConfig>>,
    /// The files of the project itself lie in the working directory.
    pub sources: Option<bool>,
    /// Directories that the user may write to.
    pub writable: Option<Vec<Located<String>>>,
    /// uv is a part of the image.
    pub uv: Option<Located<bool>>,
    /// Commands that make directories of the image.
    pub steps: Option<Vec<StepConfig>>,
    /// Packages that the image must not have: names, or prefixes that end in `*`.
    pub deny: Option<Vec<Located<String>>>,
    /// Bytes on disk that the image may have.
    pub max_image_size: Option<Located<u64>>,
    /// Bounds of the layers.
    pub layers: Option<LayersConfig>,
    /// Where bills of materials come from.
    pub sbom: Option<Sbom>,
}

impl Settings {
    /// With the lock of the script, if it is made from one.
    pub(super) fn with_lock_of_script(mut self) -> Self {
        if let Some(script) = &self.script {
            self.lock = Some(Located { value: lock_of(&script.value), span: script.span.clone() });
        }
        self
    }
}

impl Kind {
    /// What a target of the kind is made of. What else it inherits is of another kind, and left aside.
    pub fn own(self, settings: &Settings) -> Settings {
        if self == Self::Image {
            return settings.clone();
        }
        let settings = settings.clone();
        let is_zip = self == Self::LambdaZip;
        Settings {
            package: settings.package,
            script: settings.script,
            lock: settings.lock,
            kind: settings.kind,
            extras: settings.extras,
            groups: settings.groups,
            base: settings.base,
            builder: settings.builder,
            build_apt: settings.build_apt,
            build_apk: settings.build_apk,
            layout: settings.layout.filter(|_| is_zip),
            files: settings.files.filter(|_| is_zip),
            sources: settings.sources.filter(|_| is_zip),
            deny: settings.deny,
            // What an image and files of the same packages share is made once.
            layers: settings.layers,
            ..Settings::default()
        }
    }
}
