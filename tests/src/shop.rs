//! A workspace for pictures: two services and two libraries, with the sizes that real wheels have.

use std::fmt::Write as _;

use crate::checkout::Checkout;

/// Name, version, compressed bytes of the wheel, and what it needs.
const PACKAGES: [(&str, &str, u64, &str); 64] = [
    ("alembic", "1.20.1", 270_355, "mako sqlalchemy typing-extensions"),
    ("annotated-doc", "0.0.7", 5_286, ""),
    ("annotated-types", "0.8.0", 13_427, ""),
    ("anyio", "4.16.0", 134_521, "idna typing-extensions"),
    ("asgiref", "3.13.0", 27_593, ""),
    ("boto3", "1.44.8", 140_158, "botocore jmespath s3transfer"),
    ("botocore", "1.44.8", 16_884_815, "jmespath python-dateutil urllib3"),
    ("certifi", "2026.10.19.post1", 134_047, ""),
    ("cffi", "2.1.1", 221_824, "pycparser"),
    ("charset-normalizer", "3.5.3", 256_179, ""),
    ("click", "8.5.1", 126_163, ""),
    ("cryptography", "50.0.2", 4_752_576, "cffi"),
    (
        "fastapi",
        "0.165.0",
        159_475,
        "annotated-doc anyio opentelemetry-api pydantic starlette typing-extensions typing-inspection",
    ),
    ("googleapis-common-protos", "1.76.0", 307_707, "protobuf"),
    ("h11", "0.16.0", 37_515, ""),
    ("httpcore", "1.0.9", 78_784, "certifi h11"),
    ("httptools", "0.9.0", 520_112, ""),
    ("httpx", "0.28.1", 73_517, "anyio certifi httpcore idna"),
    ("idna", "3.20", 69_583, ""),
    ("jinja2", "3.1.6", 134_899, "markupsafe"),
    ("jmespath", "1.1.0", 20_419, ""),
    ("mako", "1.4.3", 80_164, "markupsafe"),
    ("markupsafe", "3.0.4", 23_017, ""),
    ("numpy", "2.5.5", 15_713_899, ""),
    ("opentelemetry-api", "1.45.2", 60_335, "typing-extensions"),
    ("opentelemetry-exporter-http-transport", "0.66b2", 12_154, "opentelemetry-api requests"),
    ("opentelemetry-exporter-otlp-common", "0.66b2", 12_385, "opentelemetry-sdk"),
    ("opentelemetry-exporter-otlp-proto-common", "1.45.2", 15_392, "opentelemetry-proto"),
    (
        "opentelemetry-exporter-otlp-proto-http",
        "1.45.2",
        22_180,
        "googleapis-common-protos opentelemetry-api opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common opentelemetry-exporter-otlp-proto-common opentelemetry-proto opentelemetry-sdk requests typing-extensions",
    ),
    (
        "opentelemetry-instrumentation",
        "0.66b2",
        36_902,
        "opentelemetry-api opentelemetry-semantic-conventions packaging wrapt",
    ),
    (
        "opentelemetry-instrumentation-asgi",
        "0.66b2",
        15_810,
        "asgiref opentelemetry-api opentelemetry-instrumentation opentelemetry-semantic-conventions opentelemetry-util-http",
    ),
    (
        "opentelemetry-instrumentation-fastapi",
        "0.66b2",
        14_217,
        "opentelemetry-api opentelemetry-instrumentation opentelemetry-instrumentation-asgi opentelemetry-semantic-conventions opentelemetry-util-http",
    ),
    ("opentelemetry-proto", "1.45.2", 72_484, "protobuf"),
    ("opentelemetry-sdk", "1.45.2", 141_756, "opentelemetry-api opentelemetry-semantic-conventions typing-extensions"),
    ("opentelemetry-semantic-conventions", "0.66b2", 206_280, "opentelemetry-api typing-extensions"),
    ("opentelemetry-util-http", "0.66b2", 8_383, ""),
    ("packaging", "26.4", 140_049, ""),
    ("pandas", "3.1.1", 11_978_871, "numpy python-dateutil"),
    ("pillow", "13.0.0", 7_142_544, ""),
    ("protobuf", "7.36.2", 343_223, ""),
    ("psycopg", "3.3.9", 219_041, "psycopg-binary"),
    ("psycopg-binary", "3.3.9", 3_915_163, ""),
    ("pycparser", "3.12", 62_600, ""),
    ("pydantic", "2.14.4", 494_865, "annotated-types pydantic-core typing-extensions typing-inspection"),
    ("pydantic-core", "2.50.5", 2_264_332, "typing-extensions"),
    ("pydantic-settings", "2.16.3", 82_679, "pydantic python-dotenv typing-extensions typing-inspection"),
    ("python-dateutil", "2.9.0.post0", 229_892, "six"),
    ("python-dotenv", "1.2.4", 23_266, ""),
    ("pyyaml", "6.0.4", 838_459, ""),
    ("redis", "8.1.0", 560_618, ""),
    ("requests", "2.34.2", 73_075, "certifi charset-normalizer idna urllib3"),
    ("s3transfer", "0.19.3", 90_252, "botocore"),
    ("six", "1.17.0", 11_050, ""),
    ("sqlalchemy", "2.1.9", 4_678_129, "typing-extensions"),
    ("starlette", "1.10.0", 80_571, "anyio"),
    ("structlog", "26.1.0", 73_764, ""),
    ("typing-extensions", "4.16.0", 45_571, ""),
    ("typing-inspection", "0.4.5", 14_874, "typing-extensions"),
    ("urllib3", "2.8.0", 135_717, ""),
    ("uvicorn", "0.54.0", 87_427, "click h11 httptools python-dotenv pyyaml uvloop watchfiles websockets"),
    ("uvloop", "0.23.0", 4_480_449, ""),
    ("watchfiles", "1.3.0", 458_353, "anyio"),
    ("websockets", "17.4", 226_382, ""),
    ("wrapt", "2.5.2", 248_696, ""),
];

