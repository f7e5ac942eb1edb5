//! Packages of a base's distribution: an image with them, one layer above the image that it starts from.

use buildkit_llb::{Bind, Cache, CacheSharing, Exec, Input, Output, Tmpfs};

use super::site::Ground;
use super::{Lowering, STEP_ENV, TOOLS, platform, script};
use crate::plan::{Platform, SystemPackages};

/// The script that such a step runs. Another one than the worker: a new worker installs no packages again.
const SCRIPT: &str = include_str!("system.py");

/// Official images take out what apt fetched, as soon as it is installed; here a cache keeps it.
const DOCKER_CLEAN: &str = "/etc/apt/apt.conf.d/docker-clean";

/// What apt keeps between runs, and the name of its cache. Two apts must not use one at a time.
const CACHES: [(&str, &str); 2] = [("/var/cache/apt/archives", "archives"), ("/var/lib/apt/lists", "lists")];

impl Lowering<'_> {
    /// Installs packages into `image`, which is `ground` or made from it.
    pub(super) fn system(
        &self,
        image: impl Into<Input>,
        ground: &Ground,
        packages: &SystemPackages,
        name: String,
    ) -> Output {
        let path = format!("{TOOLS}/system.py");
        let arguments = [ground.python.as_str(), &path].into_iter().chain(packages.names.iter().map(String::as_str));
        let exec = Exec::new(arguments.map(str::to_owned))
            .platform(&platform(&ground.platform))
            .envs(ground.env.iter().cloned())
            .envs(STEP_ENV)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .mount(Bind::new("/", image))
            .mount(Bind::new(&path, script("system.py", SCRIPT)).selector("/system.py").readonly())
            .mount(Bind::new(DOCKER_CLEAN, script("nothing", "")).selector("/nothing").readonly())
            .mount(Tmpfs::new("/tmp"));
        let exec = CACHES.iter().fold(exec, |exec, (directory, cache)| {
            exec.mount(Cache::new(*directory, self.apt_cache_id(cache, &ground.platform)).sharing(CacheSharing::Locked))
        });
        let metadata = self.metadata(name, None).at_all(self.sources.location(&packages.span));
        self.online(self.options.container.limit(ground.with_python(exec))).metadata(metadata).build().output("/")
    }

    /// `NAMESPACE/uv-buildkit-apt-lists-linux-amd64`: files of different releases have different names.
    fn apt_cache_id(&self, cache: &str, platform: &Platform) -> String {
        let namespace = self.options.cache_namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
        let platform = platform.to_string().replace('/', "-");
        format!("{namespace}uv-buildkit-apt-{cache}-{platform}")
    }
}
