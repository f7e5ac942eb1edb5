//! A workspace of the size that people have: nine members of three backends, and some hundred packages of the real index.

use anyhow::Result;

use crate::context::Context;

/// The member that is built. All others but [`UNUSED`] are among its dependencies.
pub const APPLICATION: &str = "orchard-shop";

/// A member that it does not depend on.
pub const UNUSED: &str = "orchard-weather";

struct Member {
    name: &'static str,
    backend: Backend,
    /// Other members.
    needs: &'static [&'static str],
    third_party: &'static [&'static str],
}

/// Versions are exact where they would show in what is built.
enum Backend {
    Hatchling,
    /// With a version that only the backend can tell.
    HatchlingDynamic,
    Setuptools,
    UvBuild,
}

const MEMBERS: [Member; 9] = [
    Member {
        name: APPLICATION,
        backend: Backend::Hatchling,
        needs: &["orchard-api", "orchard-reports", "orchard-tasks"],
        third_party: &["rich", "typer", "structlog"],
    },
    Member {
        name: "orchard-api",
        backend: Backend::UvBuild,
        needs: &["orchard-store", "orchard-images"],
        third_party: &["fastapi", "uvicorn[standard]", "pydantic-settings", "orjson", "jinja2", "aiohttp", "django"],
    },
    Member {
        name: "orchard-reports",
        backend: Backend::Setuptools,
        needs: &["orchard-store"],
        third_party: &["numpy", "pandas", "networkx", "lxml", "beautifulsoup4", "markdown", "openpyxl"],
    },
    Member {
        name: "orchard-store",
        backend: Backend::HatchlingDynamic,
        needs: &["orchard-base"],
        third_party: &["sqlalchemy", "alembic", "psycopg[binary]", "redis", "msgpack", "zstandard"],
    },
    Member {
        name: "orchard-tasks",
        backend: Backend::Setuptools,
        needs: &["orchard-base", "orchard-secrets"],
        third_party: &["celery", "tenacity", "protobuf", "watchdog"],
    },
    Member {
        name: "orchard-secrets",
        backend: Backend::UvBuild,
        needs: &["orchard-base"],
        third_party: &["cryptography", "pyjwt", "bcrypt", "argon2-cffi"],
    },
    Member { name: "orchard-images", backend: Backend::Hatchling, needs: &["orchard-base"], third_party: &["pillow"] },
    Member {
        name: "orchard-base",
        backend: Backend::Setuptools,
        needs: &[],
        third_party: &["attrs", "cattrs", "pyyaml", "requests", "httpx[http2]", "python-dateutil"],
    },
    Member { name: UNUSED, backend: Backend::UvBuild, needs: &["orchard-base"], third_party: &["pyproj"] },
];

const ROOT: &str = r#"[tool.uv.workspace]
members = ["members/*"]

[tool.uv.sources]
"#;

const CONFIG: &str = r#"[targets.shop]
package = "orchard-shop"
cmd = ["orchard-shop"]
"#;

/// Writes it. The members' modules hold `nonce`.
pub fn write(context: &Context<'_>, nonce: &str) -> Result<()> {
    let sources: String = MEMBERS.iter().map(|member| format!("{} = {{ workspace = true }}\n", member.name)).collect();
    context.write("pyproject.toml", format!("{ROOT}{sources}"))?;
    context.write("uv.build.toml", CONFIG)?;
    for member in &MEMBERS {
        let directory = format!("members/{}", member.name);
        let module = member.name.replace('-', "_");
        context.write(&format!("{directory}/pyproject.toml"), manifest(member, &module))?;
        context.write(&format!("{directory}/README.md"), format!("# {}\n", member.name))?;
        context.write(&format!("{directory}/src/{module}/data/words.txt"), "apple\npear\nquince\n")?;
        context.write(&format!("{directory}/src/{module}/__init__.py"), source(member, nonce))?;
        context.write(&format!("{directory}/src/{module}/deep/__init__.py"), "DEPTH = 1\n")?;
    }
    Ok(())
}

fn manifest(member: &Member, module: &str) -> String {
    let name = member.name;
    let dependencies: String =
        member.needs.iter().chain(member.third_party).map(|name| format!("    \"{name}\",\n")).collect();
    let version = match member.backend {
        Backend::HatchlingDynamic => "dynamic = [\"version\"]",
        _ => "version = \"1.4.0\"",
    };
    let backend = match member.backend {
        Backend::Hatchling => "requires = [\"hatchling==1.27.0\"]\nbuild-backend = \"hatchling.build\"\n".to_owned(),
        Backend::HatchlingDynamic => format!(
            "requires = [\"hatchling==1.27.0\"]\nbuild-backend = \"hatchling.build\"\n\n\
             [tool.hatch.version]\npath = \"src/{module}/__init__.py\"\n"
        ),
        Backend::Setuptools => format!(
            "requires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
             [tool.setuptools.package-data]\n{module} = [\"data/*.txt\"]\n"
        ),
        Backend::UvBuild => "requires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n".to_owned(),
    };
    format!(
        "[project]\nname = \"{name}\"\n{version}\ndescription = \"A part of the orchard.\"\nreadme = \"README.md\"\n\
         requires-python = \">=3.11\"\ndependencies = [\n{dependencies}]\n\n\
         [project.scripts]\n{name} = \"{module}:main\"\n\n[dependency-groups]\ndev = [\"pytest\"]\n\n[build-system]\n{backend}"
    )
}

/// A module that imports everything that its member depends on.
fn source(member: &Member, nonce: &str) -> String {
    let modules = member.needs.iter().chain(member.third_party).map(|name| match name.split('[').next() {
        Some("beautifulsoup4") => "bs4".to_owned(),
        Some("pillow") => "PIL.Image".to_owned(),
        Some("protobuf") => "google.protobuf".to_owned(),
        Some("pyjwt") => "jwt".to_owned(),
        Some("pyyaml") => "yaml".to_owned(),
        Some("python-dateutil") => "dateutil".to_owned(),
        Some("argon2-cffi") => "argon2".to_owned(),
        Some(plain) => plain.replace('-', "_"),
        None => String::new(),
    });
    let imports: String = modules.map(|module| format!("import {module}\n")).collect();
    format!(
        "{imports}\n__version__ = \"2.1\"\nNONCE = \"{nonce}\"\n\n\ndef main():\n    \
         from importlib.resources import files\n    print(__name__, (files(__name__) / \"data/words.txt\").read_text().split())\n"
    )
}
