//! The JSON Schema of `uv.build.toml`, for editors. What it admits the reader admits; the reader checks more.

pub mod examples;

use serde_json::{Value, json};

use super::sbom::VALUES;

/// Where the schema of the newest release is.
pub const URL: &str = "https://github.com/uv-buildkit/uv-buildkit/releases/latest/download/uv.build.schema.json";

/// The schema (JSON Schema, draft 2020-12).
pub fn schema() -> Value {
    let settings = settings();
    let mut target = described(settings.clone(), "A target: an image, files, or a check.");
    target["properties"]["package"] = string("The workspace member to install.");
    target["properties"]["script"] =
        string("A script with inline metadata, installed from the lockfile beside the script.");
    target["properties"]["run"] = lists(
        "Commands that make the target a check. Each must succeed. They run one after the other, as the image's user, without a network.",
    );
    target["properties"]["collect"] = strings(
        "Files that the commands of `run` write below the working directory. `--output` writes them to your disk.",
    );
    target["properties"]["requires"] = strings("Checks that must pass before this target is built.");
    target["properties"]["inherits"] = string(
        "Another target. This target has all keys of the other target that it does not set; `env` and `labels` are merged.",
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": URL,
        "title": "uv.build.toml",
        "description": "The images that uv-buildkit builds from a uv project or workspace.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "args": map("Build args and their defaults. `${args.NAME}` in any string is replaced by the value. `--build-arg NAME=VALUE` sets the value."),
            "default-target": string("The target to build without `--target`."),
            "python": table("The Python of the images.", json!({
                "version": string("The version, in any form that uv takes: `3`, `3.13`, `>=3.12,<3.14`, `3.14t`."),
                "provider": word(
                    &["image", "managed"],
                    "Where Python comes from. `image`: the base image has it. `managed`: uv installs it in a layer of its own.",
                ),
                "mirror": string("The start of the URLs from which uv downloads a managed Python, like `UV_PYTHON_INSTALL_MIRROR`."),
                "downloads-json": string(
                    "The list of managed Pythons, like `UV_PYTHON_DOWNLOADS_JSON_URL`: a URL, or a file of the build context.",
                ),
            })),
            "uv": table("The uv that build steps use. The image contains it only with `uv = true`.", json!({
                "image": string("An image with the program `/uv`."),
            })),
            "lock": table("How lockfiles are checked.", json!({
                "check": described(
                    json!({ "oneOf": [
                        { "type": "string", "enum": ["on", "off"] },
                        { "type": "object", "additionalProperties": { "type": "string", "enum": ["on", "off"] } },
                    ] }),
                    "Whether a stale lockfile fails the build: one value for all lockfiles, or a value for each path.",
                ),
            })),
            "indexes": {
                "type": "object",
                "description": "Private indexes, by their `name` in `[[tool.uv.index]]`.",
                "additionalProperties": required(table("A private index.", json!({
                    "secret": string("Id of the BuildKit secret that holds the `Authorization` header. BuildKit sends the header to the server of the index."),
                    "files": strings("Other servers with files of the index. They get the header, too."),
                    "public-files": strings("Other servers with files of the index. They do not get the header."),
                })), &["secret"]),
            },
            "mirrors": {
                "type": "object",
                "description": "Mirrors. The value replaces the start of a URL of an index or a file. If several keys match, the longest wins.",
                "additionalProperties": { "oneOf": [
                    { "type": "string" },
                    required(table("A mirror.", json!({
                        "url": string("The start of the URL at the mirror."),
                        "secret": string("Id of the BuildKit secret that holds the mirror's `Authorization` header."),
                    })), &["url"]),
                ] },
            },
            "ca": table("Certificate authorities for steps with a network, in addition to those of the image.", json!({
                "secret": string("Id of the BuildKit secret that holds the certificates, as PEM. Write either `secret` or `file`."),
                "file": string("Path of the certificates in the build context, as PEM. Write either `secret` or `file`."),
            })),
            "members": {
                "type": "object",
                "description": "How workspace members are built, by name. `*` sets the version of each member that takes it from git tags and has no `version` here.",
                "additionalProperties": table("How a workspace member is built.", json!({
                    "version": string("The version, for a build backend that takes it from git tags, such as hatch-vcs or setuptools-scm."),
                    "inputs": described(
                        json!({ "type": "array", "items": { "oneOf": [
                            { "type": "string" },
                            required(table("The output of a step.", json!({
                                "step": string("Name of a step of the target."),
                                "from": string("Path of an output of the step, or of a file in an output."),
                                "to": string("Path at which the build sees the files, relative to the root of the build context."),
                            })), &["step", "to"]),
                        ] } }),
                        "What the build reads outside the member's directory: paths of the build context, and outputs of steps.",
                    ),
                    "env": map("Environment variables of the build."),
                    "network": boolean("Whether the build has a network."),
                })),
            },
            "packages": {
                "type": "object",
                "description": "How third-party packages without a suitable wheel are built, by name.",
                "additionalProperties": table("How a third-party package is built.", json!({
                    "network": boolean("Whether the build has a network."),
                })),
            },
            "defaults": described(settings, "Keys for all targets. A target can override each of them."),
            "targets": {
                "type": "object",
                "description": "What can be built, by name.",
                "additionalProperties": target,
            },
        },
    });
    examples::annotate(&mut schema);
    schema
}

