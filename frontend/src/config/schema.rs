//! The JSON Schema of `uv.build.toml`, for editors. What it admits the reader admits; the reader checks more.

use serde_json::{Value, json};

use super::sbom::VALUES;

/// The schema (JSON Schema, draft 2020-12).
pub fn schema() -> Value {
    let settings = settings();
    let mut target = settings.clone();
    target["properties"]["package"] = string("Workspace member to install; default: the root project.");
    target["properties"]["run"] = lists("Commands that must succeed, one after the other: the target is a check.");
    target["properties"]["collect"] =
        strings("Files that they leave, below the working directory: the result of the check.");
    target["properties"]["requires"] = strings("Checks that must pass before this target is built.");
    target["properties"]["inherits"] = string("Target whose keys hold where this one writes none.");
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "uv.build.toml",
        "description": "What uv-buildkit builds of a uv project or workspace.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "args": map("Build args with their defaults: `${args.NAME}` in any string."),
            "default-target": string("The target that is built when none is named."),
            "python": table("Python of the images.", json!({
                "version": described(
                    json!({ "type": "string" }),
                    "In any form that uv takes, such as `3.13`, `>=3.12,<3.14` or `3.14t`; default: `.python-version`, then `requires-python`.",
                ),
                "provider": described(
                    json!({ "type": "string", "enum": ["image", "managed"] }),
                    "Who brings it: the base, or uv, which installs it in a layer of its own; default: `image`.",
                ),
                "mirror": string("Start of the URLs that a managed python is fetched from (`UV_PYTHON_INSTALL_MIRROR`)."),
                "downloads-json": string(
                    "List of managed pythons, a URL or a file of the context (`UV_PYTHON_DOWNLOADS_JSON_URL`).",
                ),
            })),
            "uv": table("uv, which build steps use and images do not have.", json!({
                "image": string("Image that holds `/uv`."),
            })),
            "lock": table("The lock.", json!({
                "check": described(
                    json!({ "oneOf": [
                        { "type": "string", "enum": ["on", "off"] },
                        { "type": "object", "additionalProperties": { "type": "string", "enum": ["on", "off"] } },
                    ] }),
                    "Whether a lock that `uv lock` would change is an error: for all locks, or by their paths; default: `on`.",
                ),
            })),
            "indexes": {
                "type": "object",
                "description": "What is needed to ask an index, by its name in `[[tool.uv.index]]`.",
                "additionalProperties": required(table("An index.", json!({
                    "secret": string("Id of the BuildKit secret that holds the `Authorization` header."),
                    "files": strings("Servers beside the index's own that have its files, and are sent the secret."),
                    "public-files": strings("Servers that have files of the index for everybody, and are not sent the secret."),
                })), &["secret"]),
            },
            "mirrors": {
                "type": "object",
                "description": "Starts of URLs, of indexes and of files, and what takes their place.",
                "additionalProperties": { "oneOf": [
                    { "type": "string" },
                    required(table("A mirror.", json!({
                        "url": string("What takes the place."),
                        "secret": string("Id of the BuildKit secret that holds its `Authorization` header."),
                    })), &["url"]),
                ] },
            },
            "ca": table("Certificates that steps with a network trust beside those of their image.", json!({
                "secret": string("Id of the BuildKit secret that holds them."),
                "file": string("Path of the file in the context that holds them."),
            })),
            "members": {
                "type": "object",
                "description": "Members of the workspace, by name; `*` stands for all that have no `version` here and would ask git for one.",
                "additionalProperties": table("A member.", json!({
                    "version": string("What a build backend that would ask git takes for its version, such as `1.2.3`."),
                    "inputs": described(
                        json!({ "type": "array", "items": { "oneOf": [
                            { "type": "string" },
                            required(table("What a step leaves.", json!({
                                "step": string("Name of a step of the target."),
                                "from": string("Path of an output, or in one, in the step; default: its only output."),
                                "to": string("Where the build finds it, relative to the root of the context."),
                            })), &["step", "to"]),
                        ] } }),
                        "What its build reads beside its directory: paths of the context, and what steps leave.",
                    ),
                    "env": map("Variables of its build."),
                    "network": described(
                        json!({ "type": "boolean" }),
                        "Whether its build has a network; default: only where its backend runs cargo.",
                    ),
                })),
            },
            "packages": {
                "type": "object",
                "description": "Packages of others that are built from source, by name.",
                "additionalProperties": table("A package.", json!({
                    "network": described(
                        json!({ "type": "boolean" }), "Whether its build has a network; default: `false`.",
                    ),
                })),
            },
            "defaults": described(settings, "Keys of all targets."),
            "targets": {
                "type": "object",
                "description": "What can be built, by name.",
                "additionalProperties": target,
            },
        },
    })
}

