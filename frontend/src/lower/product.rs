//! Results that are no images: files for `docker buildx build --output`, with nothing of the base.

use buildkit_llb::{Bind, Copy, File, Input, Mkfile, Output};

use super::scripts::Script;
use super::{EPOCH, Lowering};
use crate::plan::Contents;
use crate::plan::product::Product;
use crate::rootfs::VENV;

/// The script that packs a zip. Another one than the worker: a new worker packs nothing again.
const SCRIPT: Script = ("archive.py", include_str!("archive.py"));

/// What AWS Lambda admits unpacked, in bytes (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_UNPACKED: u64 = 262_144_000;

/// The same of a zip that is uploaded as it is; a larger one has to lie in S3.
const MAX_UPLOADED: u64 = 52_428_800;

impl Lowering<'_> {
    /// What a plan of another kind than an image leaves.
    pub(super) fn product(&self, product: &Product) -> Input {
        match product {
            Product::Image => self.assemble(),
            Product::Wheels => self.wheels(),
            Product::Venv => {
                let copy = Copy::new(self.packages(), VENV, "/").contents_only().timestamp(EPOCH);
                File::on(Input::Scratch)
                    .copy(copy)
                    .metadata(self.metadata(self.product_name("copy"), None))
                    .build()
                    .into()
            }
            Product::Zip(name) => self.zip(name).into(),
            Product::Requirements(text) => File::on(Input::Scratch)
                .mkfile(Mkfile::new("/requirements.txt", 0o644, text.as_bytes()).timestamp(EPOCH))
                .metadata(self.metadata(self.product_name("write"), None))
                .build()
                .into(),
        }
    }

    /// `[fn] pack the archive`
    fn product_name(&self, verb: &str) -> String {
        format!("[{}] {verb} the {}", self.plan.target, self.plan.product.description())
    }

    /// The layers on each other, without a base.
    fn packages(&self) -> Input {
        self.stack(Input::Scratch, self.layers(), 0, &self.shared_name("gather packages"))
    }

    fn wheels(&self) -> Input {
        let projects = self.plan.layers.iter().enumerate().filter_map(|(index, layer)| match &layer.contents {
            Contents::Members(members) => Some((index, members)),
            _ => None,
        });
        let wheels: Vec<Input> = projects
            .flat_map(|(index, members)| {
                members.iter().map(move |member| {
                    let version = member.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
                    let name = format!("{} build {}{version}", self.step_prefix(index), member.name);
                    self.wheel(self.site_of(member), member, name).into()
                })
            })
            .collect();
        match &wheels[..] {
            [only] => only.clone(),
            _ => self.stack(Input::Scratch, wheels, 0, &self.product_name("gather")),
        }
    }

    fn zip(&self, name: &str) -> Output {
        let directory = self.plan.destination.path();
        let limits = [MAX_UNPACKED, MAX_UPLOADED].map(|limit| limit.to_string());
        let location = self.plan.span.as_ref().and_then(|span| self.sources.location(span));
        let packages = format!("/packages{directory}");
        self.scripted(SCRIPT, &[&packages, &format!("/out/{name}"), &limits[0], &limits[1]])
            .mount(Bind::new("/packages", self.packages()).readonly())
            .metadata(self.metadata(self.product_name("pack"), None).at_all(location))
            .build()
            .output("/out")
    }
}
