//! Packages of a base's distribution: an image with them, one layer above the image that it starts from.

use buildkit_llb::{Bind, Cache, CacheSharing, Exec, Input, Output, Tmpfs};

use super::failure::reporting;
use super::scripts::{Script, file, with_script};
use super::site::Ground;
use super::{Lowering, STEP_ENV, TOOLS, platform};
use crate::config::system::Manager;
use crate::plan::SystemPackages;

/// The script that such a step runs. Another one than the worker: a new worker installs no packages again.
const SCRIPT: Script = ("system.py", include_str!("system.py"));

/// Official images take out what apt fetched, as soon as it is installed; here a cache keeps it.
const DOCKER_CLEAN: &str = "/etc/apt/apt.conf.d/docker-clean";

/// What apt keeps between runs, and the name of its cache. Two apts must not use one at a time.
const APT_CACHES: [(&str, &str); 2] = [("/var/cache/apt/archives", "archives"), ("/var/lib/apt/lists", "lists")];

/// The same of apk, which keeps what it fetched if there is a directory of this name.
const APK_CACHES: [(&str, &str); 1] = [("/etc/apk/cache", "packages")];

impl Lowering<'_> {
    /// Installs packages into `image`, which is `ground` or made from it; its programs are those of the image that is called `of`.
    pub(super) fn system(
        &self,
        image: impl Into<Input>,
        (ground, of): (&Ground, &str),
        packages: &SystemPackages,
        name: String,
    ) -> Output {
        let path = format!("{TOOLS}/system.py");
        let manager = packages.manager.name();
        let arguments =
            [ground.python.as_str(), &path, manager].into_iter().chain(packages.names.iter().map(String::as_str));
        let exec = Exec::new(arguments.map(str::to_owned))
            .platform(&platform(&ground.platform))
            .envs(ground.env.iter().cloned())
            .envs(STEP_ENV)
            .mount(Bind::new("/", image))
            .mount(Tmpfs::new("/tmp"));
        let exec = reporting(with_script(exec, SCRIPT));
        let (exec, caches) = match packages.manager {
            Manager::Apt => {
                let kept = Bind::new(DOCKER_CLEAN, file(("nothing", ""))).selector("/nothing").readonly();
                (exec.env("DEBIAN_FRONTEND", "noninteractive").mount(kept), &APT_CACHES[..])
            }
            Manager::Apk => (exec, &APK_CACHES[..]),
        };
        let exec = caches.iter().fold(exec, |exec, (directory, cache)| {
            let id = self.system_cache(&format!("{manager}-{cache}"), of, &ground.platform);
            exec.mount(Cache::new(*directory, id).sharing(CacheSharing::Locked))
        });
        let metadata = self.metadata(name, None).at_all(self.sources.location(&packages.span));
        self.online(self.options.container.limit(ground.with_python(exec))).metadata(metadata).build().output("/")
    }
}
