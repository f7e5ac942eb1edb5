//! Generated workspaces: a small model, and the texts of a project that is like it.

use proptest::prelude::*;
use uv_buildkit_tests::checkout::Checkout;

/// A workspace with a config.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The first member lies at the root of the workspace.
    pub rooted: bool,
    /// uv installs its python.
    pub managed: bool,
    /// Packages of an index. Each may need those after it.
    pub packages: Vec<Package>,
    /// Each may need those after it.
    pub members: Vec<Member>,
    /// `[targets.*]`.
    pub targets: Vec<Target>,
}

/// A third-party package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Normalised name.
    pub name: String,
    /// Minor version; another one is another wheel.
    pub release: u32,
    /// Its wheel is one that has a layer of its own.
    pub is_large: bool,
    /// It has a wheel for each platform.
    pub is_compiled: bool,
    /// Its wheel lies in the context.
    pub is_flat: bool,
    /// Others that it needs, by index, with a marker.
    pub dependencies: Vec<(usize, &'static str)>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Normalised name.
    pub name: String,
    /// Index into [`BACKENDS`].
    pub backend: usize,
    /// The lock has no version of it.
    pub is_dynamic: bool,
    /// Members that it needs.
    pub members: Vec<usize>,
    /// Packages that it needs.
    pub packages: Vec<usize>,
    /// Packages of its extra `more`.
    pub extra: Vec<usize>,
    /// Packages of its group `dev`.
    pub group: Vec<usize>,
}

/// A target.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Its member.
    pub member: usize,
    /// With the extra `more`.
    pub has_extra: bool,
    /// With the group `dev`.
    pub has_group: bool,
    /// With a directory of the context.
    pub has_files: bool,
    /// Packages lie side by side, without an environment.
    pub in_directory: bool,
    /// It is no image, but a zip of the packages.
    pub is_zip: bool,
    /// With a step in another image, where it is an image.
    pub has_step: bool,
    /// A value that other keys are made from.
    pub number: u16,
}

/// What a target has for a step.
const STEP: &str = r#"steps = [{ image = "node:22", platform = "builder", run = ["npm"], inputs = [{ from = "web", to = "/src" }], outputs = ["/web"] }, { image = "debian:bookworm-slim", platform = "builder", run = ["pack"], inputs = [{ step = "npm", to = "/in" }], outputs = ["/packed"] }]"#;

/// `requires` and `build-backend`.
pub const BACKENDS: [(&str, &str); 4] = [
    ("hatchling", "hatchling.build"),
    ("setuptools>=77", "setuptools.build_meta"),
    ("uv_build>=0.9,<0.14", "uv_build"),
    ("uv_build>=0.9,<0.10", "uv_build"),
];

const MARKERS: [&str; 4] = ["", "sys_platform == 'linux'", "sys_platform == 'win32'", "python_full_version < '3.12'"];

/// Any workspace.
pub fn workspaces() -> impl Strategy<Value = Workspace> {
    (any::<bool>(), prop::bool::weighted(0.2), 1..14_usize, 1..6_usize).prop_flat_map(
        |(rooted, managed, packages, members)| {
            (
                Just((rooted, managed)),
                (0..packages).map(|index| package(index, packages)).collect::<Vec<_>>(),
                (0..members).map(|index| member(index, members, packages)).collect::<Vec<_>>(),
                prop::collection::vec(target(members), 1..4),
            )
                .prop_map(|((rooted, managed), packages, members, targets)| {
                    let named = |(index, target)| Target { name: format!("target-{index}"), ..target };
                    let targets = targets.into_iter().enumerate().map(named).collect();
                    Workspace { rooted, managed, packages, members, targets }
                })
        },
    )
}

fn package(index: usize, count: usize) -> impl Strategy<Value = Package> {
    let dependency = (index + 1..count.max(index + 2), prop::sample::select(&MARKERS[..]));
    let dependencies = prop::collection::vec(dependency, 0..3);
    ("[a-z]{2,8}", 0..9_u32, prop::bool::weighted(0.2), any::<bool>(), prop::bool::weighted(0.2), dependencies)
        .prop_map(move |(word, release, is_large, is_compiled, is_flat, mut dependencies)| {
            dependencies.retain(|(other, _)| *other < count);
            dependencies.dedup_by_key(|(other, _)| *other);
            Package { name: format!("{word}-{index}"), release, is_large, is_compiled, is_flat, dependencies }
        })
}

