//! Where files and images come from: the build context, the directory of the config, and named contexts (dockerui:
//! `context.go`, `namedcontext.go`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use buildkit_llb::{
    Copy, File, Git, Http, HttpUrl, Image, Input, Local, Metadata, OciLayout, Output, normalize_image_ref,
};
use buildkit_proto::gateway::{
    FileRange, ImageRequest, OciStore, ResolveMode, ResolvedImage, SolveRequest, SourceRequest,
};
use buildkit_proto::{Gateway, GatewayError, pb};

use super::failure::Failure;
use super::solve::solve;
use crate::diagnostic::Diagnostic;
use crate::lower;
use crate::lower::context::{ALWAYS_IGNORED, without_ignored};
use crate::options::{GitReference, Options};
use crate::passwords;
use crate::platform::Platform;
use crate::project::{Project, Target};

/// What the client sends, and refers to.
pub struct Contexts<'a> {
    pub gateway: &'a Gateway,
    pub options: &'a Options,
    /// Graphs that the client sends along, such as targets of bake that others are linked to.
    inputs: BTreeMap<String, pb::Definition>,
    /// The build context.
    pub context: Place,
    /// Where the file lies that `-f` names.
    pub definition: Place,
    /// Name of that file.
    pub filename: String,
    /// The source of a remote context, which has a time.
    source: Option<pb::SourceOp>,
}

/// A tree of files.
#[derive(Clone, Debug)]
pub enum Place {
    /// A directory of the client's.
    Local {
        /// As the client calls it.
        name: String,
        /// The session that serves it.
        session: String,
    },
    /// The result of a graph.
    Graph(Input),
}

/// An image that takes the place of another.
pub struct Replacement {
    /// How plans and messages name it.
    pub reference: String,
    /// Its OCI config.
    pub config: Vec<u8>,
    /// Its files.
    pub root: Output,
}

/// What the client means when it names no file.
pub const DEFAULT_FILENAME: &str = "Dockerfile";

/// Name of a download whose own is not known.
const DOWNLOAD: &str = "context";

impl<'a> Contexts<'a> {
    /// Looks at what the client sent. The name of a remote context is in the option `contextkey`, if it is not `context`; a
    /// `dockerfilekey` keeps the config with the client even so.
    pub async fn open(gateway: &'a Gateway, options: &'a Options) -> Result<Self, Failure> {
        let inputs = gateway.inputs().await?;
        let local =
            |name: &str| Place::Local { name: name.to_owned(), session: options.local_session(name).to_owned() };
        let forced = options.get("dockerfilekey");
        let mut filename = options.get("filename").unwrap_or(DEFAULT_FILENAME).to_owned();
        let mut source = None;
        let remote = options.get(options.get("contextkey").unwrap_or("context"));
        let (mut context, mut definition) = (local("context"), local(forced.unwrap_or("dockerfile")));
        if let Some(url) = remote {
            let (root, op) = match git(url, options)? {
                Some(git) => (git.clone(), source_of(&git)),
                None if is_http(url) => {
                    let (root, is_archive, op) = download(gateway, url).await?;
                    if !is_archive && forced.is_none() {
                        DOWNLOAD.clone_into(&mut filename);
                    }
                    (root, op)
                }
                None => {
                    return Err(Diagnostic::new("context::unknown", format!("`{url}` is not a build context"))
                        .help("build from a directory, a git repository, or the URL of an archive")
                        .into());
                }
            };
            source = op;
            context = Place::Graph(root.into());
        } else if let Some(graph) = inputs.get("context") {
            context = Place::Graph(buildkit_llb::import(graph)?);
        }
        if forced.is_none() {
            match (inputs.get("dockerfile"), &context) {
                (Some(graph), _) if remote.is_none() => definition = Place::Graph(buildkit_llb::import(graph)?),
                (_, Place::Graph(_)) if remote.is_some() => definition = context.clone(),
                _ => {}
            }
        }
        if let (Place::Graph(root), Some(directory)) = (&context, options.get("contextsubdir")) {
            let copy = Copy::new(root, directory, "/").contents_only();
            let name = format!("[internal] context directory {directory}");
            let scoped = File::on(Input::Scratch).copy(copy).metadata(Metadata::named(name)).build();
            context = Place::Graph(scoped.into());
        }
        Ok(Self { gateway, options, inputs, context, definition, filename, source })
    }

