//! The default and an example of each key of `uv.build.toml`: for the schema, and for the reference in the documentation.

use serde_json::{Value, json};

/// What is known of a key beside its type and its description.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key's path: `NAME` is any name, `[]` an entry of a list.
    pub path: &'static str,
    /// Its default, as Markdown; empty where the key is required.
    pub default: &'static str,
    /// A config that has the key; empty where the example of a key above shows it.
    pub example: &'static str,
}

const fn key(path: &'static str, default: &'static str, example: &'static str) -> Key {
    Key { path, default, example }
}

/// A key of a table in a list or in another key, whose example shows it.
const fn inner(path: &'static str, default: &'static str) -> Key {
    Key { path, default, example: "" }
}

/// Every key. `targets.NAME` stands for `defaults` as well.
pub const KEYS: &[Key] = &[
    key("args", "none", "[args]\nPYTHON = \"3.13\"\nGIT_SHA = \"unknown\""),
    key(
        "default-target",
        "the only target",
        "default-target = \"api\"\n\n[targets.api]\n\n[targets.worker]\npackage = \"worker\"",
    ),
    key(
        "python.version",
        "the Python of `base`, if the config has one and Python is not managed; else `.python-version`, then `requires-python`",
        "[python]\nversion = \"3.13\"",
    ),
    key("python.provider", "`\"image\"`", "[python]\nprovider = \"managed\""),
    key(
        "python.mirror",
        "uv's setting `python-install-mirror`",
        "[python]\nprovider = \"managed\"\nmirror = \"https://mirror.example/python-build-standalone\"",
    ),
    key(
        "python.downloads-json",
        "uv's setting `python-downloads-json-url`",
        "[python]\nprovider = \"managed\"\ndownloads-json = \"pythons.json\"",
    ),
    key(
        "uv.image",
        "`\"ghcr.io/astral-sh/uv:0.13.9\"`, or the version that `required-version = \"==…\"` names",
        "[uv]\nimage = \"ghcr.io/astral-sh/uv:0.13.9\"",
    ),
    key(
        "lock.check",
        "`\"on\"`",
        "[lock]\ncheck = { \"tools/uv.lock\" = \"off\" }\n\n[targets.tools]\nlock = \"tools/uv.lock\"",
    ),
    key("indexes.NAME.secret", "", "[indexes.internal]\nsecret = \"internal-index\""),
    key(
        "indexes.NAME.files",
        "`[]`",
        "[indexes.internal]\nsecret = \"internal-index\"\nfiles = [\"https://files.example\"]",
    ),
    key(
        "indexes.NAME.public-files",
        "`[]`",
        "[indexes.internal]\nsecret = \"internal-index\"\npublic-files = [\"https://public.example\"]",
    ),
    key(
        "mirrors",
        "none",
        "[mirrors]\n\"https://files.example/\" = \"https://mirror.example/files/\"\n\
         \"https://index.example/simple\" = { url = \"https://mirror.example/simple\", secret = \"mirror\" }",
    ),
    inner("mirrors.NAME.url", ""),
    inner("mirrors.NAME.secret", "none"),
    key("ca.secret", "none", "[ca]\nsecret = \"corporate-ca\""),
    key("ca.file", "none", "[ca]\nfile = \"certificates/corporate.pem\""),
    key("members.NAME.version", "the fallback version of the manifest", "[members.pkg-core]\nversion = \"1.2.3\""),
    key(
        "members.NAME.inputs",
        "`[]`",
        "[members.storefront]\ninputs = [\n  \"schemas/event.json\",\n  { step = \"web\", from = \"/src/dist\", to = \"packages/storefront/web\" },\n]",
    ),
    inner("members.NAME.inputs[].step", ""),
    inner("members.NAME.inputs[].from", "the step's only output"),
    inner("members.NAME.inputs[].to", ""),
    key("members.NAME.env", "none", "[members.pkg-core]\nenv = { GIT_SHA = \"unknown\" }"),
    key(
        "members.NAME.network",
        "`true` for maturin and setuptools-rust, which run cargo, else `false`",
        "[members.ledger]\nnetwork = false",
    ),
    key("packages.NAME.network", "`false`", "[packages.tokenizers]\nnetwork = true"),
    key("defaults", "none", "[defaults]\nbase = \"python:3.13-slim-bookworm\"\nuser = \"notes\""),
    key(
        "targets.NAME.package",
        "the project at the root, or else the member with the name of the target",
        "[targets.api]\npackage = \"pkg-api\"",
    ),
    key("targets.NAME.script", "none", "[targets.report]\nscript = \"jobs/report.py\""),
    key("targets.NAME.uv", "`false`", "[targets.site]\nuv = true\nentrypoint = [\"./entrypoint.sh\"]"),
    key("targets.NAME.lock", "`\"uv.lock\"`", "[targets.api]\nlock = \"backend/uv.lock\""),
    key("targets.NAME.inherits", "none", "[targets.api]\n\n[targets.api-dev]\ninherits = \"api\"\ngroups = [\"dev\"]"),
    key("targets.NAME.extras", "`[]`", "[targets.api]\nextras = [\"postgres\"]"),
    key("targets.NAME.groups", "`[]`", "[targets.api-dev]\ngroups = [\"dev\"]"),
    key("targets.NAME.editable", "`false`", "[targets.api-dev]\neditable = true"),
    key("targets.NAME.kind", "`\"image\"`", "[targets.fn-zip]\npackage = \"pkg-fn\"\nkind = \"lambda-zip\""),
    key(
        "targets.NAME.layout",
        "`\"venv\"`",
        "[targets.fn]\nbase = \"public.ecr.aws/lambda/python:3.13\"\nlayout = { target = \"/var/task\" }\ncmd = [\"pkg_fn.handler\"]",
    ),
    inner("targets.NAME.layout.target", ""),
    key(
        "targets.NAME.base",
        "`python:VERSION-slim-bookworm`; with a managed Python `debian:bookworm-slim`; for `kind = \"lambda-zip\"` `public.ecr.aws/lambda/python:VERSION`",
        "[targets.api]\nbase = \"python:3.13-slim-bookworm\"",
    ),
    key("targets.NAME.builder", "the base", "[targets.api]\nbuilder = \"python:3.13-bookworm\""),
    key("targets.NAME.apt", "`[]`", "[targets.api]\napt = [\"libpq5\"]"),
    key("targets.NAME.apk", "`[]`", "[targets.api]\nbase = \"python:3.13-alpine\"\napk = [\"libpq\"]"),
    key("targets.NAME.build-apt", "`[]`", "[targets.api]\nbuild-apt = [\"gcc\", \"libpq-dev\"]"),
    key(
        "targets.NAME.build-apk",
        "`[]`",
        "[targets.api]\nbase = \"python:3.13-alpine\"\nbuild-apk = [\"gcc\", \"musl-dev\"]",
    ),
    key(
        "targets.NAME.cmd",
        "the command that uv-buildkit finds",
        "[targets.api]\ncmd = [\"uvicorn\", \"pkg_api:app\", \"--host\", \"0.0.0.0\"]",
    ),
    key(
        "targets.NAME.entrypoint",
        "the base's entrypoint, unless it starts Python",
        "[targets.worker]\nentrypoint = [\"worker\"]\ncmd = [\"--queue\", \"default\"]",
    ),
    key("targets.NAME.init", "`false`", "[targets.api]\ninit = true"),
    key("targets.NAME.env", "none", "[targets.api]\nenv = { PORT = \"8080\" }"),
    key(
        "targets.NAME.workdir",
        "`\"/app\"`; with `layout = \"target\"`, the directory of the packages; with `editable`, the sources of the project",
        "[targets.worker]\nworkdir = \"/srv\"",
    ),
    key(
        "targets.NAME.user",
        "`{ name = \"app\", uid = 999, gid = 999, home = \"/home/app\" }`; with `layout = \"target\"`, the user of the base",
        "[targets.api]\nuser = { name = \"web\", uid = 1500, gid = 1500, home = \"/home/web\" }",
    ),
    inner("targets.NAME.user.name", "`\"app\"`"),
    inner("targets.NAME.user.uid", "`999`"),
    inner("targets.NAME.user.gid", "the uid, if no other group has it"),
    inner("targets.NAME.user.home", "`/home/NAME`"),
    key(
        "targets.NAME.healthcheck",
        "the base's",
        "[targets.api]\nhealthcheck = { cmd = [\"pkg-api\", \"--ping\"], interval = \"30s\", timeout = \"5s\", \
         start-period = \"10s\", start-interval = \"1s\", retries = 3 }",
    ),
    inner("targets.NAME.healthcheck.cmd", ""),
    inner("targets.NAME.healthcheck.interval", "the runtime's"),
    inner("targets.NAME.healthcheck.timeout", "the runtime's"),
    inner("targets.NAME.healthcheck.start-period", "the runtime's"),
    inner("targets.NAME.healthcheck.start-interval", "the runtime's"),
    inner("targets.NAME.healthcheck.retries", "the runtime's"),
    key("targets.NAME.stop-signal", "the base's", "[targets.api]\nstop-signal = \"SIGINT\""),
    key("targets.NAME.volumes", "`[]`", "[targets.api]\nvolumes = [\"/data\"]"),
    key(
        "targets.NAME.expose",
        "the port of the service that uv-buildkit finds",
        "[targets.api]\nexpose = [8080, \"8081/udp\"]",
    ),
    key("targets.NAME.labels", "none", "[targets.api]\nlabels = { \"org.opencontainers.image.vendor\" = \"ACME\" }"),
    key("targets.NAME.labels-from", "`[\"project\"]`", "[targets.api]\nlabels-from = [\"project\", \"git\"]"),
    key("targets.NAME.writable", "`[]`", "[targets.api]\nwritable = [\"/app/cache\"]"),
    key(
        "targets.NAME.files",
        "`[]`",
        "[targets.api]\nfiles = [\n  { from = \"templates\", to = \"/app/templates\", owner = \"user\" },\n  \
         { url = \"https://models.example/words.bin\", sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\", \
         to = \"/models/words.bin\", mode = \"0644\" },\n]",
    ),
    inner("targets.NAME.files[].from", "none"),
    inner("targets.NAME.files[].url", "none"),
    inner("targets.NAME.files[].sha256", "none"),
    inner("targets.NAME.files[].to", ""),
    inner("targets.NAME.files[].mode", "the mode of the source"),
    inner("targets.NAME.files[].owner", "`\"root\"`"),
    key(
        "targets.NAME.sources",
        "`true` if the project is not a package, unless `files` copies something from the build context",
        "[targets.api]\nsources = true",
    ),
    key(
        "targets.NAME.steps",
        "`[]`",
        "[[targets.api.steps]]\nname = \"web\"\nimage = \"node:22-slim\"\nplatform = \"builder\"\n\
         inputs = [{ from = \"web\", to = \"/src\", mode = \"0755\" }]\n\
         run = [[\"npm\", \"ci\"], [\"npm\", \"run\", \"build\"]]\nworkdir = \"/src\"\nenv = { NODE_ENV = \"production\" }\n\
         outputs = [{ from = \"/src/dist\", to = \"/app/web\" }]\nnetwork = true\ncaches = [\"/root/.npm\"]\n\
         secrets = [{ id = \"npm-token\", env = \"NPM_TOKEN\", required = false }, { id = \"npmrc\", target = \"/root/.npmrc\" }]\n\n\
         [[targets.api.steps]]\nname = \"words\"\nwhen = \"before\"\nowner = \"user\"\ninputs = [\n  \
         { step = \"web\", from = \"/src/dist\", to = \"/web\" },\n  \
         { url = \"https://models.example/words.bin\", sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\", \
         to = \"/words.bin\" },\n]\nrun = [\"cp\", \"/words.bin\", \"/app/words/\"]\noutputs = [\"/app/words\"]",
    ),
    inner("targets.NAME.steps[].name", "the name of the program that it runs"),
    inner("targets.NAME.steps[].run", ""),
    inner("targets.NAME.steps[].when", "`\"after\"`"),
    inner("targets.NAME.steps[].image", "the image that is being built"),
    inner("targets.NAME.steps[].platform", "`\"image\"`"),
    inner("targets.NAME.steps[].inputs", "`[]`"),
    inner("targets.NAME.steps[].inputs[].from", "with `step`, its only output"),
    inner("targets.NAME.steps[].inputs[].step", "none"),
    inner("targets.NAME.steps[].inputs[].url", "none"),
    inner("targets.NAME.steps[].inputs[].sha256", "none"),
    inner("targets.NAME.steps[].inputs[].to", ""),
    inner("targets.NAME.steps[].inputs[].mode", "the mode of the source"),
    inner("targets.NAME.steps[].outputs", ""),
    inner("targets.NAME.steps[].outputs[].from", ""),
    inner("targets.NAME.steps[].outputs[].to", ""),
    inner("targets.NAME.steps[].env", "none"),
    inner("targets.NAME.steps[].workdir", "the image's"),
    inner("targets.NAME.steps[].network", "`false`"),
    inner("targets.NAME.steps[].secrets", "`[]`"),
    inner("targets.NAME.steps[].secrets[].id", ""),
    inner("targets.NAME.steps[].secrets[].target", "`/run/secrets/ID`"),
    inner("targets.NAME.steps[].secrets[].env", "none"),
    inner("targets.NAME.steps[].secrets[].required", "`true`"),
    inner("targets.NAME.steps[].caches", "`[]`"),
    inner("targets.NAME.steps[].owner", "`\"root\"`"),
    key("targets.NAME.deny", "`[]`", "[targets.api]\ndeny = [\"nvidia-*\"]"),
    key("targets.NAME.max-image-size", "no limit", "[targets.api]\nmax-image-size = \"800MB\""),
    key(
        "targets.NAME.layers",
        "none",
        "[targets.api]\nlayers = { budget = 92, max-size = \"500MB\", together = [[\"torch\", \"nvidia-*\"]] }",
    ),
    inner("targets.NAME.layers.budget", "`92`"),
    inner("targets.NAME.layers.max-size", "no limit"),
    inner("targets.NAME.layers.together", "`[]`"),
    key("targets.NAME.sbom", "`\"scanner\"`", "[targets.api]\nsbom = \"lock\""),
    key(
        "targets.NAME.run",
        "none",
        "[targets.api-test]\ngroups = [\"dev\"]\nrun = [[\"pytest\", \"-q\"], [\"ruff\", \"check\"]]",
    ),
    key(
        "targets.NAME.collect",
        "`[]`",
        "[targets.api-test]\nrun = [[\"pytest\", \"-q\", \"--junitxml=report.xml\"]]\ncollect = [\"report.xml\"]",
    ),
    key(
        "targets.NAME.requires",
        "`[]`",
        "[targets.api]\nrequires = [\"api-test\"]\n\n[targets.api-test]\nrun = [[\"pytest\", \"-q\"]]",
    ),
];