fn member(index: usize, members: usize, packages: usize) -> impl Strategy<Value = Member> {
    let some = move || prop::collection::btree_set(0..packages, 0..3).prop_map(|set| set.into_iter().collect());
    let others = prop::collection::btree_set(index + 1..members.max(index + 2), 0..3);
    (0..BACKENDS.len(), any::<bool>(), others, some(), some(), some()).prop_map(
        move |(backend, is_dynamic, others, packages, extra, group)| Member {
            name: format!("member-{index}"),
            backend,
            is_dynamic,
            members: others.into_iter().filter(|other| *other < members).collect(),
            packages,
            extra,
            group,
        },
    )
}

fn target(members: usize) -> impl Strategy<Value = Target> {
    let rarely = || prop::bool::weighted(0.3);
    (0..members, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), rarely(), rarely(), 1..u16::MAX).prop_map(
        |(member, has_extra, has_group, has_files, has_step, in_directory, is_zip, number)| Target {
            name: String::new(),
            member,
            has_extra,
            has_group,
            has_files,
            in_directory,
            is_zip,
            has_step,
            number,
        },
    )
}

/// In which order the parts of a file are written that mean the same in any order; 0 is that of the model.
#[derive(Clone, Copy, Debug)]
pub struct Order(pub u64);

impl Order {
    fn apply<T>(self, mut parts: Vec<T>) -> Vec<T> {
        let mut state = self.0;
        for last in (1..parts.len()).rev() {
            if self.0 == 0 {
                break;
            }
            // The generator of Knuth's MMIX: a shuffle needs no better one.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chosen = usize::try_from(state >> 33).unwrap_or(0) % (last + 1);
            parts.swap(last, chosen);
        }
        parts
    }

    fn list(self, items: Vec<String>) -> String {
        self.apply(items).iter().map(|item| format!("    {item},\n")).collect()
    }
}