/// Keys of `[defaults]`, which targets have as well.
fn settings() -> Value {
    table(
        "An image to be built.",
        json!({
            "lock": string("Lock that the target is made from; default: `uv.lock`."),
            "extras": strings("Extras of the member."),
            "groups": strings("Dependency groups of the member; none unless named."),
            "editable": described(
                json!({ "type": "boolean" }),
                "Whether members are installed as links to their sources below `/src`; default: `false`.",
            ),
            "kind": described(
                json!({ "type": "string", "enum": super::kind::KINDS.map(|(name, _)| name) }),
                "What a build leaves: an image, or files for `--output`; default: `image`.",
            ),
            "layout": described(
                json!({
                    "oneOf": [
                        { "type": "string", "pattern": "^(venv|target|\\$\\{args\\..*)$" },
                        required(table("A directory.", json!({
                            "target": path("Directory that packages are installed into."),
                        })), &["target"]),
                    ],
                }),
                "How packages lie in the image: in a virtual environment, or side by side in a directory; default: `venv`.",
            ),
            "base": string("Image under the result; default: `python:VERSION-slim-bookworm`."),
            "builder": string("Image that members are built in; default: the base."),
            "apt": strings("Packages of Debian or Ubuntu that the image holds."),
            "apk": strings("Packages of Alpine that the image holds."),
            "build-apt": strings("The same as `apt` for the image that members are built in."),
            "build-apk": strings("The same as `apk` for the image that members are built in."),
            "cmd": strings("Command of the image; default: the member's only script."),
            "entrypoint": strings("Entrypoint of the image."),
            "init": described(
                json!({ "type": "boolean" }),
                "Whether `tini`, of the base's distribution, is the first process; default: `false`.",
            ),
            "env": map("Variables of the image, over the base's."),
            "workdir": path("Directory that the image starts in."),
            "user": described(
                json!({
                    "oneOf": [
                        { "type": "string" },
                        table("A user.", json!({
                            "name": string("Login name."),
                            "uid": integer("User id.", u32::MAX),
                            "gid": integer("Group id.", u32::MAX),
                            "home": path("Home directory."),
                        })),
                    ],
                }),
                "Who runs: `root`, another user of the base, or one that is added.",
            ),
            "healthcheck": required(table("How a runtime sees that a container is well.", json!({
                "cmd": strings("Run in the container, without a shell; it is well when this ends with 0."),
                "interval": string("Time between two checks, such as `30s`."),
                "timeout": string("Time after which a check has failed."),
                "start-period": string("Time in which failures do not count yet."),
                "start-interval": string("Time between two checks in the start period."),
                "retries": integer("Failures in a row after which the container is not well.", u32::MAX),
            })), &["cmd"]),
            "stop-signal": string("Signal that ends the container: a name or a number."),
            "volumes": {
                "type": "array",
                "description": "Directories that belong to the user, and are volumes of a container.",
                "items": path("Directory in the image."),
            },
            "expose": {
                "type": "array",
                "description": "Ports of the image.",
                "items": { "oneOf": [
                    { "type": "integer", "minimum": 1, "maximum": u16::MAX },
                    { "type": "string" },
                ] },
            },
            "labels": map("Labels of the image, over the base's."),
            "labels-from": {
                "type": "array",
                "description": "Where labels come from that are not written; default: the project.",
                "items": { "type": "string", "enum": ["project", "git"] },
            },
            "writable": {
                "type": "array",
                "description": "Directories that the user may write to, and any user of the group 0; what lies in them stays whose it is.",
                "items": path("Directory in the image."),
            },
            "uv": described(
                json!({ "type": "boolean" }),
                "Whether the image has uv, at /usr/local/bin/uv, for scripts that call `uv run`; default: no.",
            ),
            "files": {
                "type": "array",
                "description": "Files and directories that the image holds: of the context, or of a server.",
                "items": file(true),
            },
            "sources": described(
                json!({ "type": "boolean" }),
                "Whether the project's own files lie in the working directory; default: if it is no package, and `files` names none of the context.",
            ),
            "steps": {
                "type": "array",
                "description": "Commands that make directories of the image.",
                "items": step(),
            },
            "deny": strings("Packages that the image must not have: names, or prefixes that end in `*`."),
            "max-image-size": string("Size on disk that the image must not exceed, such as `1GB`."),
            "layers": table("Bounds of the layers.", json!({
                "budget": integer("How many layers the image may have, the base's among them.", super::layers::MAX_BUDGET),
                "max-size": string("Compressed size that a layer should not exceed, such as `500MB`."),
                "together": lists("Packages that share a layer: names, or prefixes that end in `*`."),
            })),
            "sbom": described(
                json!({ "type": "string", "enum": VALUES.map(|(value, _)| value) }),
                "Where bills of materials come from, if a build is asked for them: the scanner, the lock as well, or only the lock.",
            ),
        }),
    )
}

