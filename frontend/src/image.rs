//! The OCI image config of a target, as bytes. No clock: the same sources give the same image whenever it is built, so `created`
//! is `SOURCE_DATE_EPOCH`, or the time that every file of the image has.

pub mod command;
mod labels;
pub mod program;
pub mod start;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::account::User;
use crate::config::Healthcheck;
use crate::image_config::{ImageConfig, path, set};
use crate::manifest::Manifest;
use crate::plan::destination::Destination;
use crate::plan::{Plan, system};
use crate::project::Target;
use crate::rootfs::EPOCH_SECONDS;

/// Makes the config from the base's, so that what the base declares and this does not know of is kept.
///
/// `manifest` is that of the target's own project; `history` has one line for each layer over the base (exporter:
/// `normalizeLayersAndHistory`); `epoch` is in seconds.
pub fn config(
    base: &ImageConfig,
    target: &Target,
    plan: &Plan,
    manifest: Option<&Manifest>,
    history: &[String],
    epoch: Option<i64>,
) -> Vec<u8> {
    let mut image = base.document().clone();
    describe_platform(&mut image, plan);
    // The exporter writes this anew from what it exports.
    let base_layers = image.remove("rootfs").and_then(|rootfs| rootfs["diff_ids"].as_array().map(Vec::len));
    let created = rfc3339(epoch.unwrap_or(EPOCH_SECONDS));
    image.insert("created".to_owned(), json!(created));

    let mut runtime = match image.remove("config") {
        Some(Value::Object(runtime)) => runtime,
        _ => Map::new(),
    };
    let home = home(&base.env, target, plan);
    let mut env = environment(base, target, plan);
    if let Some(home) = &home {
        set(&mut env, "HOME", home);
    }
    for (name, value) in plan.start.iter().flat_map(|start| &start.env) {
        start_with(&mut env, name, value);
    }
    let env: Vec<String> = env.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    runtime.insert("Env".to_owned(), json!(env));
    if let Some(user) = &plan.user {
        runtime.insert("User".to_owned(), json!(ids(user)));
    }
    runtime.insert("WorkingDir".to_owned(), json!(plan.workdir));
    let mut labels = labels::told(target, plan, manifest);
    labels.extend(target.labels.clone());
    merge_object(&mut runtime, "Labels", labels.into_iter().map(|(name, value)| (name, json!(value))));
    merge_object(&mut runtime, "Volumes", target.volumes.iter().map(|path| (path.clone(), json!({}))));
    let found = plan.start.iter().filter_map(|start| start.port).filter(|_| target.expose.is_empty());
    let ports = target.expose.iter().cloned().chain(found.map(|port| format!("{port}/tcp")));
    merge_object(&mut runtime, "ExposedPorts", ports.map(|port| (port, json!({}))));
    if let Some(check) = &target.healthcheck {
        runtime.insert("Healthcheck".to_owned(), healthcheck(check));
    }
    if let Some(signal) = &target.stop_signal {
        runtime.insert("StopSignal".to_owned(), json!(signal));
    }
    let command = command::of(target, plan);
    if target.entrypoint.is_some() || command.is_some() {
        // Where packages lie in a directory it is the base's entrypoint that starts what is in there: a command is its argument.
        let is_started_by_base = plan.destination != Destination::Venv;
        let is_in_the_way = !is_started_by_base && command::is_python(&base.entrypoint);
        if target.entrypoint.is_some() || is_in_the_way {
            runtime.insert("Entrypoint".to_owned(), json!(target.entrypoint));
        }
        // Whoever sets an entrypoint does not want the base's command with it (Dockerfile: ENTRYPOINT resets CMD).
        runtime.insert("Cmd".to_owned(), json!(command));
    }
    if target.init.is_some() {
        let entrypoint = runtime.get("Entrypoint").and_then(Value::as_array).cloned().unwrap_or_default();
        let entrypoint: Vec<Value> =
            [json!(system::init(&plan.interpreter)), json!("--")].into_iter().chain(entrypoint).collect();
        runtime.insert("Entrypoint".to_owned(), Value::Array(entrypoint));
    }
    // A shell form is of no use to an image that is made without one.
    runtime.remove("ArgsEscaped");
    runtime.retain(|_, value| !value.is_null());
    image.insert("config".to_owned(), Value::Object(runtime));

    let mut entries = base_history(image.remove("history"), base_layers.unwrap_or_default());
    entries.extend(history.iter().map(|line| json!({ "created_by": line, "comment": "uv-buildkit" })));
    // The exporter gives entries without a time that of the build.
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.entry("created").or_insert_with(|| created.clone());
    }
    image.insert("history".to_owned(), Value::Array(entries));
    Value::Object(image).to_string().into_bytes()
}

/// The config of files that are no image, for exporters that make one of them: it has labels, and nothing to run.
pub fn config_of_files(target: &Target, plan: &Plan, epoch: Option<i64>) -> Vec<u8> {
    let mut image = Map::new();
    describe_platform(&mut image, plan);
    image.insert("created".to_owned(), rfc3339(epoch.unwrap_or(EPOCH_SECONDS)));
    let mut runtime = Map::new();
    merge_object(&mut runtime, "Labels", target.labels.iter().map(|(name, value)| (name.clone(), json!(value))));
    image.insert("config".to_owned(), Value::Object(runtime));
    Value::Object(image).to_string().into_bytes()
}