/// Local projects: directory, and what it needs. The first is the target.
const PROJECTS: [(&str, &str); 3] = [
    (
        "apps/shop-api",
        "fastapi httpx jinja2 opentelemetry-exporter-otlp-proto-http opentelemetry-instrumentation-fastapi opentelemetry-sdk \
         pydantic-settings shop-db structlog uvicorn",
    ),
    ("libs/shop-db", "alembic psycopg redis shop-models sqlalchemy"),
    ("libs/shop-models", "boto3 cryptography pandas pillow pydantic"),
];

/// Files of two projects, a step that reads a directory of a project, and one that runs above all packages.
const CONFIG: &str = r#"
[lock]
check = "off"

[targets.api]
package = "shop-api"
base = "python:3.13-slim-bookworm"
apt = ["libpq5"]
cmd = ["uvicorn", "shop_api:app"]
files = [{ from = "apps/shop-api/templates", to = "/app/templates" }]

[[targets.api.steps]]
name = "web"
image = "node:22-slim"
inputs = [{ from = "apps/shop-api/web", to = "/src" }]
run = ["npm", "run", "build"]
workdir = "/src"
outputs = [{ from = "/src/dist", to = "/app/web" }]

[[targets.api.steps]]
name = "static"
run = ["python", "-m", "shop_api.collect"]
outputs = ["/app/static"]
"#;

/// The name of a project.
fn name_of(directory: &str) -> &str {
    directory.rsplit('/').next().unwrap_or(directory)
}

fn needs(names: &str) -> String {
    names.split_whitespace().map(|name| format!("    {{ name = \"{name}\" }},\n")).collect()
}

/// The lock, with another version of a package if one is given.
pub fn lock(updated: &[(&str, &str)]) -> String {
    let mut text = "version = 1\nrevision = 3\nrequires-python = \">=3.13\"\n\n[manifest]\nmembers = [".to_owned();
    let members: Vec<String> = PROJECTS.iter().map(|(directory, _)| format!("\"{}\"", name_of(directory))).collect();
    let _ = writeln!(text, "{}]", members.join(", "));
    for (directory, needed) in PROJECTS {
        let _ = write!(
            text,
            "\n[[package]]\nname = \"{}\"\nversion = \"1.4.0\"\nsource = {{ editable = \"{directory}\" }}\ndependencies = [\n{}]\n",
            name_of(directory),
            needs(needed)
        );
    }
    for (name, version, size, needed) in PACKAGES {
        let version = updated.iter().find(|(updated, _)| *updated == name).map_or(version, |(_, version)| version);
        let file = name.replace('-', "_");
        let _ = write!(
            text,
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://index.example/simple\" }}\n\
             dependencies = [\n{}]\nwheels = [{{ url = \"https://files.example/{file}-{version}-py3-none-any.whl\", size = {size} }}]\n",
            needs(needed)
        );
    }
    text
}

/// The files of the workspace.
pub fn checkout() -> Checkout {
    let mut checkout = Checkout::default()
        .with("uv.lock", lock(&[]))
        .with("uv.build.toml", CONFIG)
        .with("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"apps/*\", \"libs/*\"]\n");
    for (directory, needed) in PROJECTS {
        let needed: Vec<String> = needed.split_whitespace().map(|name| format!("\"{name}\"")).collect();
        let manifest = format!(
            "[project]\nname = \"{}\"\nversion = \"1.4.0\"\nrequires-python = \">=3.13\"\ndependencies = [{}]\n\n\
             [build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n",
            name_of(directory),
            needed.join(", ")
        );
        checkout = checkout.with(format!("{directory}/pyproject.toml"), manifest);
    }
    let others = ["templates/index.html", "web/index.js", "shop_api/__init__.py"];
    checkout.others.extend(others.map(|path| format!("apps/shop-api/{path}")));
    checkout
}
