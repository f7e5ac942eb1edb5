//! Inputs that grow: what is read in time that grows faster than the input shows itself in long ones only.

use crate::mutation::Random;
use crate::reader::Kind;

/// The longest input, as what is promised speaks of it.
pub const LONGEST: usize = 1_000_000;

/// A file with something in it many times.
struct Growth {
    kind: Kind,
    /// What comes before, for files that need it.
    before: &'static str,
    /// What is repeated: `%` stands for its number, `@` for that of the one before it.
    repeated: &'static str,
    /// What comes after; `%` stands for the last number.
    after: &'static str,
}

const fn growth(kind: Kind, before: &'static str, repeated: &'static str, after: &'static str) -> Growth {
    Growth { kind, before, repeated, after }
}

const LOCK: &str = "version = 1\nrequires-python = \">=3.12\"\n";
const APP: &str = "version = 1\nrequires-python = \">=3.12\"\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\n\
                   source = { editable = \".\" }\n";
const PROJECT: &str = "[project]\nname = \"hello\"\nversion = \"0.1.0\"\nrequires-python = \">=3.12\"\n";

/// What was found, and what looks like it.
const GROWTHS: &[Growth] = &[
    // Markers: depth, diagrams that double, names that are new each time.
    growth(Kind::Marker, "", "(", "os_name == 'posix'"),
    growth(Kind::Marker, "", "(os_name == 'a%' or ", "os_name == 'b'"),
    growth(Kind::Marker, "", "'%' in os_name and '%' in sys_platform or ", "os_name == 'a'"),
    growth(Kind::Marker, "", "'%' in os_name and ", "os_name == 'a'"),
    growth(Kind::Marker, "", "extra == 'a%' and extra == 'b%' or ", "os_name == 'a'"),
    growth(Kind::Marker, "", "extra != 'extra-%-a-b' and ", "os_name == 'a'"),
    growth(Kind::Marker, "", "os_name == '%' and platform_machine == '%' or ", "os_name == 'a'"),
    growth(Kind::Marker, "", "python_version != '3.%' and ", "os_name == 'a'"),
    growth(Kind::Marker, "python_version in '", "3.% ", "'"),
    growth(Kind::Marker, "os_name == '", "%", "'"),
    growth(Kind::Marker, "os_name == 'a' ", "not ", ""),
    // Locks.
    growth(
        Kind::Lock,
        APP,
        "[[package]]\nname = \"p%\"\nversion = \"1\"\nsource = { registry = \"https://index.example/simple\" }\n",
        "",
    ),
    growth(
        Kind::Lock,
        APP,
        "[[package]]\nname = \"p\"\nversion = \"%\"\nsource = { registry = \"https://index.example/simple\" }\n",
        "",
    ),
    growth(
        Kind::Lock,
        APP,
        "[[package]]\nname = \"p%\"\nversion = \"1\"\nsource = { editable = \"p%\" }\ndependencies = [{ name = \"p@\" }]\n",
        "",
    ),
    growth(
        Kind::Lock,
        APP,
        "[[package]]\nname = \"p\"\nversion = \"%\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"p\", version = \"@\" }]\n",
        "",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\ndependencies = [\n",
        "{ name = \"hello\", marker = \"os_name == '%'\" },\n",
        "]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\ndependencies = [\n",
        "{ name = \"hello\", extra = [\"e%\"] },\n",
        "]\n[package.optional-dependencies]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n[package.optional-dependencies]\n",
        "e% = [{ name = \"hello\", extra = [\"e@\"] }]\n",
        "",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n[package.dev-dependencies]\n",
        "g% = [{ name = \"hello\" }]\n",
        "",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n[package.metadata.requires-dev]\n",
        "g% = []\n",
        "",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n[package.metadata]\nprovides-extras = [",
        "\"e%\", ",
        "]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n[package.metadata]\nrequires-dist = [\n",
        "{ name = \"p%\", marker = \"'%' in os_name and '%' in sys_platform\" },\n",
        "]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n[package.metadata]\nrequires-dist = [\n",
        "{ name = \"p\", specifier = \"==%\" },\n",
        "]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\nconflicts = [\n",
        "[{ package = \"hello\", extra = \"a%\" }, { package = \"hello\", extra = \"a@\" }],\n",
        "]\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\nconflicts = [[\n",
        "{ package = \"hello\", extra = \"a%\" },\n",
        "]]\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\nsupported-markers = [\n",
        "\"'%' in os_name\",\n",
        "]\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[manifest]\nmembers = [\n",
        "\"m%\",\n",
        "]\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\ndependencies = [{ name = \"a\" }]\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"https://index.example/simple\" }\nwheels = [\n",
        "{ url = \"https://files.example/a-1-%-py3-none-any.whl\", hash = \"sha256:00\" },\n",
        "]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\ndependencies = [{ name = \"a\" }]\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"https://index.example/simple\" }\nwheels = [{ url = \"https://files.example/a-1-",
        "py%.",
        "py3-none-any.whl\" }]\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\ndependencies = [{ name = \"a\" }]\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"https://index.example/simple\" }\nwheels = [{ url = \"https://files.example/a-1-",
        "py%.",
        "x-a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p-a.b.c.d.e.f.g.h.i.j.k.l.m.whl\" }]\n",
    ),
    growth(Kind::Lock, LOCK, "[[[[", ""),
    growth(Kind::Lock, "version = 1\nx = ", "[", ""),
    growth(Kind::Lock, "version = 1\nx = ", "{a=", ""),
    growth(Kind::Lock, "version = 1\n[x", ".a", "]"),
    growth(
        Kind::Lock,
        "version = 1\nrequires-python = \"",
        "!=3.%,",
        ">=3\"\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n",
    ),
    growth(
        Kind::Lock,
        "version = 1\n[[package]]\nname = \"hello\"\nversion = \"0",
        ".%",
        "\"\nsource = { editable = \".\" }\n",
    ),
    // Manifests.
    growth(Kind::Manifest, PROJECT, "", ""),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\ndependencies = [\n", "\"p%>=1\",\n", "]\n"),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\ndependencies = [\n",
        "\"p%; '%' in os_name and '%' in sys_platform and '%' in platform_machine\",\n",
        "]\n",
    ),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\ndependencies = [\"p; ", "(", "os_name == 'a'\"]\n"),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\ndependencies = [\"p", ">=%,", ">=1\"]\n"),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\ndependencies = [\"p[", "a%,", "b]\"]\n"),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\ndependencies = [\"p>=1\"]\n[project.optional-dependencies]\n",
        "e% = [\"hello[e@]\", \"p%\"]\n",
        "",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\ndependencies = [\"p>=1\"]\n[dependency-groups]\n",
        "g% = [\"p%\"]\n",
        "",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[dependency-groups]\ng0 = [\"p\"]\n",
        "g% = [{ include-group = \"g@\" }]\n",
        "",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[dependency-groups]\ng0 = [\"p\"]\n",
        "g% = [{ include-group = \"g@\" }, { include-group = \"g@\" }]\n",
        "",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[dependency-groups]\n",
        "g% = []\n",
        "[tool.uv]\ndefault-groups = \"all\"\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[dependency-groups]\n",
        "g% = []\n",
        "[tool.uv]\nconflicts = [[{ group = \"g1\" }, { group = \"g2\" }]]\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[tool.uv]\nconflicts = [\n",
        "[{ extra = \"a%\" }, { extra = \"a@\" }],\n",
        "]\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[dependency-groups]\ng0 = []\n[tool.uv]\nconflicts = [\n",
        "[{ group = \"a%\" }, { group = \"a@\" }],\n",
        "]\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\ndependencies = [\"a\"]\n[tool.uv.sources]\n",
        "P_% = { git = \"https://git.example/p%\" }\n",
        "",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\ndependencies = [\"a\"]\n[tool.uv.sources]\na = [\n",
        "{ index = \"i%\", marker = \"'%' in os_name\" },\n",
        "]\n",
    ),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\n[tool.uv.workspace]\nmembers = [\n", "\"a%/*\",\n", "]\n"),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\n[tool.uv.workspace]\nmembers = [\"", "*a", "\"]\n"),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\n[tool.uv.workspace]\nexclude = [\"", "**/", "a\"]\n"),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[build-system]\nrequires = [\n",
        "\"p%\",\n",
        "]\nbuild-backend = \"x\"\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[build-system]\nbuild-backend = \"x\"\nrequires = [\"hatchling\"]\n[tool.uv.sources]\n",
        "P_%.x = 1\n",
        "",
    ),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\n[project.scripts]\n", "s% = \"a:b\"\n", ""),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[tool.uv]\n",
        "[[tool.uv.index]]\nname = \"i%\"\nurl = \"https://index.example/%\"\n",
        "",
    ),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\n[tool.uv.extra-build-dependencies]\n", "p% = [\"a%\"]\n", ""),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[tool.uv]\nconstraint-dependencies = [\n",
        "\"p%>=%\",\n",
        "]\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[tool.uv]\ndependency-metadata = [\n",
        "{ name = \"p%\", requires-dist = [\"a; 'a%' in os_name and 'b%' in os_name\"] },\n",
        "]\n",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[tool.hatch.build.targets.wheel.force-include]\n",
        "\"a%\" = \"b%\"\n",
        "",
    ),
    growth(
        Kind::Manifest,
        "[project]\nname = \"hello\"\n[tool.hatch.build]\ninclude = [\n",
        "\"a%/**/*a*b*c\",\n",
        "]\n",
    ),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\nlicense-files = [\n", "\"**/a%*\",\n", "]\n"),
    growth(Kind::Manifest, "[project]\nname = \"hello\"\nrequires-python = \"", "!=3.%,", ">=3\"\n"),
    growth(Kind::Manifest, "x = ", "[", ""),
    growth(Kind::Manifest, "[tool", ".a", "]\nx = 1"),
    // Configs.
    growth(Kind::Config, "", "[targets.t%]\n", ""),
    growth(Kind::Config, "", "[targets.t%]\ninherits = \"t@\"\n", ""),
    growth(Kind::Config, "", "[targets.t%]\ninherits = \"t@\"\nenv = { A% = \"b\" }\n", ""),
    growth(Kind::Config, "", "[targets.t%]\ninherits = \"nothing\"\n", ""),
    growth(Kind::Config, "", "[targets.t%]\npackage = \"nothing\"\n", ""),
    growth(Kind::Config, "", "[targets.t%]\nrequires = [\"t@\"]\n", ""),
    growth(Kind::Config, "", "[targets.t%]\nlock = \"a%/uv.lock\"\n", ""),
    growth(Kind::Config, "", "[targets.t%]\nkind = \"wheels\"\ncmd = [\"a\"]\n", ""),
    growth(Kind::Config, "[targets.a]\n", "k% = 1\n", ""),
    growth(Kind::Config, "[targets.hello.env]\n", "A% = \"b\"\n", ""),
    growth(Kind::Config, "[defaults.env]\n", "A% = \"b\"\n[targets.t%]\n[defaults.labels]\n", ""),
    growth(Kind::Config, "[targets.hello.labels]\n", "\"a.%\" = \"b\"\n", ""),
    growth(
        Kind::Config,
        "[args]\nA = \"${args.B}\"\nB = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n[targets.hello.env]\n",
        "A% = \"${args.B}\"\n",
        "",
    ),
    growth(
        Kind::Config,
        "[targets.hello]\ncmd = [\"",
        "${args.A}",
        "\"]\n[args]\nA = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
    ),
    growth(Kind::Config, "[targets.hello]\nfiles = [\n", "{ from = \"a%\", to = \"/b%\" },\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\nfiles = [\n", "{ from = \"a%\", to = \"/b\" },\n", "]\n"),
    growth(
        Kind::Config,
        "[targets.hello]\nfiles = [{ from = \"a\", to = \"/b\", exclude = [\n",
        "\"**/*a%*b*\",\n",
        "] }]\n",
    ),
    growth(Kind::Config, "[targets.hello]\nwritable = [\n", "\"/a%\",\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\nwritable = [\"", "/a", "\"]\n"),
    growth(Kind::Config, "[targets.hello]\nvolumes = [\n", "\"/a%/b\",\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\nexpose = [\n", "%,\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\napt = [\n", "\"p%\",\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\ndeny = [\n", "\"p%*\",\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\nextras = [\n", "\"p%\",\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\ngroups = [\n", "\"p%\",\n", "]\n"),
    growth(Kind::Config, "[targets.hello]\n", "[[targets.hello.steps]]\nrun = [\"a\"]\noutputs = [\"/a%\"]\n", ""),
    growth(
        Kind::Config,
        "[targets.hello]\n",
        "[[targets.hello.steps]]\nname = \"s%\"\nrun = [\"a\"]\noutputs = [\"/a%\"]\ninputs = [{ from = \"b%\", to = \"/c%\" }]\nenv = { A = \"b\" }\ncaches = [\"/d%\"]\n",
        "",
    ),
    growth(Kind::Config, "[targets.hello]\n[[targets.hello.steps]]\nrun = [\"a\"]\noutputs = [\n", "\"/a%\",\n", "]\n"),
    growth(
        Kind::Config,
        "[targets.hello]\n[[targets.hello.steps]]\noutputs = [\"/a\"]\nrun = [\n",
        "[\"a%\"],\n",
        "]\n",
    ),
    growth(
        Kind::Config,
        "[targets.hello]\n[[targets.hello.steps]]\nrun = [\"a\"]\noutputs = [\"/a\"]\ncaches = [\n",
        "\"/d%\",\n",
        "]\n",
    ),
    growth(Kind::Config, "[targets.hello]\nlayers = { together = [\n", "[\"p%\", \"p@\"],\n", "] }\n"),
    growth(Kind::Config, "", "[members.m%]\nversion = \"1\"\n", "[targets.hello]\n"),
    growth(Kind::Config, "", "[indexes.i%]\nurl = \"https://index.example/%\"\n", "[targets.hello]\n"),
    growth(Kind::Config, "[mirrors]\n", "\"https://a%.example\" = \"https://b.example\"\n", "[targets.hello]\n"),
    growth(Kind::Config, "[lock.check]\n", "\"a%/uv.lock\" = \"off\"\n", "[targets.hello]\n"),
    growth(Kind::Config, "[targets.\"", "a", "\"]\nbad = 1\nworse = 2\n"),
    growth(Kind::Config, "default-target = \"", "a", "\"\n[targets.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"),
    growth(Kind::Config, "x = ", "[", ""),
    growth(Kind::Config, "x = ", "{a=", ""),
    growth(Kind::Config, "[targets", ".a", "]\nx = 1"),
    growth(Kind::Config, "", "a%", " = 1\n"),
    growth(Kind::Config, "", "\"", ""),
    growth(Kind::Config, "[targets.hello]\nbase = \"", "a/", "b\"\n"),
    growth(Kind::Config, "[targets.hello]\nbase = \"a@sha256:", "0", "\"\n"),
    growth(Kind::Config, "[targets.hello.user]\nuid = 1\ngroups = [\n", "\"g%\",\n", "]\n"),
    // Stubs and Dockerfiles.
    growth(Kind::Entry, "# syntax=a\n", "# a%=b\n", ""),
    growth(Kind::Entry, "", "#", ""),
    growth(Kind::Dockerfile, "", "FROM a AS s%\n", ""),
    growth(Kind::Dockerfile, "FROM a AS s0\n", "FROM s@ AS s%\nRUN uv sync --frozen\n", ""),
    growth(Kind::Dockerfile, "FROM a\n", "ENV A%=b\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nENV A0=aaaa\n", "ENV A%=$A@$A@\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "ARG A0=aaaa\n", "ARG A%=${A@}${A@}\n", "FROM a:$A%\nRUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nARG A0=aaaa\n", "ARG A%=${A@}${A@}\n", "RUN uv sync --frozen\nENV X=$A%\n"),
    growth(Kind::Dockerfile, "FROM a\nENV P=/a\n", "ENV P=$P:/b%\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\n", "RUN a%\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN uv sync --frozen", " && a%", "\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN uv sync --frozen", " \\\n", "\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN ", "(", "uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN ", "$(", "uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nENV A=", "${A:-", "\n"),
    growth(Kind::Dockerfile, "FROM a\n", "RUN <<E%\na\nE%\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN", " <<E%", "\n"),
    growth(Kind::Dockerfile, "FROM a\n", "COPY a% /b%\n", "RUN uv sync --frozen\nCMD [\"a\"]\n"),
    growth(Kind::Dockerfile, "FROM a\nCOPY", " a%", " /b\nRUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\n", "WORKDIR a\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\n", "LABEL a%=b\n", "RUN uv sync --frozen\nCMD [\"a\"]\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN apt-get install", " p%", "\nRUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\n", "RUN apt-get install p%\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\n", "RUN useradd u%\n", "USER u1\nRUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\n", "ADD https://a.example/% /b%\n", "RUN uv sync --frozen\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN uv sync", " --mount=type=cache,target=/a%", "\n"),
    growth(Kind::Dockerfile, "FROM a\nRUN uv sync --frozen", " --extra e%", "\n"),
    growth(Kind::Dockerfile, "FROM a\nCMD [", "\"a%\", ", "\"b\"]\n"),
    growth(Kind::Dockerfile, "FROM a\nCMD ", "[", "\n"),
    // Ignore files.
    growth(Kind::Ignore, "", "*a", ""),
    growth(Kind::Ignore, "", "**/", "b"),
    growth(Kind::Ignore, "", "**/*a", "b"),
    growth(Kind::Ignore, "", "**/a%\n", ""),
    growth(Kind::Ignore, "*\n", "!a%\n", ""),
    growth(Kind::Ignore, "", "*\n!*\n", ""),
    growth(Kind::Ignore, "", "?", ""),
    growth(Kind::Ignore, "", "[a-z]", ""),
    growth(Kind::Ignore, "", "[", "]"),
    growth(Kind::Ignore, "", "a/../", "b"),
    growth(Kind::Ignore, "", "../", "b"),
    // Options of clients.
    growth(Kind::Options, "platform=", "linux/amd64,", "linux/arm64"),
    growth(Kind::Options, "platform=linux/", "a", ""),
    growth(Kind::Options, "cache-imports=", "[", ""),
    growth(Kind::Options, "cache-imports=[", "{\"Type\":\"registry\",\"Attrs\":{\"ref\":\"a%\"}},", "{}]"),
    growth(Kind::Options, "context=https://git.example/a.git?", "a%=b&", "c"),
    growth(Kind::Options, "context=https://git.example/a.git#", "a:", "b"),
    growth(Kind::Options, "", "build-arg:A%=b\n", ""),
    growth(Kind::Options, "", "label:a%=b\n", ""),
    growth(Kind::Options, "add-hosts=", "a%=127.0.0.1,", "b=::1"),
    growth(Kind::Options, "ulimit=", "nofile=%:%,", "core=1"),
    growth(Kind::Options, "frontend.caps=", "a%,", "b"),
    growth(Kind::Options, "no-cache=", "a%,", "b"),
    growth(Kind::Options, "build-arg:BUILDKIT_DOCKERFILE_CHECK=skip=", "a%,", "b"),
    growth(Kind::Options, "workers=[", "{\"platforms\":[{\"architecture\":\"a%\",\"os\":\"linux\"}]},", "{}]"),
    growth(Kind::Options, "workers=", "[", ""),
    // Pythons.
    growth(Kind::PythonVersion, "", "3.%\n", ""),
    growth(Kind::PythonVersion, "", ">=3.%,", ">=3"),
    growth(Kind::PythonVersion, "cpython-3", ".1", "-linux-x86_64"),
    growth(Kind::PythonVersion, "", "/a", ""),
];

/// One of them, as long as chance wants it.
pub fn grown(random: &mut Random) -> (Kind, Vec<u8>) {
    let Growth { kind, before, repeated, after } = &GROWTHS[random.below(GROWTHS.len())];
    let longest = LONGEST >> random.below(8);
    let mut text = (*before).to_owned();
    let mut number = 0;
    while text.len() + repeated.len() + after.len() + 40 < longest && !repeated.is_empty() {
        number += 1;
        text += &repeated.replace('%', &number.to_string()).replace('@', &(number - 1).to_string());
    }
    text += &after.replace('%', &number.to_string());
    (*kind, text.into_bytes())
}

/// A part of an input many times, each with another number where it has one: lines of it, or what is between two characters.
pub fn amplified(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let longest = LONGEST >> random.below(8);
    let at = random.below(bytes.len());
    let mut range = at..(at + 1 + random.below(40)).min(bytes.len());
    if random.below(2) == 0 {
        // Whole lines.
        let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut end = at;
        for _ in 0..=random.below(8) {
            end = bytes[end..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| end + length + 1);
        }
        range = start..end.min(bytes.len());
    }
    let part = bytes[range.clone()].to_vec();
    let changes = random.below(2) == 0;
    let place = random.below(part.len());
    let place = part[place..].iter().position(u8::is_ascii_alphanumeric).map(|at| place + at).filter(|_| changes);
    let mut many = Vec::new();
    let mut number: u32 = 0;
    while bytes.len() + many.len() + part.len() + 10 < longest {
        match place {
            Some(place) => {
                many.extend_from_slice(&part[..place]);
                many.extend_from_slice(number.to_string().as_bytes());
                many.extend_from_slice(&part[place..]);
            }
            None => many.extend_from_slice(&part),
        }
        number += 1;
    }
    drop(bytes.splice(range, many));
}
