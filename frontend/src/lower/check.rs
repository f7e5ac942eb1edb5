//! Commands in the image: a build of a check fails when one of them does.

use buildkit_llb::{Bind, Copy, Exec, File, Input, Metadata, Network, Output};

use super::{Lowering, platform};
use crate::plan::Check;

/// Where the last command has an output that nothing is written to: the result when nothing is collected.
const NOTHING: &str = "/run/uv-buildkit";

impl Lowering<'_> {
    /// The steps of a check in `image`, and what they leave. Each sees what the one before it wrote.
    pub(super) fn check(&self, image: Input, check: &Check) -> Input {
        let mut root = image;
        let mut nothing = Input::Scratch;
        for (index, command) in check.commands.iter().enumerate() {
            let place = format!("[{} check {}/{}]", self.plan.target, index + 1, check.commands.len());
            let metadata = self.metadata(format!("{place} {}", command.value.join(" ")), None);
            let exec = Exec::new(command.value.iter().cloned())
                .platform(&platform(&self.plan.platform))
                .cwd(&check.workdir)
                .user(format!("{}:{}", check.ids.0, check.ids.1))
                .envs(self.env_of_image(true))
                .network(Network::None)
                .mount(Bind::new("/", root))
                .mount(Bind::new(NOTHING, Input::Scratch));
            let vertex =
                self.options.container.limit(exec).metadata(metadata.at_all(self.sources.location(&command.span)));
            let vertex = vertex.build();
            root = vertex.output("/").into();
            nothing = vertex.output(NOTHING).into();
        }
        if check.collect.is_empty() { nothing } else { self.collected(&root, check).into() }
    }

    fn collected(&self, root: &Input, check: &Check) -> Output {
        let mut metadata = Metadata::named(format!("[{}] collect", self.plan.target));
        let mut file = File::on(Input::Scratch);
        for path in &check.collect {
            let from = format!("{}/{}", check.workdir.trim_end_matches('/'), path.value);
            file = file.copy(Copy::new(root, from, format!("/{}", path.value)).create_dest_path());
            metadata = metadata.at_all(self.sources.location(&path.span));
        }
        file.metadata(metadata).build()
    }
}
