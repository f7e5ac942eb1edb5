//! Commands that make directories of an image. They run in what is below their layer, or in another image, and may write anywhere;
//! what is kept is what they leave in their outputs, with the times of everything else.

use buildkit_llb::{
    Bind, Cache, CacheSharing, Copy, Exec, File, Input, Metadata, Mkdir, Network, Output, Owner, Secret,
};

use super::access;
use super::copies::Left;
use super::{EPOCH, Lowering, platform, settled};
use crate::config::step::{OutputConfig, SecretConfig, ShownAs};
use crate::plan::Step;
use crate::rootfs::EPOCH_SECONDS;

impl Lowering<'_> {
    /// The layer of a step, whose commands run in `root` unless the step has an image of its own; `left` are the layers of those above.
    pub(super) fn step(
        &self,
        step: &Step,
        root: impl FnOnce() -> Input,
        left: &Left<'_>,
        (prefix, name): (&str, String),
    ) -> Output {
        let ground = self.ground_of(step, root);
        let mut root = ground.root.clone();
        let metadata = || self.step_metadata(format!("{prefix} certificates for {}", step.name), step);
        let bundle = step.network.then(|| self.bundle(&root, &ground.env, metadata())).flatten();
        if !step.inputs.is_empty() {
            let metadata = self.step_metadata(format!("{prefix} copy inputs of {}", step.name), step);
            let copies = self.copies(File::on(root), &step.inputs, left);
            root = copies.metadata(self.copies_metadata(&step.inputs, metadata)).build().into();
        }
        let mut outputs: Vec<Input> = step.outputs.iter().map(|output| self.empty(output).into()).collect();
        for command in &step.commands {
            let exec = self.command(step, &ground, bundle.as_ref(), &command.value).mount(Bind::new("/", root));
            let mounts = step.outputs.iter().zip(&outputs);
            let exec = mounts.fold(exec, |exec, (output, input)| {
                exec.mount(Bind::new(&output.from, input.clone()).selector(&output.to))
            });
            let metadata = self.step_metadata(format!("{prefix} {}: {}", step.name, command.value.join(" ")), step);
            // Its result is in the layer, which has a key of its own.
            let metadata = metadata.export_cache(false).at_all(self.sources.location(&command.span));
            let vertex = exec.metadata(metadata).build();
            root = vertex.output("/").into();
            outputs = step.outputs.iter().map(|output| vertex.output(&output.from).into()).collect();
        }
        let copy = |input: &Input| Copy::new(input, "/", "/").contents_only().timestamp(EPOCH);
        let copies = outputs.iter().fold(File::on(Input::Scratch), |file, output| file.copy(copy(output)));
        let metadata = self.step_metadata(name, step).at_all(self.sources.location(&step.span));
        match &outputs[..] {
            [_only] => copies.metadata(metadata).build(),
            // Each copy changes the times of directories that it shares with those before it.
            _ => settled(copies, metadata),
        }
    }

    fn step_metadata(&self, name: String, step: &Step) -> Metadata {
        self.metadata(name, Some(&step.name))
    }

    fn ground_of(&self, step: &Step, root: impl FnOnce() -> Input) -> Ground {
        let Some(own) = &step.image else {
            return Ground {
                root: root(),
                platform: self.plan.platform.clone(),
                env: self.env_of_image(step.ids.is_some()),
                workdir: step.workdir.clone().unwrap_or_else(|| self.plan.workdir.clone()),
            };
        };
        let replaced = self.options.images.get(&(own.image.reference.clone(), own.platform.clone())).cloned();
        let root = replaced.unwrap_or_else(|| super::image(&own.image.reference, &platform(&own.platform), false));
        let mut env = own.image.config.env.clone();
        // Its accounts do not know the user of the image.
        if step.ids.is_some() {
            env.push(("HOME".to_owned(), "/tmp".to_owned()));
        }
        let workdir = step.workdir.clone().unwrap_or_else(|| own.image.config.workdir().to_owned());
        Ground { root: root.into(), platform: own.platform.clone(), env, workdir }
    }

    /// A command without its file systems.
    fn command(&self, step: &Step, ground: &Ground, bundle: Option<&Output>, words: &[String]) -> Exec {
        let exec = Exec::new(words.iter().cloned())
            .platform(&platform(&ground.platform))
            .cwd(&ground.workdir)
            .envs(ground.env.iter().cloned())
            .env("SOURCE_DATE_EPOCH", EPOCH_SECONDS.to_string())
            .envs(step.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let exec = match step.ids {
            Some((uid, gid)) => exec.user(format!("{uid}:{gid}")),
            None => exec,
        };
        let exec = self.options.container.limit(exec);
        let exec = if step.network { self.online(exec) } else { exec.network(Network::None) };
        let exec = match bundle {
            Some(bundle) => access::tell(exec, bundle, |name| step.env.contains_key(name)),
            None => exec,
        };
        let exec = step.secrets.iter().fold(exec, |exec, secret| with_secret(exec, secret, step.ids));
        step.caches.iter().fold(exec, |exec, path| exec.mount(self.cache_of(step, ground, path)))
    }

    /// A cache that belongs to whom the step runs as.
    fn cache_of(&self, step: &Step, ground: &Ground, path: &str) -> Cache {
        const EMPTY: &str = "/cache";
        let id = self.step_cache(step, &ground.platform, path);
        let cache = Cache::new(path, id).sharing(CacheSharing::Locked);
        match step.ids {
            None => cache,
            Some((uid, gid)) => {
                let mkdir = Mkdir::new(EMPTY, 0o755).timestamp(EPOCH).owner(Owner::ids(uid, gid));
                let metadata = Metadata::named(format!("[internal] cache of {uid}:{gid}"));
                cache.from(File::on(Input::Scratch).mkdir(mkdir).metadata(metadata).build()).selector(EMPTY)
            }
        }
    }

    /// The directory of an output and those above it, of whom the image says.
    fn empty(&self, output: &OutputConfig) -> Output {
        let file = self.with_directories(File::on(Input::Scratch), std::iter::once(output.to.as_str()));
        file.metadata(Metadata::named(format!("[internal] {}", output.to))).build()
    }
}

/// Where the commands of a step run.
struct Ground {
    root: Input,
    platform: crate::platform::Platform,
    env: Vec<(String, String)>,
    workdir: String,
}

fn with_secret(exec: Exec, secret: &SecretConfig, ids: Option<(u32, u32)>) -> Exec {
    match &secret.shown {
        ShownAs::File(path) => {
            let (uid, gid) = ids.unwrap_or_default();
            let mount = Secret::new(path, &secret.id).owner(uid, gid);
            exec.mount(if secret.is_required { mount } else { mount.optional() })
        }
        ShownAs::Variable(name) if secret.is_required => exec.secret_env(name, &secret.id),
        ShownAs::Variable(name) => exec.optional_secret_env(name, &secret.id),
    }
}