/// Puts defaults and examples into the schema.
pub(super) fn annotate(schema: &mut Value) {
    for key in KEYS {
        let of_defaults = key.path.strip_prefix("targets.NAME.").map(|key| format!("defaults.{key}"));
        for path in [Some(key.path.to_owned()), of_defaults].into_iter().flatten() {
            let Some(node) = find_mut(schema, &path) else { continue };
            if let Some(example) = value(key.example, key.path) {
                node["examples"] = json!([example]);
            }
            match literal(key.default) {
                Some(value) => node["default"] = value,
                None if key.default.is_empty() => {}
                None => {
                    let description = node["description"].as_str().unwrap_or_default();
                    node["description"] = json!(format!("{description} Default: {}.", key.default));
                }
            }
        }
    }
}

/// The value of a default that is one literal: `` `"on"` ``.
fn literal(default: &str) -> Option<Value> {
    let text = default.strip_prefix('`')?.strip_suffix('`')?;
    let table: Value = toml::from_str(&format!("it = {text}")).ok()?;
    table.get("it").cloned()
}

/// What an example has at a path.
fn value(example: &str, path: &str) -> Option<Value> {
    let config: Value = toml::from_str(example).ok().filter(|_| !example.is_empty())?;
    below(&config, path).cloned()
}

