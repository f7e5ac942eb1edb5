//! Why a step failed: what it left of the words of its tools → the lines that say why, and what to write about it.

mod lacking;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use lacking::{lacking, remedy};

/// Where a step that fails leaves a [`Report`], in its output.
pub const REPORT: &str = "/.uv-buildkit-failure.json";

/// What a step of ours leaves when it fails: the last words of the tool that it ran, or its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Why it failed, where it was not a tool that did.
    error: Option<String>,
    /// The last lines of what a tool said.
    words: String,
    /// What to do about it, where the step knows that.
    help: Vec<String>,
    /// Programs that the step finds, of those that the words name.
    programs: BTreeSet<String>,
    /// Its python is linked to musl.
    musl: bool,
    /// The member of the workspace that it builds, if it does.
    member: Option<String>,
    /// The package of others that it builds, if it does.
    package: Option<String>,
    /// It builds one of the two, and was not given a network.
    offline: bool,
}

/// Why a step failed, as users are told.
#[derive(Debug, PartialEq, Eq)]
pub struct Cause {
    /// The line that says why, and some after it.
    pub lines: Vec<String>,
    /// What to do about it, one suggestion each.
    pub help: Vec<String>,
}

impl Report {
    /// Reads what a step left.
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Picks out of it why the step failed.
    pub fn cause(&self) -> Cause {
        let words = Words::of(&self.words);
        let lacks = lacking(&self.words, &self.programs);
        let mut help = remedy(&lacks, self.musl);
        // That a package is needed is said better where it is known which.
        let of_uv = words.hints.iter().filter(|hint| !is_idle(hint) && (lacks.is_empty() || !is_of_a_library(hint)));
        help.extend(of_uv.map(|hint| self.undeclared(hint, &words).unwrap_or_else(|| (*hint).to_owned())));
        help.extend(KNOWN.iter().filter(|(sign, _)| self.words.contains(sign)).map(|(_, help)| (*help).to_owned()));
        help.extend(self.help.iter().cloned());
        let lines: Vec<String> = match &self.error {
            Some(error) => error.lines().map(ToOwned::to_owned).collect(),
            None => words.cause(),
        };
        if let (Some(member), Some(first)) = (&self.member, lines.first()) {
            help.extend(missed(member, first));
        }
        if self.offline && NETWORK.as_ref().is_some_and(|regex| regex.is_match(&self.words)) {
            let table = match (&self.member, &self.package) {
                (Some(member), _) => Some(format!("members.{member}")),
                (None, Some(package)) => Some(format!("packages.{package}")),
                (None, None) => None,
            };
            let advice = |table| {
                format!(
                    "the build has no network: to give it one, write `network = true` in `[{table}]` of `uv.build.toml`"
                )
            };
            help.extend(table.map(advice));
        }
        // Where it is built is no path of the user's.
        let lines = lines.iter().map(|line| CHECKOUT.replace(line, "").into_owned()).collect();
        Cause { lines, help }
    }
}

impl Report {
    /// What to write where a build imports what it does not require. uv calls what it was given as a directory by the name of that.
    fn undeclared(&self, hint: &str, words: &Words<'_>) -> Option<String> {
        let found = UNDECLARED.as_ref()?.captures(hint)?;
        let (module, name) = (found.get(1)?.as_str(), found.get(2)?.as_str());
        let is_of_step = words.chain.first().is_some_and(|what| what.ends_with(&format!("/{name}`")));
        if let Some(member) = self.member.as_ref().filter(|_| is_of_step) {
            return Some(format!("the build of `{member}` imports `{module}`: add it to `build-system.requires`"));
        }
        let package = self.package.as_deref().filter(|_| is_of_step).unwrap_or(name);
        Some(format!(
            "the build of `{package}` imports `{module}`, but does not require it: write `extra-build-dependencies = {{ \
             {package} = [\"{module}\"] }}` in `[tool.uv]`"
        ))
    }
}