/// An entry of `files`; without an owner one of the `inputs` of a step.
fn file(has_owner: bool) -> Value {
    let mut properties = json!({
        "from": string("Path in the context."),
        "url": string("Where a server has the file, instead of `from`."),
        "sha256": string("Hash of the file at `url`."),
        "to": path("Path in the image."),
        "mode": string("Permission bits, such as `0755`; of a directory, those of all that is in it."),
    });
    if has_owner {
        properties["owner"] = word(&["root", "user"], "Whom it belongs to; default: `root`.");
    }
    let mut sources = vec![json!({ "required": ["from"] }), json!({ "required": ["url", "sha256"] })];
    if !has_owner {
        properties["step"] = string("A step above, of which `from` is an output, or in one; default: its only output.");
        sources[0]["not"] = json!({ "required": ["step"] });
        sources.push(json!({ "required": ["step"] }));
    }
    let mut file = required(table("A copy.", properties), &["to"]);
    file["oneOf"] = json!(sources);
    file
}

/// An entry of `steps`.
fn step() -> Value {
    let properties = json!({
        "name": string("Its name in messages and for `--no-cache-filter`; default: that of its program."),
        "run": {
            "description": "A command, or commands one after the other; no shell reads them.",
            "type": "array",
            "items": { "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
        },
        "when": word(&["before", "after"], "Before or after everything is installed; default: `after`."),
        "image": string("Image that it runs in; default: the one that is made."),
        "platform": word(
            &["image", "builder"],
            "Which variant of `image` runs: that of the image's platform, or of the builder's; default: `image`.",
        ),
        "inputs": { "type": "array", "description": "Files that it reads beside those of the image.", "items": file(false) },
        "outputs": {
            "type": "array",
            "description": "Directories that are kept of it.",
            "items": { "oneOf": [path("Directory."), required(table("A directory that moves.", json!({
                "from": path("Where the step leaves it."),
                "to": path("Where the image has it."),
            })), &["from", "to"])] },
        },
        "env": map("Variables over those of the image."),
        "workdir": path("Directory that it starts in; default: that of the image."),
        "network": described(json!({ "type": "boolean" }), "Whether it has a network; default: `false`."),
        "secrets": {
            "type": "array",
            "description": "Secrets of the build that it sees.",
            "items": { "oneOf": [string("Id; a file in `/run/secrets`."), required(table("A secret.", json!({
                "id": string("Its id."),
                "target": path("File that it is."),
                "env": string("Variable that it is, instead of a file."),
                "required": described(json!({ "type": "boolean" }), "Whether the build fails without it; default: `true`."),
            })), &["id"])] },
        },
        "caches": { "type": "array", "description": "Directories that outlive builds.", "items": path("Directory.") },
        "owner": word(&["root", "user"], "Who runs it, and whom its outputs belong to; default: `root`."),
    });
    required(table("A step.", properties), &["run", "outputs"])
}

fn word(words: &[&str], description: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": description })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

fn required(mut schema: Value, keys: &[&str]) -> Value {
    schema["required"] = json!(keys);
    schema
}

fn table(description: &str, properties: Value) -> Value {
    json!({ "type": "object", "description": description, "additionalProperties": false, "properties": properties })
}

fn string(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn strings(description: &str) -> Value {
    json!({ "type": "array", "description": description, "items": { "type": "string" } })
}

fn lists(description: &str) -> Value {
    json!({ "type": "array", "description": description, "items": { "type": "array", "items": { "type": "string" } } })
}

fn map(description: &str) -> Value {
    json!({ "type": "object", "description": description, "additionalProperties": { "type": "string" } })
}

/// An absolute path, or an arg that holds one.
fn path(description: &str) -> Value {
    json!({ "type": "string", "description": description, "pattern": "^(/|\\$\\{args\\.)" })
}

fn integer(description: &str, maximum: u32) -> Value {
    json!({ "type": "integer", "description": description, "minimum": 0, "maximum": maximum })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::parse;
    use crate::diagnostic::SourceFile;

    /// What the reader says of a key that it does not know, if there is one.
    fn unknown(text: &str) -> Option<String> {
        let errors = parse(&SourceFile::new("uv.build.toml", text), &BTreeMap::new()).err()?;
        errors.iter().find(|error| error.code == "config::unknown_key").map(|error| error.help.concat())
    }

    /// How many keys it names: in full, and as `and 3 more`.
    fn count(help: &str) -> usize {
        let more = help.split(" and ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        help.split('`').count() / 2 + more.unwrap_or(0)
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let schema = schema();
        let target = "/properties/targets/additionalProperties";
        for (text, pointer) in [
            ("KEY = 1", String::new()),
            ("[python]\nKEY = 1", "/properties/python".to_owned()),
            ("[uv]\nKEY = 1", "/properties/uv".to_owned()),
            ("[indexes.a]\nKEY = 1", "/properties/indexes/additionalProperties".to_owned()),
            ("[mirrors]\n\"https://a\" = { KEY = 1 }", "/properties/mirrors/additionalProperties/oneOf/1".to_owned()),
            ("[ca]\nKEY = 1", "/properties/ca".to_owned()),
            ("[defaults]\nKEY = 1", "/properties/defaults".to_owned()),
            ("[members.a]\nKEY = 1", "/properties/members/additionalProperties".to_owned()),
            ("[packages.a]\nKEY = 1", "/properties/packages/additionalProperties".to_owned()),
            (
                "[members.a]\ninputs = [{ KEY = 1 }]",
                "/properties/members/additionalProperties/properties/inputs/items/oneOf/1".to_owned(),
            ),
            ("[targets.a]\nKEY = 1", target.to_owned()),
            ("[targets.a]\nuser = { KEY = 1 }", format!("{target}/properties/user/oneOf/1")),
            ("[targets.a]\nlayout = { KEY = 1 }", format!("{target}/properties/layout/oneOf/1")),
            ("[targets.a]\nfiles = [{ KEY = 1 }]", format!("{target}/properties/files/items")),
            (
                "[targets.a]\nsteps = [{ run = [\"a\"], outputs = [\"/a\"], KEY = 1 }]",
                format!("{target}/properties/steps/items"),
            ),
            (
                "[targets.a]\nsteps = [{ run = [\"a\"], outputs = [{ KEY = 1 }] }]",
                format!("{target}/properties/steps/items/properties/outputs/items/oneOf/1"),
            ),
            (
                "[targets.a]\nsteps = [{ run = [\"a\"], secrets = [{ KEY = 1 }] }]",
                format!("{target}/properties/steps/items/properties/secrets/items/oneOf/1"),
            ),
            (
                "[targets.a]\nsteps = [{ run = [\"a\"], inputs = [{ KEY = 1 }] }]",
                format!("{target}/properties/steps/items/properties/inputs/items"),
            ),
            ("[targets.a]\nlayers = { KEY = 1 }", format!("{target}/properties/layers")),
        ] {
            let properties = schema.pointer(&format!("{pointer}/properties")).and_then(Value::as_object).unwrap();
            for key in properties.keys() {
                assert_eq!(unknown(&text.replace("KEY", key)), None, "{text}: the reader does not know `{key}`");
            }
            let help = unknown(&text.replace("KEY", "qqqqqqqq")).unwrap();
            assert_eq!(count(&help), properties.len(), "{text}: the schema lacks one of these: {help}");
        }
    }
}
