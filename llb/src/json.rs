//! Ops as JSON, as Go's `protojson` writes them: names in lower camel case, 64-bit numbers as text, bytes as base64, and
//! nothing that is empty.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::definition::Definition;
use crate::error::LlbError;
use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action;
use buildkit_proto::pb::op::Op;
use buildkit_proto::pb::user_opt::User;

/// A definition as the Dockerfile frontend shows one: ops and metadata by digest, and where in the sources they come from.
///
/// Mirrors `Result` in `frontend/subrequests/convertllb/convertllb.go`.
pub fn json(definition: &Definition) -> Result<Value, LlbError> {
    let ops = definition.ops()?;
    let definition = definition.as_pb();
    let ops: Map<String, Value> = ops.iter().map(|(digest, message)| (digest.clone(), op(message))).collect();
    let known = definition.metadata.iter();
    let metadata: Map<String, Value> = known.map(|(digest, known)| (digest.clone(), go_metadata(known))).collect();
    let sources = definition.source.as_ref().map(source).unwrap_or_else(|| json!({}));
    Ok(json!({ "def": ops, "metadata": metadata, "source": sources }))
}

/// A message in the making.
#[derive(Default)]
struct Message(Map<String, Value>);

impl Message {
    /// A field in any case.
    fn always(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// A message, if there is one.
    fn message<T>(self, name: &str, message: Option<&T>, to_json: impl FnOnce(&T) -> Value) -> Self {
        match message {
            Some(message) => self.always(name, to_json(message)),
            None => self,
        }
    }

    fn text(self, name: &str, text: &str) -> Self {
        if text.is_empty() { self } else { self.always(name, json!(text)) }
    }

    fn flag(self, name: &str, flag: bool) -> Self {
        if flag { self.always(name, json!(true)) } else { self }
    }

    fn int32(self, name: &str, number: impl Into<i64>) -> Self {
        match number.into() {
            0 => self,
            number => self.always(name, json!(number)),
        }
    }

    fn int64(self, name: &str, number: i64) -> Self {
        if number == 0 { self } else { self.always(name, json!(number.to_string())) }
    }

    fn bytes(self, name: &str, bytes: &[u8]) -> Self {
        self.text(name, &STANDARD.encode(bytes))
    }

    fn texts(self, name: &str, texts: &[String]) -> Self {
        self.list(name, texts, |text| json!(text))
    }

    fn list<T>(self, name: &str, items: &[T], to_json: impl FnMut(&T) -> Value) -> Self {
        if items.is_empty() { self } else { self.always(name, items.iter().map(to_json).collect()) }
    }

    fn map<'a, T: 'a>(
        self,
        name: &str,
        entries: impl IntoIterator<Item = (&'a String, &'a T)>,
        to_json: impl Fn(&T) -> Value,
    ) -> Self {
        let entries: Map<String, Value> =
            entries.into_iter().map(|(key, value)| (key.clone(), to_json(value))).collect();
        if entries.is_empty() { self } else { self.always(name, Value::Object(entries)) }
    }

    /// An enum by the name of its value; by its number when it has none.
    fn value<T: TryFrom<i32>>(self, name: &str, number: i32, to_name: impl FnOnce(&T) -> &'static str) -> Self {
        match T::try_from(number) {
            _ if number == 0 => self,
            Ok(value) => self.text(name, to_name(&value)),
            Err(_) => self.int32(name, number),
        }
    }

    fn end(self) -> Value {
        Value::Object(self.0)
    }
}

fn new() -> Message {
    Message::default()
}

fn op(message: &pb::Op) -> Value {
    let input = |input: &pb::Input| new().text("digest", &input.digest).int64("index", input.index).end();
    let kind = match &message.op {
        None => new(),
        Some(Op::Exec(message)) => new().always("exec", exec(message)),
        Some(Op::Source(source)) => {
            let attrs = |text: &String| json!(text);
            let source = new().text("identifier", &source.identifier).map("attrs", &source.attrs, attrs);
            new().always("source", source.end())
        }
        Some(Op::File(file)) => new().always("file", new().list("actions", &file.actions, action).end()),
        Some(Op::Build(message)) => new().always("build", build(message)),
        Some(Op::Merge(merge)) => {
            let input = |merged: &pb::MergeInput| new().int64("input", merged.input).end();
            new().always("merge", new().list("inputs", &merge.inputs, input).end())
        }
        Some(Op::Diff(diff)) => {
            let lower = |lower: &pb::LowerDiffInput| new().int64("input", lower.input).end();
            let upper = |upper: &pb::UpperDiffInput| new().int64("input", upper.input).end();
            let both = new().message("lower", diff.lower.as_ref(), lower);
            new().always("diff", both.message("upper", diff.upper.as_ref(), upper).end())
        }
    };
    let constraints = |constraints: &pb::WorkerConstraints| new().texts("filter", &constraints.filter).end();
    kind.list("inputs", &message.inputs, input)
        .message("platform", message.platform.as_ref(), platform)
        .message("constraints", message.constraints.as_ref(), constraints)
        .end()
}

fn platform(platform: &pb::Platform) -> Value {
    new()
        .text("Architecture", &platform.architecture)
        .text("OS", &platform.os)
        .text("Variant", &platform.variant)
        .text("OSVersion", &platform.os_version)
        .texts("OSFeatures", &platform.os_features)
        .end()
}

fn exec(exec: &pb::ExecOp) -> Value {
    let secret = |secret: &pb::SecretEnv| {
        new().text("ID", &secret.id).text("name", &secret.name).flag("optional", secret.optional).end()
    };
    let device = |device: &pb::CdiDevice| new().text("name", &device.name).flag("optional", device.optional).end();
    new()
        .message("meta", exec.meta.as_ref(), meta)
        .list("mounts", &exec.mounts, mount)
        .value("network", exec.network, pb::NetMode::as_str_name)
        .value("security", exec.security, pb::SecurityMode::as_str_name)
        .list("secretenv", &exec.secretenv, secret)
        .list("cdiDevices", &exec.cdi_devices, device)
        .end()
}

fn meta(meta: &pb::Meta) -> Value {
    let proxy = |proxy: &pb::ProxyEnv| {
        new()
            .text("httpProxy", &proxy.http_proxy)
            .text("httpsProxy", &proxy.https_proxy)
            .text("ftpProxy", &proxy.ftp_proxy)
            .text("noProxy", &proxy.no_proxy)
            .text("allProxy", &proxy.all_proxy)
            .end()
    };
    let host = |host: &pb::HostIp| new().text("Host", &host.host).text("IP", &host.ip).end();
    let limit =
        |limit: &pb::Ulimit| new().text("Name", &limit.name).int64("Soft", limit.soft).int64("Hard", limit.hard).end();
    new()
        .texts("args", &meta.args)
        .texts("env", &meta.env)
        .text("cwd", &meta.cwd)
        .text("user", &meta.user)
        .message("proxyEnv", meta.proxy_env.as_ref(), proxy)
        .list("extraHosts", &meta.extra_hosts, host)
        .text("hostname", &meta.hostname)
        .list("ulimit", &meta.ulimit, limit)
        .text("cgroupParent", &meta.cgroup_parent)
        .flag("removeMountStubsRecursive", meta.remove_mount_stubs_recursive)
        .list("validExitCodes", &meta.valid_exit_codes, |code| json!(code))
        .end()
}

fn mount(mount: &pb::Mount) -> Value {
    let cache = |cache: &pb::CacheOpt| {
        new().text("ID", &cache.id).value("sharing", cache.sharing, pb::CacheSharingOpt::as_str_name).end()
    };
    let access = |id: &str, uid: u32, gid: u32, mode: u32, optional: bool| {
        new().text("ID", id).int32("uid", uid).int32("gid", gid).int32("mode", mode).flag("optional", optional).end()
    };
    let secret = |secret: &pb::SecretOpt| access(&secret.id, secret.uid, secret.gid, secret.mode, secret.optional);
    let ssh = |ssh: &pb::SshOpt| access(&ssh.id, ssh.uid, ssh.gid, ssh.mode, ssh.optional);
    new()
        .int64("input", mount.input)
        .text("selector", &mount.selector)
        .text("dest", &mount.dest)
        .int64("output", mount.output)
        .flag("readonly", mount.readonly)
        .value("mountType", mount.mount_type, pb::MountType::as_str_name)
        .message("TmpfsOpt", mount.tmpfs_opt.as_ref(), |tmpfs| new().int64("size", tmpfs.size).end())
        .message("cacheOpt", mount.cache_opt.as_ref(), cache)
        .message("secretOpt", mount.secret_opt.as_ref(), secret)
        .message("SSHOpt", mount.ssh_opt.as_ref(), ssh)
        .text("resultID", &mount.result_id)
        .value("contentCache", mount.content_cache, pb::MountContentCache::as_str_name)
        .end()
}

fn action(action: &pb::FileAction) -> Value {
    let indices = new()
        .int64("input", action.input)
        .int64("secondaryInput", action.secondary_input)
        .int64("output", action.output);
    let kind = match &action.action {
        None => return indices.end(),
        Some(Action::Copy(message)) => indices.always("copy", copy(message)),
        Some(Action::Mkfile(file)) => {
            let owned = new().text("path", &file.path).int32("mode", file.mode).bytes("data", &file.data);
            indices.always("mkfile", made(owned, file.owner.as_ref(), file.timestamp))
        }
        Some(Action::Mkdir(directory)) => {
            let named = new().text("path", &directory.path).int32("mode", directory.mode);
            let owned = named.flag("makeParents", directory.make_parents);
            indices.always("mkdir", made(owned, directory.owner.as_ref(), directory.timestamp))
        }
        Some(Action::Symlink(link)) => {
            let owned = new().text("oldpath", &link.oldpath).text("newpath", &link.newpath);
            indices.always("symlink", made(owned, link.owner.as_ref(), link.timestamp))
        }
        Some(Action::Rm(rm)) => {
            let flags = new().flag("allowNotFound", rm.allow_not_found).flag("allowWildcard", rm.allow_wildcard);
            indices.always("rm", flags.text("path", &rm.path).end())
        }
    };
    kind.end()
}

fn copy(copy: &pb::FileActionCopy) -> Value {
    let message = new()
        .text("src", &copy.src)
        .text("dest", &copy.dest)
        .int32("mode", copy.mode)
        .flag("followSymlink", copy.follow_symlink)
        .flag("dirCopyContents", copy.dir_copy_contents)
        .flag("attemptUnpackDockerCompatibility", copy.attempt_unpack_docker_compatibility)
        .flag("createDestPath", copy.create_dest_path)
        .flag("allowWildcard", copy.allow_wildcard)
        .flag("allowEmptyWildcard", copy.allow_empty_wildcard)
        .texts("includePatterns", &copy.include_patterns)
        .texts("excludePatterns", &copy.exclude_patterns)
        .flag("alwaysReplaceExistingDestPaths", copy.always_replace_existing_dest_paths)
        .text("modeStr", &copy.mode_str)
        .texts("requiredPaths", &copy.required_paths);
    made(message, copy.owner.as_ref(), copy.timestamp)
}

/// Owner and time of what an action makes.
fn made(message: Message, owner: Option<&pb::ChownOpt>, timestamp: i64) -> Value {
    let user = |user: &pb::UserOpt| match &user.user {
        None => new().end(),
        Some(User::ById(id)) => new().always("byID", json!(id)).end(),
        Some(User::ByName(user)) => {
            new().always("byName", new().text("name", &user.name).int64("input", user.input).end()).end()
        }
    };
    let both = |owner: &pb::ChownOpt| {
        new().message("user", owner.user.as_ref(), user).message("group", owner.group.as_ref(), user).end()
    };
    message.message("owner", owner, both).int64("timestamp", timestamp).end()
}

fn build(build: &pb::BuildOp) -> Value {
    new()
        .int64("builder", build.builder)
        .map("inputs", &build.inputs, |input| new().int64("input", input.input).end())
        .message("def", build.def.as_ref(), definition)
        .map("attrs", &build.attrs, |text| json!(text))
        .end()
}

fn definition(definition: &pb::Definition) -> Value {
    new()
        .list("def", &definition.def, |op| json!(STANDARD.encode(op)))
        .map("metadata", &definition.metadata, metadata)
        .message("Source", definition.source.as_ref(), source)
        .end()
}

fn metadata(metadata: &pb::OpMetadata) -> Value {
    new()
        .flag("ignoreCache", metadata.ignore_cache)
        .map("description", &metadata.description, |text| json!(text))
        .message("exportCache", metadata.export_cache.as_ref(), export_cache)
        .map("caps", &metadata.caps, |needed| json!(needed))
        .message("progressGroup", metadata.progress_group.as_ref(), progress_group)
        .end()
}

/// Not by `protojson`, but as `encoding/json` writes Go's `llb.OpMetadata`.
fn go_metadata(metadata: &pb::OpMetadata) -> Value {
    new()
        .flag("ignore_cache", metadata.ignore_cache)
        .map("description", &metadata.description, |text| json!(text))
        .message("export_cache", metadata.export_cache.as_ref(), export_cache)
        .map("caps", &metadata.caps, |needed| json!(needed))
        .message("progress_group", metadata.progress_group.as_ref(), progress_group)
        .end()
}

fn export_cache(export: &pb::ExportCache) -> Value {
    new().flag("Value", export.value).end()
}

fn progress_group(group: &pb::ProgressGroup) -> Value {
    new().text("id", &group.id).text("name", &group.name).flag("weak", group.weak).end()
}

fn source(source: &pb::Source) -> Value {
    let position =
        |position: &pb::Position| new().int32("line", position.line).int32("character", position.character).end();
    let range = |range: &pb::Range| {
        new().message("start", range.start.as_ref(), position).message("end", range.end.as_ref(), position).end()
    };
    let location = |location: &pb::Location| {
        new().int32("sourceIndex", location.source_index).list("ranges", &location.ranges, range).end()
    };
    let info = |info: &pb::SourceInfo| {
        new()
            .text("filename", &info.filename)
            .bytes("data", &info.data)
            .message("definition", info.definition.as_ref(), definition)
            .text("language", &info.language)
            .end()
    };
    new()
        .map("locations", &source.locations, |locations| new().list("locations", &locations.locations, location).end())
        .list("infos", &source.infos, info)
        .end()
}