/// A hint of uv about a module that a build imports: the module, and what is built.
static UNDECLARED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"depends on `([^`]+)`, but doesn't declare it as a build dependency\. If `([^`]+)` is").ok()
});

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, more) = self.lines.split_first().map_or(("", &[][..]), |(first, more)| (first.as_str(), more));
        write!(out, "{first}")?;
        for line in more {
            write!(out, "\n  {line}")?;
        }
        for help in &self.help {
            write!(out, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

/// Where projects are built, as `building.py` and `member.py` lay them out.
static CHECKOUT: LazyLock<Pattern> =
    LazyLock::new(|| Pattern(Regex::new(r"/opt/uv-buildkit/(?:made|kept)/checkout/").ok()));

/// How programs say that they reach no server.
static NETWORK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)name resolution|resolve host|resolve proxy|resolve address|name or service not known|network is unreachable|enetunreach|eai_again\
         |failed to lookup address|dns error|no such host|failed to resolve|nodename nor servname|spurious network error\
         |failed to download from|unable to access 'https?:|urlopen error|max retries exceeded|could not connect to server\
         |failed to connect to|connection refused|enotfound|network is down|\\[Errno 101\\]|\\[Errno -[23]\\]",
    )
    .ok()
});

/// A file of the workspace that a build looks for.
static MISSED_FILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:No such file|not found|not exist).*/opt/uv-buildkit/(?:made|kept)/checkout/([^'"]+)"#).ok()
});

/// A variable that python code looks for in its environment.
static MISSED_VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^KeyError: '([A-Z][A-Z0-9_]*)'$").ok());

/// What `[members]` can give to a build that misses it.
fn missed(member: &str, why: &str) -> Option<String> {
    let find = |regex: &Option<Regex>| Some(regex.as_ref()?.captures(why)?.get(1)?.as_str().to_owned());
    let (what, key) = match (find(&MISSED_FILE), find(&MISSED_VARIABLE)) {
        (Some(path), _) => ("file of the workspace", format!("inputs = [\"{path}\"]")),
        (None, Some(name)) => ("variable", format!("env = {{ {name} = \"…\" }}")),
        (None, None) => return None,
    };
    Some(format!("to give the build this {what}, write `{key}` in `[members.{member}]` of `uv.build.toml`"))
}

/// What else is known of words that tools say.
const KNOWN: &[(&str, &str)] = &[
    ("No space left on device", "the disk of the builder is full: run `docker buildx prune` to remove unused cache"),
    ("UnknownIssuer", "to let steps trust a certificate, add it to `[ca]` in `uv.build.toml`"),
    ("certificate verify failed", "to let steps trust a certificate, add it to `[ca]` in `uv.build.toml`"),
];

/// Whether a hint of uv says nothing.
fn is_idle(hint: &str) -> bool {
    hint.starts_with("Build failures usually indicate") || hint.starts_with("This usually indicates")
}

/// Whether a hint of uv says that there is a package to install, and not which.
fn is_of_a_library(hint: &str) -> bool {
    hint.contains("you need to install a library")
}

/// Lines of a cause.
const MOST_LINES: usize = 8;

/// Characters of one of them.
const LONGEST_LINE: usize = 300;

/// What uv said at the end, and what a build backend or another program said before, or in the middle of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words<'a> {
    backend: Vec<&'a str>,
    /// From what uv was about to do down to the reason.
    chain: Vec<String>,
    hints: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let is_of_uv = |line: &&str| line.is_empty() || line.starts_with("  ");
        // Hints come last, and may be of several lines.
        let start = lines.iter().rposition(|line| line.starts_with("error: "));
        let start = start.filter(|at| {
            let mut words = lines[at + 1..].iter().take_while(|line| !line.starts_with("hint: "));
            words.all(is_of_uv)
        });
        let (before, of_uv) = lines.split_at(start.unwrap_or(lines.len()));
        let mut words = Self { backend: before.to_vec(), ..Self::default() };
        let mut in_section = false;
        for line in of_uv {
            let said = line.trim_start();
            if let Some(hint) = line.strip_prefix("hint: ") {
                (in_section, words.hints) = (false, [&words.hints[..], &[hint]].concat());
            } else if !words.hints.is_empty() {
                continue;
            } else if said == "[stdout]" || said == "[stderr]" {
                in_section = true;
            } else if in_section {
                words.backend.push(line.get(SECTION..).unwrap_or_default());
            } else if let Some(cause) = line.strip_prefix("error: ").or_else(|| said.strip_prefix("cause: ")) {
                words.chain.push(cause.to_owned());
            } else if let (Some(last), false) = (words.chain.last_mut(), said.is_empty()) {
                *last += &format!("\n{said}");
            }
        }
        words
    }

    /// The line that says why, and some after it.
    fn cause(&self) -> Vec<String> {
        let lines: Vec<String> = match &self.chain[..] {
            // uv knows the reason itself, unless it is that a backend or a script failed.
            // What was to be built is said before, and where that lay is nothing to users.
            [what, why] if what.starts_with("Failed to build `") && !why.starts_with("Call to `") => {
                why.lines().map(str::to_owned).collect()
            }
            [.., what, why] if !why.starts_with("Call to `") => {
                format!("{what}: {why}").lines().map(str::to_owned).collect()
            }
            [reason] if start(&self.backend).is_none() => reason.lines().map(str::to_owned).collect(),
            [] | [_] | [.., _] => match start(&self.backend) {
                Some(at) => excerpt(&self.backend[at..]),
                None => self.chain.last().into_iter().cloned().collect(),
            },
        };
        let lines = lines.into_iter().filter(|line| !line.trim().is_empty());
        let mut lines: Vec<String> = lines.map(|line| shortened(&line)).collect();
        if lines.len() > MOST_LINES {
            lines.truncate(MOST_LINES);
            lines.push("…".to_owned());
        }
        if let Some(first) = lines.first_mut() {
            *first = SEVERITY.replace(first, "").into_owned();
        }
        lines
    }
}