    /// The time of a remote context in seconds: of its commit, or when it was last changed. Directories have none.
    pub async fn time(&self) -> Result<Option<i64>, Failure> {
        let Some(source) = self.source.clone() else { return Ok(None) };
        let git_object = source.identifier.starts_with("git://");
        let log_name = "[internal] resolve main build context metadata".to_owned();
        let request = SourceRequest { source, git_object, log_name, ..SourceRequest::default() };
        let meta = self.gateway.resolve_source(request).await?;
        let commit = meta.git.and_then(|git| committer_time(&git.commit_object));
        Ok(commit.or(meta.http.and_then(|http| http.last_modified)))
    }

    /// The value of a named context, for one platform or for all.
    fn named(&self, name: &str, platform: &Platform) -> Option<&'a str> {
        let for_platform = format!("context:{name}::{platform}");
        self.options.get(&for_platform).or_else(|| self.options.get(&format!("context:{name}")))
    }

    /// Named contexts that the build of a target has no use for.
    pub fn unused(&self, project: &Project, target: &Target) -> Vec<Diagnostic> {
        let of_steps = target.images_of_steps().map(|(image, _)| image);
        let images = [&target.base, &target.builder, &target.uv].into_iter().chain(of_steps);
        let images: Vec<String> = images.map(|image| familiar(&image.value)).collect();
        let frontend = familiar(self.options.get("source").unwrap_or_default());
        let mut known: Vec<&str> = images.iter().map(String::as_str).chain(project.local_names()).collect();
        let names = self.options.all.keys().filter_map(|key| key.strip_prefix("context:"));
        let names: BTreeSet<&str> = names.map(|name| name.split("::").next().unwrap_or_default()).collect();
        known.sort_unstable();
        let unused = names.into_iter().filter(|name| !known.contains(name) && *name != frontend);
        let warn = |name: &str| {
            Diagnostic::new("context::unused", format!("the build context `{name}` is not used"))
                .did_you_mean(name, known.iter().copied())
                .help("a named context can replace an image that the target uses, or the files of a local project")
        };
        unused.map(warn).collect()
    }

    /// The image that a named context puts in the place of `image`, if there is one.
    pub async fn replace_image(
        &self,
        image: &str,
        platform: &Platform,
        resolve_mode: ResolveMode,
    ) -> Result<Option<Replacement>, Failure> {
        let name = familiar(image);
        let Some(value) = self.named(&name, platform) else { return Ok(None) };
        let (scheme, rest) = split(value);
        match scheme {
            "docker-image" | "oci-layout" => self.image(&name, scheme, rest, platform, resolve_mode).await.map(Some),
            "input" => {
                let Input::Output(root) = self.input(&name, rest)? else {
                    return Err(not_an_image(&name, value).into());
                };
                let told = self.options.get(&format!("input-metadata:{rest}")).unwrap_or("{}");
                let told: BTreeMap<String, String> = serde_json::from_str(told).unwrap_or_default();
                let config = told.get("containerimage.config").cloned().unwrap_or_default();
                let config = base64::engine::general_purpose::STANDARD.decode(config).unwrap_or_default();
                Ok(Some(Replacement { reference: format!("context:{name}"), config, root }))
            }
            _ => Err(not_an_image(&name, value).into()),
        }
    }

    /// The files that a named context puts in the place of the directory of a project, if there is one.
    pub async fn replace_directory(&self, name: &str, platform: &Platform) -> Result<Option<(Place, Input)>, Failure> {
        let Some(value) = self.named(name, platform) else { return Ok(None) };
        let (scheme, rest) = split(value);
        let graph = |input: Input| (Place::Graph(input.clone()), without_ignored(&input, None).into());
        if let Some(git) = git(value, self.options)? {
            return Ok(Some(graph(git.into())));
        }
        match scheme {
            "docker-image" | "oci-layout" => {
                let image = self.image(name, scheme, rest, platform, ResolveMode::Default).await?;
                Ok(Some(graph(image.root.into())))
            }
            "http" | "https" => {
                let name = format!("[context {name}] {}", passwords::hide(value));
                let archive = Http::new(&web_url(value)?).filename(DOWNLOAD).metadata(Metadata::named(name)).build();
                Ok(Some(graph(unpacked(&archive).into())))
            }
            "input" => Ok(Some(graph(self.input(name, rest)?))),
            "local" => {
                let session = self.options.local_session(rest).to_owned();
                let place = Place::Local { name: rest.to_owned(), session: session.clone() };
                let ignored = self.ignored(&place, name).await?;
                let key = self.options.get(&format!("sharedkey:localdir:{name}")).unwrap_or_default();
                let local = Local::new(rest)
                    .session(session)
                    .exclude(ALWAYS_IGNORED.iter().map(|pattern| (*pattern).to_owned()).chain(ignored))
                    .shared_key_hint(format!("context:{name}-{key}"))
                    .metadata(Metadata::named(format!("[context {name}] load from client")));
                Ok(Some((place, local.build().into())))
            }
            _ => Err(Diagnostic::new("context::unknown", format!("`{value}` is not a build context for `{name}`"))
                .help("use a directory, a git repository, an archive, an image or a target of bake")
                .into()),
        }
    }

    fn input(&self, name: &str, key: &str) -> Result<Input, Failure> {
        let definition = self.inputs.get(key).ok_or_else(|| {
            Diagnostic::new("context::missing_input", format!("the client did not send the input `{key}` of `{name}`"))
        })?;
        Ok(buildkit_llb::import(definition)?)
    }

    /// An image of a registry, or of an OCI layout that the client has.
    async fn image(
        &self,
        name: &str,
        scheme: &str,
        rest: &str,
        platform: &Platform,
        resolve_mode: ResolveMode,
    ) -> Result<Replacement, Failure> {
        let rest = rest.trim_start_matches("//");
        let invalid = |reason: &dyn std::fmt::Display| {
            Failure::from(Diagnostic::new(
                "context::not_an_image",
                format!("`{scheme}://{rest}` of the context `{name}` is not an image: {reason}"),
            ))
        };
        let llb_platform = lower::platform(platform);
        // The client's layout goes by the name of what it replaces: that of the layout may say nothing.
        let (reference, store) = match (scheme, rest.split_once('@')) {
            ("oci-layout", None) => return Err(invalid(&"it has no digest")),
            ("oci-layout", Some((store, digest))) => {
                let store = store.rsplit_once(':').map_or(store, |(store, _)| store).to_owned();
                let store = OciStore { session_id: self.options.session.clone(), store_id: store };
                (format!("{name}@{digest}"), Some(store))
            }
            _ => (rest.to_owned(), None),
        };
        let reference = normalize_image_ref(&reference).map_err(|error| invalid(&error))?;
        let request = ImageRequest {
            reference: reference.clone(),
            platform: Some(llb_platform.to_pb()),
            resolve_mode,
            log_name: format!("[context {name}] load metadata for {reference}"),
            oci_store: store.clone(),
            ..ImageRequest::default()
        };
        let resolved = self.gateway.resolve_image_config(request).await?;
        let pinned = pinned(&resolved);
        let metadata = Metadata::named(format!("[context {name}] {pinned}"));
        let root = match store {
            Some(store) => OciLayout::new(&reference)
                .platform(&llb_platform)
                .session(store.session_id)
                .store(store.store_id)
                .metadata(metadata)
                .build(),
            None => Image::new(&pinned).platform(&llb_platform).metadata(metadata).build(),
        };
        Ok(Replacement { reference: pinned, config: resolved.config, root })
    }
}