/// Keys of `[defaults]`, which targets have as well.
fn settings() -> Value {
    table(
        "Keys of a target.",
        json!({
            "lock": string("Path of the lockfile. Its directory is the root of the workspace."),
            "extras": strings("Extras of the member to install."),
            "groups": strings("Dependency groups to install. `dev` is not installed unless you name it."),
            "editable": boolean("Install members as links to their sources, which are below `/src`."),
            "kind": word(
                &super::kind::KINDS.map(|(name, _)| name),
                "What the build makes: an image, or files that `--output` writes.",
            ),
            "layout": described(
                json!({
                    "oneOf": [
                        { "type": "string", "pattern": "^(venv|target|\\$\\{args\\..*)$" },
                        required(table("A directory for the packages.", json!({
                            "target": path("The directory."),
                        })), &["target"]),
                    ],
                }),
                "Where packages are installed: `venv`, a virtual environment in `/app/.venv`; or `target`, one directory as with `uv pip install --target`, for AWS Lambda.",
            ),
            "base": string("The base image."),
            "builder": string("The image in which members and source distributions are built."),
            "apt": strings("Debian or Ubuntu packages to install in the image."),
            "apk": strings("Alpine packages to install in the image."),
            "build-apt": strings("Debian or Ubuntu packages to install in the builder. The image does not contain them."),
            "build-apk": strings("Alpine packages to install in the builder. The image does not contain them."),
            "cmd": strings("The command of the image, as a list of words. It starts without a shell. With `[]`, the image has no command of its own."),
            "entrypoint": strings("The entrypoint of the image, as a list of words. `[]` removes the base's entrypoint."),
            "init": boolean("Install `tini` with apt or apk, and run it as the first process of the container."),
            "env": map("Environment variables of the image, added to the base's."),
            "workdir": path("The working directory of the image."),
            "user": described(
                json!({
                    "oneOf": [
                        { "type": "string" },
                        table("A user to add.", json!({
                            "name": string("Login name."),
                            "uid": integer("User id.", u32::MAX),
                            "gid": integer("Group id.", u32::MAX),
                            "home": path("Home directory."),
                        })),
                    ],
                }),
                "The user that a container runs as: `root`, a user of the base by name, or a new user.",
            ),
            "healthcheck": required(table("How a container runtime checks that the container is healthy.", json!({
                "cmd": strings("The command, which runs in the container without a shell. Exit code 0 means healthy."),
                "interval": string("Time between two checks."),
                "timeout": string("Time after which a check counts as failed."),
                "start-period": string("Time after the start during which failures do not count."),
                "start-interval": string("Time between two checks in the start period."),
                "retries": integer("Number of failures in a row after which the container is unhealthy.", u32::MAX),
            })), &["cmd"]),
            "stop-signal": string("The signal that stops a container: a name or a number."),
            "volumes": {
                "type": "array",
                "description": "Directories that belong to the user, and are volumes of the image.",
                "items": path("A directory."),
            },
            "expose": {
                "type": "array",
                "description": "Ports that the image declares: a number, or a string such as `8080/udp`.",
                "items": { "oneOf": [
                    { "type": "integer", "minimum": 1, "maximum": u16::MAX },
                    { "type": "string" },
                ] },
            },
            "labels": map("Labels of the image, added to the base's."),
            "labels-from": {
                "type": "array",
                "description": "Sources of further labels: `project` gives title, version, description, licenses, source and url from `[project]`; `git` gives revision and source from the checkout.",
                "items": { "type": "string", "enum": ["project", "git"] },
            },
            "writable": {
                "type": "array",
                "description": "Directories that the user and the group 0 can write to. Files in them keep their owner.",
                "items": path("A directory."),
            },
            "uv": described(
                json!({ "type": "boolean" }),
                "Put uv into the image, at `/usr/local/bin/uv`, for scripts that call `uv run`.",
            ),
            "files": {
                "type": "array",
                "description": "Files and directories to copy into the image, from the build context or from a server. If the project is not a package, files of the build context replace the project's own files: see `sources`.",
                "items": file(true),
            },
            "sources": boolean("Copy the project's own files into the working directory."),
            "steps": {
                "type": "array",
                "description": "Commands that run during the build and make directories of the image.",
                "items": step(),
            },
            "deny": strings("Packages that the image must not contain: names, or prefixes that end in `*`. The error shows which dependencies need the package."),
            "max-image-size": string("The largest size that all files of the image may have on disk. The error names the largest packages."),
            "layers": table("How packages are put into layers.", json!({
                "budget": integer("The largest number of layers, including those of the base.", super::layers::MAX_BUDGET),
                "max-size": string("The largest compressed size of a layer. The build warns about a larger layer."),
                "together": lists("Groups of packages that share a layer: names, or prefixes that end in `*`."),
            })),
            "sbom": word(
                &VALUES.map(|(value, _)| value),
                "Where the bill of materials for `--sbom` comes from: BuildKit's scanner, the scanner and the lockfile, or the lockfile alone.",
            ),
        }),
    )
}

