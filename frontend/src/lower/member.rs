//! Local projects: built and installed in one step that sees nothing of the context but the project's own directory.

use buildkit_llb::{Bind, Cache, CacheSharing, Copy, Exec, File, Input, Output, Owner, Tmpfs};

use super::build::{BACKEND, CACHE, SCRATCH, with_recipe, with_version};
use super::install::{Notes, with_data};
use super::scripts::{MODULES, REPOSITORY, with_script};
use super::site::Site;
use super::{EPOCH, Lowering};
use crate::plan::{Member, Toolchain, Tree};
use crate::rootfs::{VENV, source_path};

/// Files beside the manifest of a root project that belong to the workspace or to a build of it, not to the project.
const NOT_OF_A_ROOT_PROJECT: [&str; 7] =
    ["uv.lock", "uv.build.toml", ".python-version", "Dockerfile", "*.Dockerfile", "*.dockerignore", "compose*.yaml"];

/// What a project is built for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be installed for the image, in the same step.
    Installed,
    /// To be a wheel for the image's platform.
    Wheel,
    /// To be required by other builds, and run where it was built.
    Requirement,
}

impl Lowering<'_> {
    /// Builds a project as a wheel and installs it.
    pub(super) fn member(&self, member: &Member, name: String) -> Output {
        if member.editable {
            return self.link(member, name);
        }
        let site = self.site_of(member);
        if self.plan.destination.directory().is_some() && site.builder.python != site.runtime.python {
            return self.install_wheel(member, site, name);
        }
        let files = self.notes(member.direct_url.as_deref(), Some(&member.recipe));
        let mut notes = Notes::from([(member.name.as_str(), files)]);
        notes.retain(|_, files| !files.is_empty());
        self.build_member(Purpose::Installed, member, site, &notes, name)
    }

    /// Installs a project in another step than builds it: scripts name the python that installs them, which the image has elsewhere
    /// than the builder. In an environment it is that of the environment.
    fn install_wheel(&self, member: &Member, site: &Site, name: String) -> Output {
        let wheel = self.wheel(site, member, self.shared_name(&format!("build {}", member.name)));
        let metadata = self.metadata(name, Some(&member.name)).at_all(self.sources.location(&member.span));
        self.install_step(&site.runtime, &["install", &member.name])
            .mount(Bind::new(format!("/built/{}", member.name), wheel).readonly())
            .metadata(metadata)
            .build()
            .output("/out")
    }

    /// A directory with the wheel of a project.
    pub(super) fn wheel(&self, site: &Site, member: &Member, name: String) -> Output {
        self.build_member(Purpose::Wheel, member, site, &Notes::new(), name)
    }

    /// Installs a project as a link to where the image has its sources: the step has them there, too.
    fn link(&self, member: &Member, name: String) -> Output {
        let path = source_path(&member.directory);
        let arguments = ["link", &member.name, &path];
        let exec = self
            .with_tree(self.exec(&self.host.builder, &arguments), member)
            .mount(Bind::new("/src", Input::Scratch).no_output());
        self.finish(exec, member, &self.host, &Notes::new(), name)
    }

    /// The sources of projects, where their links lead.
    pub(super) fn copied(&self, trees: &[Tree], (uid, gid): (u32, u32)) -> File {
        trees.iter().fold(File::on(Input::Scratch), |file, tree| {
            let is_root = tree.directory == ".";
            let (input, from) = match self.options.sources.get(&tree.name).filter(|_| tree.is_project) {
                Some(elsewhere) => (elsewhere.clone(), "/".to_owned()),
                None if is_root => (Input::from(&self.context), "/".to_owned()),
                None => (Input::from(&self.context), format!("/{}", tree.directory)),
            };
            let copy = Copy::new(input, from, source_path(&tree.directory))
                .contents_only()
                .create_dest_path()
                .owner(Owner::ids(uid, gid))
                .exclude(foreign(&tree.nested, is_root))
                .timestamp(EPOCH);
            file.copy(if is_root { copy } else { copy.follow_symlinks() })
        })
    }

    /// A directory with the wheel of a project, for others to be built with there.
    pub(super) fn requirement(&self, site: &Site, member: &Member) -> Output {
        let name = self.shared_name(&format!("build {} for the build of others", member.name));
        self.build_member(Purpose::Requirement, member, site, &Notes::new(), name)
    }

    fn build_member(&self, purpose: Purpose, member: &Member, site: &Site, notes: &Notes<'_>, name: String) -> Output {
        let command = if purpose == Purpose::Installed { "member" } else { "wheel" };
        let exec = self
            .with_tree(self.exec(&site.builder, &[command, &member.name, &member.directory]), member)
            // On disk, not in memory: sources and native builds can be large.
            .mount(Bind::new(SCRATCH, Input::Scratch).no_output());
        let exec = match &member.starts {
            Some(starts) => with_data(with_script(exec, MODULES), "STARTS", starts),
            None => exec,
        };
        let exec = match purpose {
            Purpose::Installed => self.for_image(self.installing(exec), &site.builder),
            Purpose::Wheel => self.for_image(exec, &site.builder),
            Purpose::Requirement => exec,
        };
        self.finish(exec, member, site, notes, name)
    }

    /// Mounts what every build of a project needs.
    fn finish(&self, exec: Exec, member: &Member, site: &Site, notes: &Notes<'_>, name: String) -> Output {
        let Site { builder, backends, .. } = site;
        let mut exec = exec
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new(VENV, builder.venv.clone()).selector(VENV).readonly())
            .mount(Bind::new("/out", Input::Scratch));
        if let Some(backend) = member.backend {
            exec = exec.mount(Bind::new(BACKEND, &backends[backend]).readonly());
            // It leaves out what git ignores, and nobody else asks.
            if self.plan.backends[backend].requires.iter().any(|requirement| requirement.starts_with("poetry")) {
                exec = with_script(exec, REPOSITORY);
            }
        }
        exec = self.connected(exec, member.network);
        if member.toolchain != Toolchain::None {
            let id = self.member_cache(member, builder);
            exec = exec.mount(Cache::new(CACHE, id).sharing(CacheSharing::Locked));
        }
        let exec = with_recipe(with_data(exec, "NOTES", notes), &member.name, &member.recipe);
        let exec = exec.envs(member.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let exec = match &member.version {
            Some(version) if member.is_versioned => {
                let exec = with_version(exec, &member.name, version);
                // What is installed as a link is no wheel that could be looked at.
                if member.editable { exec } else { with_data(exec, "EXPECTED", &[&member.name, version]) }
            }
            _ => exec,
        };
        let metadata = self.metadata(name, Some(&member.name)).at_all(self.sources.location(&member.span));
        exec.metadata(metadata).build().output("/out")
    }

    /// Builds projects that share a layer: each in its own step, then put together.
    pub(super) fn members(&self, members: &[Member], prefix: &str, name: String) -> Output {
        let together = members.iter().fold(File::on(Input::Scratch), |file, member| {
            let output = self.member(member, format!("{prefix} {}", super::description::build_and_install(member)));
            file.copy(Copy::new(&output, "/", "/").contents_only().timestamp(EPOCH))
        });
        together.metadata(self.metadata(name, None)).build()
    }
}

/// Whether a file beside the manifest of a root project belongs to the workspace, not to the project.
pub fn is_of_the_workspace(file: &str) -> bool {
    NOT_OF_A_ROOT_PROJECT.iter().any(|pattern| match pattern.split_once('*') {
        Some((start, end)) => file.len() >= start.len() + end.len() && file.starts_with(start) && file.ends_with(end),
        None => file == *pattern,
    })
}

/// What lies in a project's directory and is not the project's.
pub(super) fn foreign(nested: &[String], is_root: bool) -> impl Iterator<Item = &str> {
    nested.iter().map(String::as_str).chain(NOT_OF_A_ROOT_PROJECT.iter().copied().filter(move |_| is_root))
}