/// The reference with a digest. A Docker engine tells none of an image that it has itself (moby:
/// `builder-next/adapters/containerimage`).
pub fn pinned(resolved: &ResolvedImage) -> String {
    match resolved.reference.contains('@') || resolved.digest.is_empty() {
        true => resolved.reference.clone(),
        false => format!("{}@{}", resolved.reference, resolved.digest),
    }
}

fn not_an_image(name: &str, value: &str) -> Diagnostic {
    Diagnostic::new("context::not_an_image", format!("`{value}` replaces the image `{name}`, but is not an image"))
        .help("use an image (`docker-image://…`, `oci-layout://…`) or a target of bake (`target:…`)")
}

/// `SCHEME:REST`
fn split(value: &str) -> (&str, &str) {
    value.split_once(':').unwrap_or((value, ""))
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// As clients name an image in `context:NAME`: without the default registry and tag (distribution: `FamiliarString`).
fn familiar(image: &str) -> String {
    let full = normalize_image_ref(image).unwrap_or_else(|_| image.to_owned());
    let short = full.strip_prefix("docker.io/library/").or_else(|| full.strip_prefix("docker.io/")).unwrap_or(&full);
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

/// The repository that a URL names, if it names one.
fn git(url: &str, options: &Options) -> Result<Option<Output>, Failure> {
    let Some(parsed) = GitReference::parse(url) else { return Ok(None) };
    let git = parsed.map_err(|error| Diagnostic::new("context::bad_git_reference", format!("`{url}`: {error}")))?;
    if !buildkit_llb::is_git_remote(&git.remote) || git.reference.starts_with('-') {
        let problem = format!("`{url}` is not a branch, tag or commit of a repository that can be fetched");
        return Err(Diagnostic::new("context::bad_git_reference", problem).into());
    }
    let mut source = Git::new(&git.remote, &git.reference).subdir(&git.subdirectory);
    if git.keep_git_dir || options.flag("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR") {
        source = source.keep_git_dir();
    }
    if !git.checksum.is_empty() {
        source = source.checksum(&git.checksum);
    }
    if git.skip_submodules {
        source = source.skip_submodules();
    }
    if git.mtime_commit {
        source = source.mtime_commit();
    }
    if git.fetch_by_commit {
        source = source.fetch_by_commit();
    }
    Ok(Some(source.metadata(Metadata::named(format!("[internal] load git source {}", passwords::hide(url)))).build()))
}

fn web_url(text: &str) -> Result<HttpUrl, Diagnostic> {
    HttpUrl::parse(text)
        .map_err(|error| Diagnostic::new("context::bad_url", format!("`{text}` cannot be fetched: {error}")))
}

/// What a URL holds: the files of an archive, or the config itself. With it, whether it is an archive.
async fn download(gateway: &Gateway, url: &str) -> Result<(Output, bool, Option<pb::SourceOp>), Failure> {
    let metadata = Metadata::named("[internal] load remote build context");
    let http = Http::new(&web_url(url)?).filename(DOWNLOAD).metadata(metadata).build();
    let source = source_of(&http);
    let definition = buildkit_llb::marshal(&http)?.into_pb();
    let reference = solve(gateway, SolveRequest { definition, ..SolveRequest::default() }).await?;
    let reference = reference.ok_or_else(|| GatewayError::new(format!("`{}` is empty", passwords::hide(url))))?;
    let start = gateway.read_file(&reference, DOWNLOAD, Some(FileRange { offset: 0, length: 1024 })).await?;
    if is_archive(&start) { Ok((unpacked(&http), true, source)) } else { Ok((http, false, source)) }
}

fn unpacked(archive: &Output) -> Output {
    let copy = Copy::new(archive, format!("/{DOWNLOAD}"), "/").attempt_unpack();
    File::on(Input::Scratch).copy(copy).metadata(Metadata::named("[internal] unpack build context")).build()
}

/// A tar file, plain or compressed with what BuildKit unpacks (`util/archiveutil`).
fn is_archive(start: &[u8]) -> bool {
    const COMPRESSIONS: [&[u8]; 4] = [b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
    COMPRESSIONS.iter().any(|magic| start.starts_with(magic)) || start.get(257..262) == Some(b"ustar")
}

fn source_of(output: &Output) -> Option<pb::SourceOp> {
    match &output.vertex().op().op {
        Some(pb::op::Op::Source(source)) => Some(source.clone()),
        _ => None,
    }
}

/// The seconds of a commit's line `committer NAME <MAIL> SECONDS ZONE`.
fn committer_time(object: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(object);
    let line = text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix("committer "))?;
    line.rsplit_once("> ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_images_as_clients_do() {
        for (image, name) in [
            ("python:3.13-slim", "python:3.13-slim"),
            ("docker.io/library/python", "python"),
            ("docker.io/a/b:latest", "a/b"),
            ("ghcr.io/astral-sh/uv:0.13.9", "ghcr.io/astral-sh/uv:0.13.9"),
        ] {
            assert_eq!(familiar(image), name);
        }
    }

    #[test]
    fn knows_archives_by_their_start() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(is_archive(&tar) && is_archive(b"\x1f\x8b\x08\0") && is_archive(b"\x28\xb5\x2f\xfd\0"));
        assert!(!is_archive(b"\x28\xb5") && !is_archive(b"# syntax=x\n") && !is_archive(b""));
    }

    #[test]
    fn reads_the_time_of_a_commit() {
        let commit = b"tree 1\nauthor A <a@x> 1 +0000\ncommitter B <b@x> 1234567890 +0200\n\ncommitter C <c> 3 +0\n";
        assert_eq!(committer_time(commit), Some(1_234_567_890));
        assert_eq!(committer_time(b""), None);
    }
}