fn describe_platform(image: &mut Map<String, Value>, plan: &Plan) {
    image.insert("architecture".to_owned(), json!(plan.platform.architecture));
    image.insert("os".to_owned(), json!(plan.platform.os));
    if !plan.platform.variant.is_empty() {
        image.insert("variant".to_owned(), json!(plan.platform.variant));
    }
}

/// The base's entries, with one for each of its layers: else the exporter takes ours for theirs.
fn base_history(history: Option<Value>, layers: usize) -> Vec<Value> {
    let mut entries = match history {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    let told = entries.iter().filter(|entry| entry["empty_layer"] != true).count();
    entries.extend((told..layers).map(|_| json!({ "comment": "a layer of the base" })));
    entries
}

/// The environment of an image over a base with this config.
pub fn environment(base: &ImageConfig, target: &Target, plan: &Plan) -> Vec<(String, String)> {
    over(base.env.clone(), target, &plan.destination)
}

/// What an image sets over the environment of its base.
fn over(mut env: Vec<(String, String)>, target: &Target, destination: &Destination) -> Vec<(String, String)> {
    let place = destination.path();
    let path = format!("{place}/bin:{}", path(&env));
    let modules = env.iter().find(|(name, path)| name == "PYTHONPATH" && !path.is_empty());
    let modules = modules.map_or_else(|| place.to_owned(), |(_, others)| format!("{place}:{others}"));
    let places = match destination {
        Destination::Venv | Destination::MovableVenv => vec![("PATH", path), ("VIRTUAL_ENV", place.to_owned())],
        Destination::Directory { is_known: false, .. } => vec![("PATH", path), ("PYTHONPATH", modules)],
        Destination::Directory { is_known: true, .. } => Vec::new(),
    };
    let ours = ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"].map(|name| (name, "1".to_owned()));
    // What is installed is all that `uv run` needs, and nobody may change it.
    let of_uv = [("UV_NO_SYNC", "1"), ("UV_PROJECT_ENVIRONMENT", place), ("UV_PYTHON_DOWNLOADS", "never")];
    let of_uv = of_uv.into_iter().filter(|_| target.has_uv.is_some()).map(|(name, value)| (name, value.to_owned()));
    let ours = places.into_iter().chain(ours).chain(of_uv).map(|(name, value)| (name.to_owned(), value));
    let theirs = target.env.iter().map(|(name, value)| (name.clone(), value.clone()));
    let mut places = BTreeMap::new();
    for (place, (name, _)) in env.iter().enumerate() {
        places.entry(name.clone()).or_insert(place);
    }
    for (name, value) in ours.chain(theirs) {
        match places.get(&name) {
            Some(place) => env[*place].1 = value,
            None => {
                places.insert(name.clone(), env.len());
                env.push((name, value));
            }
        }
    }
    env
}

/// A variable that what is started reads, if it has no value yet. What modules are looked for in is looked at beside others.
fn start_with(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    match env.iter_mut().find(|(known, value)| known == name && !value.is_empty()) {
        Some((_, known)) if name == "PYTHONPATH" => *known = format!("{value}:{known}"),
        Some(_) => {}
        None => set(env, name, value),
    }
}

/// The home of the user, for the environment of the image: where a platform starts it as a uid that no passwd has, nothing else says it.
/// Runtimes know root's, and another uid could not look into it.
pub fn home(base: &[(String, String)], target: &Target, plan: &Plan) -> Option<String> {
    let user = plan.user.as_ref().filter(|_| !target.env.contains_key("HOME"))?;
    let is_known = user.uid == 0 && user.home == "/root" && base.iter().all(|(name, _)| name != "HOME");
    (!is_known).then(|| user.home.clone())
}

/// As Docker's image format has it (moby/docker-image-spec: `HealthcheckConfig`); times in nanoseconds.
fn healthcheck(check: &Healthcheck) -> Value {
    let test: Vec<&str> = std::iter::once("CMD").chain(check.cmd.iter().map(String::as_str)).collect();
    let mut config = json!({
        "Test": test,
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    });
    if let Some(config) = config.as_object_mut() {
        config.retain(|_, value| !value.is_null());
    }
    config
}

/// Numeric, so that it holds whatever `/etc/passwd` says, and so that Kubernetes can see that it is not root.
fn ids(user: &User) -> String {
    format!("{}:{}", user.uid, user.gid)
}

fn merge_object(runtime: &mut Map<String, Value>, key: &str, entries: impl Iterator<Item = (String, Value)>) {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        return;
    }
    let object = runtime.entry(key).or_insert_with(|| json!({}));
    if !object.is_object() {
        *object = json!({});
    }
    if let Some(object) = object.as_object_mut() {
        object.extend(entries);
    }
}

/// Seconds since 1970 as RFC 3339 in UTC; null for a time beyond its years.
pub fn rfc3339(seconds: i64) -> Value {
    jiff::Timestamp::from_second(seconds).map_or(Value::Null, |timestamp| json!(timestamp.to_string()))
}