impl Workspace {
    /// Its files.
    pub fn checkout(&self, order: Order) -> Checkout {
        let mut checkout = Checkout::default()
            // What steps and `files` read.
            .with("web/index.html", "")
            .with("data/words.txt", "")
            .with("uv.lock", self.lock(order))
            .with("uv.build.toml", self.config(order))
            .with("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"members/*\"]\n");
        for (index, member) in self.members.iter().enumerate() {
            let directory = self.directory(index);
            let path =
                if directory == "." { "pyproject.toml".to_owned() } else { format!("{directory}/pyproject.toml") };
            let workspace = if directory == "." { "\n[tool.uv.workspace]\nmembers = [\"members/*\"]\n" } else { "" };
            checkout = checkout.with(path, member.manifest() + workspace);
        }
        checkout
    }

    /// Directory of a member.
    pub fn directory(&self, index: usize) -> String {
        if self.rooted && index == 0 { ".".to_owned() } else { format!("members/{}", self.members[index].name) }
    }

    fn lock(&self, order: Order) -> String {
        let members = self.members.iter().enumerate().map(|(index, member)| self.locked_member(index, member, order));
        let packages = self.packages.iter().map(|package| self.locked_package(package, order));
        let blocks = order.apply(members.chain(packages).collect());
        let names: Vec<String> = self.members.iter().map(|member| format!("\"{}\"", member.name)).collect();
        format!(
            "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n\n[manifest]\nmembers = [\n{}]\n{}",
            order.list(names),
            blocks.concat()
        )
    }

    fn locked_package(&self, package: &Package, order: Order) -> String {
        let source = if package.is_flat { "wheels" } else { "https://index.example/simple" };
        let dependencies = package.dependencies.iter().map(|(other, marker)| {
            let marker = if marker.is_empty() { String::new() } else { format!(", marker = \"{marker}\"") };
            format!("{{ name = \"{}\"{marker} }}", self.packages[*other].name)
        });
        format!(
            "\n[[package]]\nname = \"{}\"\nversion = \"{}\"\nsource = {{ registry = \"{source}\" }}\ndependencies = \
             [\n{}]\nwheels = [\n{}]\n",
            package.name,
            package.version(),
            order.list(dependencies.collect()),
            package.wheels().iter().map(|wheel| format!("    {wheel},\n")).collect::<String>(),
        )
    }

    fn locked_member(&self, index: usize, member: &Member, order: Order) -> String {
        let members = member.members.iter().map(|other| &self.members[*other].name);
        let packages = member.packages.iter().map(|other| &self.packages[*other].name);
        let version = if member.is_dynamic { "" } else { "version = \"1.0.0\"\n" };
        format!(
            "\n[[package]]\nname = \"{}\"\n{version}source = {{ editable = \"{}\" }}\ndependencies = [\n{}]\n\
             \n[package.optional-dependencies]\nmore = [\n{}]\n\n[package.dev-dependencies]\ndev = [\n{}]\n",
            member.name,
            self.directory(index),
            order.list(members.chain(packages).map(reference).collect()),
            order.list(member.extra.iter().map(|other| reference(&self.packages[*other].name)).collect()),
            order.list(member.group.iter().map(|other| reference(&self.packages[*other].name)).collect()),
        )
    }

    fn config(&self, order: Order) -> String {
        let mut python = vec!["version = \"${args.PYTHON}\"".to_owned()];
        if self.managed {
            python.extend(["provider = \"managed\"", "mirror = \"https://mirror.example/pythons\""].map(str::to_owned));
        }
        let python = format!("[python]\n{}\n", order.apply(python).join("\n"));
        let args = "[args]\nPYTHON = \"3.13\"\n".to_owned();
        let defaults = "[defaults]\nbase = \"python:${args.PYTHON}-slim\"\nenv = { A = \"1\", B = \"2\" }\n".to_owned();
        let targets = self.targets.iter().map(|target| {
            let mut lines = vec![format!("package = \"{}\"", self.members[target.member].name)];
            match target.is_zip {
                true => lines.push("kind = \"lambda-zip\"".to_owned()),
                false => lines.extend([
                    format!("user = {{ name = \"user\", uid = {} }}", 1000 + u32::from(target.number)),
                    format!("expose = [{}]", target.number),
                    format!("env = {{ B = \"{}\", C = \"3\" }}", target.number),
                ]),
            }
            lines.extend(target.has_extra.then(|| "extras = [\"more\"]".to_owned()));
            lines.extend(target.has_group.then(|| "groups = [\"dev\"]".to_owned()));
            lines.extend(target.in_directory.then(|| "layout = \"target\"".to_owned()));
            lines.extend(target.has_files.then(|| "files = [{ from = \"data\", to = \"/var/task/data\" }]".to_owned()));
            lines.extend((target.has_step && !target.is_zip).then(|| STEP.to_owned()));
            format!("[targets.{}]\n{}\n", target.name, order.apply(lines).join("\n"))
        });
        order.apply([args, python, defaults].into_iter().chain(targets).collect()).join("\n")
    }
}

fn reference(name: impl AsRef<str>) -> String {
    format!("{{ name = \"{}\" }}", name.as_ref())
}

impl Package {
    /// As the lock has it.
    pub fn version(&self) -> String {
        format!("1.{}.0", self.release)
    }

    fn wheels(&self) -> Vec<String> {
        let tags: &[&str] = match self.is_compiled {
            true => {
                &["cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_aarch64", "cp313-cp313-win_amd64"]
            }
            false => &["py3-none-any"],
        };
        let wheel = |tag: &&str| {
            let file = format!("{}-{}-{tag}.whl", self.name.replace('-', "_"), self.version());
            if self.is_flat {
                return format!("{{ path = \"{file}\" }}");
            }
            // Not a hash of anything, but another one for each version.
            let letters: String = file.bytes().map(|byte| format!("{byte:02x}")).collect();
            let hash = &format!("{letters:0<64}")[..64];
            let size = if self.is_large { 9_000_000 } else { 9_000 };
            format!("{{ url = \"https://files.example/{file}\", hash = \"sha256:{hash}\", size = {size} }}")
        };
        tags.iter().map(wheel).collect()
    }
}

impl Member {
    fn manifest(&self) -> String {
        let (requires, backend) = BACKENDS[self.backend];
        let version = if self.is_dynamic { "dynamic = [\"version\"]" } else { "version = \"1.0.0\"" };
        format!(
            "[project]\nname = \"{}\"\n{version}\n\n[build-system]\nrequires = [\"{requires}\"]\nbuild-backend = \
             \"{backend}\"\n\n[[tool.uv.index]]\nurl = \"wheels\"\nformat = \"flat\"\n",
            self.name
        )
    }
}