/// uv indents what a backend said by so many spaces.
const SECTION: usize = 9;

/// Errors that are about another one before them.
static DERIVED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"returned non-zero exit status|failed with exit (?:code|status)|^SystemExit\b|CalledProcessError").ok()
});

/// A line with an error, of compilers, package managers and programs in general.
static ERROR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\berror(?:\[\w+\])?: |^E: |^CMake Error|^fatal: |^\s*× ").ok());

/// What is in front of a message.
static SEVERITY: LazyLock<Pattern> = LazyLock::new(|| Pattern(Regex::new(r"^(?i:error|fatal): |^E: ").ok()));

/// Matches of a pattern, which can be replaced.
struct Pattern(Option<Regex>);

impl Pattern {
    fn replace<'a>(&self, line: &'a str, with: &str) -> std::borrow::Cow<'a, str> {
        self.0.as_ref().map_or(line.into(), |regex| regex.replace(line, with))
    }
}

/// Where in the words of a program it begins to say why it failed. In the order of what says most: what python raised, the first
/// error, a program that was not found, the last line.
fn start(lines: &[&str]) -> Option<usize> {
    let matches = |regex: &Option<Regex>, line: &str| regex.as_ref().is_some_and(|regex| regex.is_match(line));
    let raised = lines.iter().rposition(|line| line.trim_start().starts_with("Traceback (most recent call last)"));
    let raised = raised.and_then(|at| {
        let indent = lines[at].len() - lines[at].trim_start().len();
        let is_over = |line: &&str| !line.trim().is_empty() && line.len() - line.trim_start().len() <= indent;
        lines[at + 1..].iter().position(is_over).map(|offset| at + 1 + offset)
    });
    let is_derived = |at: &usize| matches(&DERIVED, lines[*at]);
    let error = || lines.iter().position(|line| matches(&ERROR, line) && !matches(&DERIVED, line));
    let lacked = || lines.iter().position(|line| !lacking(line, &BTreeSet::new()).is_empty());
    let last = || lines.iter().rposition(|line| !line.trim().is_empty());
    raised.filter(|at| !is_derived(at)).or_else(error).or_else(lacked).or(raised).or_else(last)
}

/// Without what is about an error that is told already.
fn excerpt(lines: &[&str]) -> Vec<String> {
    let is_derived = |line: &str| DERIVED.as_ref().is_some_and(|regex| regex.is_match(line));
    let more = lines[1..].iter().take_while(|line| !line.starts_with("Traceback ")).filter(|line| !is_derived(line));
    lines[..1].iter().chain(more).map(|line| (*line).to_owned()).collect()
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// What a step was about to do, by the name that clients show: `failed to build psycopg2 2.9.10`. The name begins with the target
/// and its number in brackets.
pub fn headline(name: &str) -> String {
    let name = match name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, name)) => name,
        None => name,
    };
    match name.strip_prefix("python of ") {
        Some(image) => format!("failed to query the Python of {}", image.split('@').next().unwrap_or(image)),
        None => format!("failed to {name}"),
    }
}