/// `NAME` is that of the first table that has the rest of the path: others are there for the example to be valid.
fn below<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let (segment, rest) = path.split_once('.').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
    let found: Vec<&Value> = match segment {
        "NAME" => value.as_object()?.values().collect(),
        name => value.get(name).into_iter().collect(),
    };
    found.into_iter().find_map(|value| rest.map_or(Some(value), |rest| below(value, rest)))
}

/// The part of a schema that is about a key.
pub fn find<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    schema.pointer(&pointer(schema, path)?)
}

fn find_mut<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let pointer = pointer(schema, path)?;
    schema.pointer_mut(&pointer)
}

fn pointer(schema: &Value, path: &str) -> Option<String> {
    let mut pointer = String::new();
    for segment in path.split('.') {
        let (name, is_list) = segment.strip_suffix("[]").map_or((segment, false), |name| (name, true));
        pointer += &table_below(schema.pointer(&pointer)?)?;
        pointer += &if name == "NAME" { "/additionalProperties".to_owned() } else { format!("/properties/{name}") };
        if is_list {
            pointer += "/items";
        }
        schema.pointer(&pointer)?;
    }
    Some(pointer)
}

/// Where a value may be a table or something else, the way to the table.
fn table_below(node: &Value) -> Option<String> {
    let is_table = |node: &Value| node["type"] == "object";
    if is_table(node) {
        return Some(String::new());
    }
    let index = node["oneOf"].as_array()?.iter().position(is_table)?;
    Some(format!("/oneOf/{index}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::schema;

    #[test]
    fn every_key_that_is_described_is_in_the_schema_with_its_example() {
        let schema = schema();
        for key in KEYS {
            let node = find(&schema, key.path).unwrap_or_else(|| panic!("the schema has no `{}`", key.path));
            assert!(node["description"].is_string(), "{}", key.path);
            assert_eq!(node["examples"].is_array(), !key.example.is_empty(), "{}", key.path);
        }
        assert_eq!(find(&schema, "lock.check").unwrap()["default"], "on");
        let description = find(&schema, "default-target").unwrap()["description"].as_str().unwrap();
        assert_eq!(description.matches("Default: the only target.").count(), 1);
        assert_eq!(find(&schema, "defaults.editable").unwrap()["default"], false);
        assert_eq!(find(&schema, "targets.NAME.layers").unwrap()["examples"][0]["budget"], 92);
    }
}
