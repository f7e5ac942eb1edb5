//! The ways to build the workspace that are compared: this frontend's config, and two Dockerfiles.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::project::{Project, write};

/// What all of them start from.
pub const BASE: &str = "python:3.13-slim-bookworm";
pub const UV: &str = "ghcr.io/astral-sh/uv:0.13.9";
pub const FRONTEND: &str = "ghcr.io/uv-buildkit/uv-buildkit:1";
/// The Dockerfile frontend as an image, as most Dockerfiles name it in their first line.
pub const DOCKERFILE_FRONTEND: &str = "docker/dockerfile:1";

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Contestant {
    /// This frontend
    Ours,
    /// The Dockerfile for workspaces in uv's guide
    Guide,
    /// The same with bound manifests of all members and two stages
    Best,
}

impl Contestant {
    pub const ALL: [Contestant; 3] = [Contestant::Ours, Contestant::Guide, Contestant::Best];

    pub fn name(self) -> &'static str {
        match self {
            Contestant::Ours => "ours",
            Contestant::Guide => "guide",
            Contestant::Best => "best",
        }
    }

    /// The file for `docker buildx build --file`, below the workspace.
    pub fn file(self, loaded: Loaded) -> String {
        match (self, loaded) {
            (Contestant::Ours, _) => "ours.Dockerfile".to_owned(),
            (other, Loaded::BuiltIn) => format!("{}.Dockerfile", other.name()),
            (other, Loaded::AsImage) => format!("{}.syntax.Dockerfile", other.name()),
        }
    }

    /// What chooses the service that is built.
    pub fn choice(self, service: &str) -> [String; 2] {
        match self {
            Contestant::Ours => ["--target".to_owned(), service.to_owned()],
            Contestant::Guide | Contestant::Best => ["--build-arg".to_owned(), format!("PACKAGE={service}")],
        }
    }

    /// A file for `docker buildx bake` that builds all services and pushes them to `repository`/SERVICE.
    pub fn bake_file(self, services: &[&str], workspace: &Path, repository: &str) -> Value {
        let target = |service: &str| {
            let mut target = json!({
                "context": workspace,
                "dockerfile": self.file(Loaded::BuiltIn),
                "tags": [format!("{repository}/{service}:latest")],
            });
            match self {
                Contestant::Ours => target["target"] = json!(service),
                Contestant::Guide | Contestant::Best => target["args"] = json!({ "PACKAGE": service }),
            }
            target
        };
        let targets: serde_json::Map<String, Value> =
            services.iter().map(|&service| (service.to_owned(), target(service))).collect();
        json!({ "group": { "default": { "targets": services } }, "target": targets })
    }
}

/// Where the Dockerfile frontend comes from; this frontend is always an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The one in BuildKit itself.
    BuiltIn,
    /// The image that a `# syntax=` line names.
    AsImage,
}

/// Writes what all contestants need beside the members.
pub fn write_all(project: &Project) -> Result<()> {
    let directory = project.directory();
    write(&directory.join(Contestant::Ours.file(Loaded::BuiltIn)), &format!("# syntax={FRONTEND}\n"))?;
    write(&directory.join("uv.build.toml"), &config(&project.services()))?;
    for (contestant, text) in [(Contestant::Guide, guide()), (Contestant::Best, best(project))] {
        write(&directory.join(contestant.file(Loaded::BuiltIn)), &text)?;
        let with_syntax = format!("# syntax={DOCKERFILE_FRONTEND}\n{text}");
        write(&directory.join(contestant.file(Loaded::AsImage)), &with_syntax)?;
    }
    Ok(())
}

fn config(services: &[&str]) -> String {
    let mut text = format!(
        "default-target = \"api\"\n\n[python]\nversion = \"3.13\"\n\n[uv]\nimage = \"{UV}\"\n\n[defaults]\nbase = \"{BASE}\"\n"
    );
    for service in services {
        text += &format!("\n[targets.{service}]\npackage = \"{service}\"\ncmd = [\"{service}\"]\n");
    }
    text
}

/// "Intermediate layers" for workspaces in uv's guide to Docker, with what the guide says about bytecode, the link mode
/// and images without editable installs.
fn guide() -> String {
    format!(
        r#"FROM {BASE}
COPY --from={UV} /uv /uvx /bin/

ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never

WORKDIR /app

RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --frozen --no-install-workspace

COPY . /app

ARG PACKAGE=api
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-editable --package $PACKAGE

ENV PATH="/app/.venv/bin:$PATH" PACKAGE=$PACKAGE
CMD exec "$PACKAGE"
"#
    )
}

/// The guide's advice taken together: only what the target needs is synced before the sources are there, which takes the
/// manifests of all members, and the image has the environment but neither sources nor uv.
fn best(project: &Project) -> String {
    let manifests: String = project
        .members()
        .map(|member| format!("packages/{member}/pyproject.toml"))
        .map(|path| format!("    --mount=type=bind,source={path},target={path} \\\n"))
        .collect();
    format!(
        r#"FROM {BASE} AS builder
COPY --from={UV} /uv /uvx /bin/

ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never

WORKDIR /app

ARG PACKAGE=api
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
{manifests}    uv sync --frozen --no-dev --no-install-workspace --package $PACKAGE

COPY . /app

RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --package $PACKAGE

FROM {BASE}
RUN groupadd --system --gid 999 nonroot && useradd --system --gid 999 --uid 999 --create-home nonroot
COPY --from=builder --chown=nonroot:nonroot /app/.venv /app/.venv
ARG PACKAGE=api
ENV PATH="/app/.venv/bin:$PATH" PACKAGE=$PACKAGE
USER nonroot
WORKDIR /app
CMD exec "$PACKAGE"
"#
    )
}
