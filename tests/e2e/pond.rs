//! A workspace that builds in seconds, from packages that no other run of the tests has seen.

use anyhow::Result;

use crate::context::Context;
use crate::index::Index;
use crate::stage::Stage;

/// Packages of its own index, each imported by a member; `PEBBLE` is there in two versions.
const PACKAGES: [&str; 5] = ["heron", "lily", "newt", "reed", PEBBLE];

/// The package to be bumped.
pub const PEBBLE: &str = "pebble";

/// Members: what is built, what it depends on, and one that has nothing to do with it.
const MEMBERS: [(&str, &[&str]); 3] = [
    ("pond-app", &["pond-core", "heron", "lily", "newt"]),
    ("pond-core", &["pebble<2", "reed"]),
    ("pond-unused", &["heron"]),
];

const ROOT: &str = r#"[tool.uv.workspace]
members = ["members/*"]

[tool.uv.sources]
pond-core = { workspace = true }

[[tool.uv.index]]
name = "pond"
url = "INDEX"
default = true
"#;

const CONFIG: &str = r#"default-target = "app"

[targets.app]
package = "pond-app"

# The same program for others.
[targets.other]
package = "pond-app"
env = { WHO = "other" }
"#;

/// A workspace and its index.
pub struct Pond<'a> {
    /// The workspace.
    pub context: Context<'a>,
    /// Where its packages come from.
    pub index: Index,
}

impl<'a> Pond<'a> {
    /// Writes it in a directory of this name, locked.
    pub fn new(stage: &'a Stage, name: &str) -> Result<Self> {
        let pond = Self { context: Context::new(stage, name)?, index: Index::open(stage, &format!("{name}-index"))? };
        let nonce = format!("NONCE = \"{} {name}\"\n", stage.nonce());
        for package in PACKAGES {
            pond.index.offer(package, "1.0", &nonce)?;
        }
        pond.index.offer(PEBBLE, "2.0", &format!("{nonce}IS_ROUND = True\n"))?;
        pond.context.write("pyproject.toml", ROOT.replace("INDEX", &pond.index.url()))?;
        pond.context.write("uv.build.toml", CONFIG)?;
        pond.context.write("README.md", "A pond.\n")?;
        for (member, dependencies) in MEMBERS {
            let module = member.replace('-', "_");
            let directory = format!("members/{member}");
            let imports: String = dependencies
                .iter()
                .map(|name| format!("import {}\n", name.replace('-', "_").trim_end_matches("<2")))
                .collect();
            pond.context.write(
                &format!("{directory}/pyproject.toml"),
                format!(
                    "[project]\nname = \"{member}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
                     dependencies = {dependencies:?}\n\n[project.scripts]\n{member} = \"{module}:main\"\n\n\
                     [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n"
                ),
            )?;
            pond.context.write(
                &format!("{directory}/src/{module}/__init__.py"),
                format!("{imports}\n{nonce}\n\ndef main():\n    print(\"{member}\")\n"),
            )?;
        }
        pond.context.lock()?;
        Ok(pond)
    }
}