/// Why a step failed that left no report, by how BuildKit says that it ended.
pub fn ending(words: &str) -> Cause {
    let end = words.rsplit_once("did not complete successfully: ").map_or(words, |(_, end)| end).trim();
    let mut help = Vec::new();
    if end.contains("exit code: 137") || end.contains("cannot allocate memory") {
        help.push(
            "it was killed, most often because memory ran out: give the builder more memory, or build less at once"
                .to_owned(),
        );
    }
    Cause { lines: vec![format!("{end}; see its log above")], help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str) -> String {
        Report { words: words.to_owned(), package: Some("attn".to_owned()), ..Report::default() }.cause().to_string()
    }

    /// As tools say it.
    const WORDS: &[&str] = &[
        // A program that there is not.
        "Building wheel...\nrunning egg_info\nwriting psycopg2.egg-info/PKG-INFO\n\nError: pg_config executable not found.\n\n\
         pg_config is required to build psycopg2 from source.  Please add the directory\ncontaining pg_config to the $PATH\n\n    \
         python setup.py build_ext --pg-config /path/to/pg_config build ...\n\nerror: Failed to build `/cache/src`\n  cause: The build \
         backend returned an error\n  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)\n\nhint: \
         Build failures usually indicate a problem with the package or the build environment\n",
        // An exception of the backend.
        "Building wheel...\nTraceback (most recent call last):\n  File \"<string>\", line 11, in <module>\n    x\n    ^\nValueError: Unable \
         to determine which files to ship\n\nThe most likely cause of this is that there is no directory that matches the name of your \
         project (kiosk).\n\n[tool.hatch.build.targets.wheel]\npackages = [\"src/foo\"]\nerror: Failed to build `/build/src`\n  cause: The \
         build backend returned an error\n  cause: Call to `hatchling.build.build_wheel` failed (exit status: 1)\n\nhint: Build failures \
         usually indicate a problem with the package or the build environment\n",
        // A compiler that finds no header.
        "running build_ext\ngcc -c p.c -o p.o\np.c:1:10: fatal error: libpq-fe.h: No such file or directory\n    1 | #include \
         <libpq-fe.h>\n      |          ^~~~~~~~~~~~\ncompilation terminated.\nerror: Command '['gcc', '-c']' returned non-zero exit \
         status 1.\nerror: Failed to build `/build/src`\n  cause: The build backend returned an error\n  cause: Call to \
         `setuptools.build_meta.build_wheel` failed (exit status: 1)\n\nhint: This error likely indicates that you need to install a \
         library that provides `libpq-fe.h` for `ledger@0.1.0`\n",
        // A build requirement that is built itself: uv has what the backend said in the middle of its own words.
        "error: Failed to build `ledger @ file:///src`\n  cause: The build backend returned an error\n  cause: Call to \
         `setuptools.build_meta.build_wheel` failed (exit status: 1)\n\n         [stdout]\n         running build_ext\n\n         \
         [stderr]\n         Traceback (most recent call last):\n           File \"<string>\", line 2, in <module>\n         \
         ModuleNotFoundError: No module named 'numpy'\n\nhint: `ledger` was included because `app` depends on `ledger`\n",
        // Build requirements that there are not.
        "Building wheel...\nerror: Failed to build `/cache/src`\n  cause: Failed to resolve requirements from `build-system.requires`\n  \
         cause: No solution found when resolving: `setuptools>=999`\n  cause: Because only setuptools<=84.2.1 is available and you require \
         setuptools>=999, we can conclude that your requirements are unsatisfiable.\n",
        // A command that a script ran.
        "cmake -S .\nCMake Error at CMakeLists.txt:3 (find_package):\n  Could NOT find HDF5\n\nTraceback (most recent call last):\n  File \
         \"setup.py\", line 3, in <module>\nsubprocess.CalledProcessError: Command '['cmake']' returned non-zero exit status 1.\n",
        // A script that imports what it does not require.
        "Building wheel...\nTraceback (most recent call last):\n  File \"setup.py\", line 3, in <module>\nModuleNotFoundError: No module named \
         'torch'\nerror: Failed to build `/opt/uv-buildkit/kept/checkout`\n  cause: The build backend returned an error\n  cause: Call to \
         `setuptools.build_meta.get_requires_for_build_wheel` failed (exit status: 1)\n\nhint: This error likely indicates that `checkout` \
         depends on `torch`, but doesn't declare it as a build dependency. If `checkout` is a first-party package, consider adding `torch` to \
         its `build-system.requires`. Otherwise, either add it to your `pyproject.toml` under:\n\n[tool.uv.extra-build-dependencies]\n\
         checkout = [\"torch\"]\n\nor `uv pip install torch` into the environment and re-run with `--no-build-isolation`.\n",
        // Package managers.
        "Reading package lists...\nE: Unable to locate package libfoo\nE: Couldn't find any package\n",
        "fetch index\nERROR: unable to select packages:\n  libfoo (no such package):\n    required by: world[libfoo]\n",
        // A server whose certificate is not trusted.
        "error: Failed to fetch: `https://index.example/simple/hatchling/`\n  cause: invalid peer certificate: UnknownIssuer\n",
    ];

    #[test]
    fn finds_what_tools_say_of_their_failure() {
        insta::assert_snapshot!(WORDS.iter().map(|words| told(words)).collect::<Vec<_>>().join("\n\n"));
    }

    #[test]
    fn a_step_knows_best_why_it_failed() {
        let json =
            br#"{"error": "`reed` was built as version 1.0, but the lockfile has 2.0", "help": ["use a wheel"], "new": 1}"#;
        let told = "`reed` was built as version 1.0, but the lockfile has 2.0\nhelp: use a wheel";
        assert_eq!(Report::parse(json).unwrap().cause().to_string(), told);
        assert!(Report::parse(b"[").is_none());
    }

    #[test]
    fn what_a_member_misses_is_for_the_config_to_give() {
        let told = |why: &str| {
            let json = format!(r#"{{"words": "{why}", "member": "jobs"}}"#);
            Report::parse(json.as_bytes()).unwrap().cause().to_string()
        };
        insta::assert_snapshot!(
            told("FileNotFoundError: [Errno 2] No such file or directory: '/opt/uv-buildkit/made/checkout/requirements/base.txt'"),
            @r#"
        FileNotFoundError: [Errno 2] No such file or directory: 'requirements/base.txt'
        help: to give the build this file of the workspace, write `inputs = ["requirements/base.txt"]` in `[members.jobs]` of `uv.build.toml`
        "#
        );
        insta::assert_snapshot!(told("KeyError: 'GIT_SHA'"), @r#"
        KeyError: 'GIT_SHA'
        help: to give the build this variable, write `env = { GIT_SHA = "…" }` in `[members.jobs]` of `uv.build.toml`
        "#);
        assert_eq!(told("KeyError: 'name'"), "KeyError: 'name'");
    }

    #[test]
    fn a_build_without_a_network_is_told_how_it_gets_one() {
        let told = |words: &str, place: &str| {
            let json = format!(r#"{{"words": "{words}", {place}}}"#);
            Report::parse(json.as_bytes()).unwrap().cause().help
        };
        let cargo = "error: failed to download from `https://crates.example/serde`";
        let advice = |table: &str| {
            [format!(
                "the build has no network: to give it one, write `network = true` in `[{table}]` of `uv.build.toml`"
            )]
        };
        assert_eq!(told(cargo, r#""member": "jobs", "offline": true"#), advice("members.jobs"));
        for words in [
            cargo,
            "socket.gaierror: [Errno -3] Temporary failure in name resolution",
            "OSError: [Errno 101] Network is unreachable",
            "fatal: unable to access 'https://git.example/x/': Could not resolve host: git.example",
            "curl: (6) Could not resolve host: files.example",
            "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
        ] {
            assert_eq!(told(words, r#""package": "reed", "offline": true"#), advice("packages.reed"), "{words}");
        }
        assert!(told(cargo, r#""member": "jobs", "offline": false"#).is_empty());
        assert!(told("SystemExit: 1", r#""member": "jobs", "offline": true"#).is_empty());
    }

    #[test]
    fn of_a_step_without_a_report_its_end_is_told() {
        let ended =
            |how: &str| ending(&format!("process \"python x.py\" did not complete successfully: {how}")).to_string();
        assert_eq!(ended("exit code: 2"), "exit code: 2; see its log above");
        assert!(ended("exit code: 137").starts_with("exit code: 137; see its log above\nhelp: it was killed"));
    }

    #[test]
    fn long_words_are_cut() {
        let words = format!("error: {}\n{}", "é".repeat(5_000), "more\n".repeat(1_000));
        let cause = Report { words, ..Report::default() }.cause();
        assert_eq!((cause.lines.len(), cause.lines[0].chars().count()), (MOST_LINES + 1, LONGEST_LINE - 6));
        for words in ["", "\n\n", "error: ", "Traceback (most recent call last):", "  \u{2500}é"] {
            told(words);
        }
    }

    #[test]
    fn names_what_was_to_be_done() {
        assert_eq!(headline("[kiosk 3/5] build psycopg2 2.9.10"), "failed to build psycopg2 2.9.10");
        assert_eq!(headline("[linux/arm64 shared] install gcc for builds"), "failed to install gcc for builds");
        assert_eq!(headline("[internal] python of a/b:1@sha256:00"), "failed to query the Python of a/b:1");
        assert_eq!(headline(""), "failed to ");
    }
}