/// An entry of `files`; without an owner one of the `inputs` of a step.
fn file(has_owner: bool) -> Value {
    let mut properties = json!({
        "from": string("Path in the build context."),
        "url": string("URL of a file, instead of `from`."),
        "sha256": string("Hash of the file at `url`. Required with `url`."),
        "to": path("Path in the image."),
        "mode": string("Permission bits, such as `0755`. For a directory, the bits of everything in it."),
    });
    if has_owner {
        properties["owner"] = word(&["root", "user"], "The owner of the files.");
    }
    let mut sources = vec![json!({ "required": ["from"] }), json!({ "required": ["url", "sha256"] })];
    if !has_owner {
        properties["to"] = path("Path that the step sees.");
        properties["step"] = string(
            "Name of an earlier step. `from` is then the path of an output of that step, or of a file in an output.",
        );
        sources[0]["not"] = json!({ "required": ["step"] });
        sources.push(json!({ "required": ["step"] }));
    }
    let mut file = required(table("A file or a directory.", properties), &["to"]);
    file["oneOf"] = json!(sources);
    file
}

/// An entry of `steps`.
fn step() -> Value {
    let properties = json!({
        "name": string("Name of the step in messages and for `--no-cache-filter`."),
        "run": {
            "description": "A command as a list of words, or a list of commands that run one after the other. Commands run without a shell.",
            "type": "array",
            "items": { "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
        },
        "when": word(&["before", "after"], "Run before or after packages are installed. A step `before` sees the base, the user and system packages."),
        "image": string("An image to run in, instead of the target's image. The step then sees nothing of the target."),
        "platform": word(
            &["image", "builder"],
            "Which variant of `image` runs: the variant for the target's platform, or for the builder's.",
        ),
        "inputs": {
            "type": "array",
            "description": "Files that the step reads in addition to its image's.",
            "items": file(false),
        },
        "outputs": {
            "type": "array",
            "description": "Directories to keep as a layer. They are empty when the step starts. Other files that the step writes are not kept.",
            "items": { "oneOf": [path("A directory, which the image has at the same path."), required(table("A directory that the image has at another path.", json!({
                "from": path("Path of the directory in the step."),
                "to": path("Path of the directory in the image."),
            })), &["from", "to"])] },
        },
        "env": map("Environment variables, added to the image's."),
        "workdir": path("The working directory."),
        "network": boolean("Whether the step has a network."),
        "secrets": {
            "type": "array",
            "description": "Secrets of the build that the step can read.",
            "items": { "oneOf": [string("The id. The secret is the file `/run/secrets/ID`."), required(table("A secret.", json!({
                "id": string("The id."),
                "target": path("Path of the file that holds the secret."),
                "env": string("Environment variable that holds the secret, instead of a file."),
                "required": boolean("Fail the build if you do not pass the secret."),
            })), &["id"])] },
        },
        "caches": {
            "type": "array",
            "description": "Directories that BuildKit keeps from one build to the next.",
            "items": path("A directory."),
        },
        "owner": word(&["root", "user"], "The user that runs the step and owns its outputs."),
    });
    required(table("A step.", properties), &["run", "outputs"])
}

fn boolean(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
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
