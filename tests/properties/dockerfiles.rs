//! Whatever a Dockerfile says, importing it refuses it or writes a config that is read again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uv_buildkit::config;
use uv_buildkit::diagnostic::{Diagnostics, SourceFile};
use uv_buildkit::import::{Counts, Surroundings, import};

/// Pieces that mean something, in the right place or in another.
const PIECES: [&str; 100] = [
    "FROM ",
    "FROM python:3.13-slim AS a\n",
    "FROM a AS b\n",
    "FROM a\n",
    "\nRUN ",
    "\nCOPY ",
    "\nADD ",
    "\nENV ",
    "\nARG ",
    "\nUSER ",
    "\nWORKDIR ",
    "\nCMD ",
    "\nENTRYPOINT ",
    "\nENTRYPOINT []\n",
    "\nHEALTHCHECK ",
    "--interval=1s ",
    "--retries=x ",
    "CMD ",
    "NONE",
    "\nLABEL ",
    "\nEXPOSE ",
    "\nVOLUME ",
    "\nSTOPSIGNAL ",
    "\nSHELL ",
    "\nONBUILD ",
    "\nMAINTAINER ",
    "# escape=`\n",
    "# c\n",
    "`\n",
    "\\\n",
    " \\\n  ",
    "\n",
    "uv sync --frozen --package a",
    "uv sync ",
    "uv export ",
    "uv pip install --target ",
    "uv run -m ",
    "uv python install ",
    "--package",
    "--extra=",
    "--group ",
    "--directory x ",
    "--no-dev ",
    " && ",
    " || ",
    " | ",
    "; ",
    "( ",
    " )",
    "if ",
    "then ",
    "fi ",
    "for x in ",
    "do ",
    "done ",
    "apt-get install -y ",
    "apk add ",
    "apk del a ",
    "--virtual a ",
    "useradd -u 1 ",
    "groupadd -g 4294967296 ",
    "--from=a ",
    "--from=0 ",
    "--mount=type=secret,id=a ",
    "--mount=from=ghcr.io/astral-sh/uv ",
    "ghcr.io/astral-sh/uv:0.9-python3.12-bookworm-slim",
    "/app/.venv ",
    "/uv /bin/ ",
    ". ",
    "./a/ ",
    "/ ",
    "..",
    "$",
    "${",
    "}",
    "$A",
    "${A:-",
    "${A:+b}",
    "$(",
    "`",
    "'",
    "\"",
    "[\"",
    "\", \"",
    "\"]",
    "A=1 ",
    "B=$A ",
    "<<END\n",
    "END\n",
    "<<-'E'\n",
    "\tE\n",
    "8080 ",
    "1-65535/udp ",
    "${args.A}",
    "é\u{7f}\u{0}",
    "\u{feff}",
    "\r\n",
    "=",
    "pytest ",
    ":",
];

fn dockerfile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => prop::sample::select(&PIECES[..]).prop_map(ToOwned::to_owned),
        1 => "\\PC{0,4}",
    ];
    (any::<bool>(), prop::collection::vec(piece, 0..60)).prop_map(|(begins, pieces)| {
        let text = pieces.concat();
        if begins { format!("FROM python:3.13-slim AS a\nRUN uv sync\n{text}") } else { text }
    })
}

fn check(text: &str) {
    let manifests = BTreeMap::new();
    let surroundings = Surroundings { project: None, manifests: &manifests, is_directory: &|_| None, read: &|_| None };
    match import(&SourceFile::new("Dockerfile", text), &surroundings) {
        Ok(imported) => {
            let read = config::parse(&SourceFile::new(config::FILE_NAME, imported.config.as_str()), &BTreeMap::new());
            read.unwrap_or_else(|errors| panic!("{}\n{}", errors.render(), imported.config));
            assert_eq!(imported.counts.open, 0, "{text}");
            // Places are in the text.
            drop(Diagnostics::check(imported.warnings).map_err(|warnings| warnings.render()));
        }
        Err(errors) => drop(errors.render()),
    }
}

proptest! {
    #[test]
    fn any_dockerfile_is_refused_or_becomes_a_config(text in dockerfile()) {
        check(&text);
    }
}

#[test]
fn deep_variables_come_to_an_end() {
    check(&format!(
        "FROM a\nARG A\nENV B={}{}\nRUN uv sync {}\n",
        "${A:-".repeat(20_000),
        "}".repeat(20_000),
        "$(".repeat(20_000)
    ));
}

#[test]
fn a_dockerfile_of_very_many_words_is_refused() {
    let surroundings =
        Surroundings { project: None, manifests: &BTreeMap::new(), is_directory: &|_| None, read: &|_| None };
    let text = format!("FROM a\nCOPY {} /b\nRUN uv sync --frozen\n", "a ".repeat(6000));
    let Err(errors) = import(&SourceFile::new("Dockerfile", text), &surroundings) else { panic!("it is read") };
    assert!(errors.render().contains("`Dockerfile` has more than 5000 words"), "{}", errors.render());
}

/// Instructions with words of their own in place of `@` and `?`. One in place of `@` is in the config or in a warning. One in place
/// of `?` may also be gone without a word: where it only tells where something lies that is told itself, or it leaves nothing.
const INSTRUCTIONS: [&str; 61] = [
    "ENV E@=@",
    "ENV E@ @ and @",
    "ENV PATH=/opt/@/bin:$PATH",
    "ENV UV_@=@",
    "ENV SETUPTOOLS_SCM_PRETEND_VERSION_FOR_@=@",
    "ARG A@=@",
    "ARG U? \nENV V@=$U?",
    "WORKDIR /w?",
    "USER u?",
    "EXPOSE 80/?",
    "LABEL l?=?",
    "VOLUME /v?",
    "COPY c@ /d?/",
    "COPY c@ d@ /e?/",
    "COPY --chown=@:@ c@ /d?/",
    "COPY --chmod=@ c@ /d?/",
    "COPY --exclude=@ c@ /d?/",
    "COPY [\"c@\", \"/d?\"]",
    "COPY --from=image-@ /p@ /q?",
    "COPY <<END /f?\nbody@\nEND",
    "ADD https://files.example/@ /x?",
    "ADD c@.tar.gz /x?",
    "RUN apt-get update && apt-get install -y p@ q@",
    "RUN apt-get install -y -t r@ p@",
    "RUN apt-get upgrade p@",
    "RUN apt-get purge -y p@",
    "RUN apk add --no-cache --virtual ? p@",
    "RUN apk add --repository https://apk.example/@ p@",
    "RUN apk del p@",
    "RUN pip install p@",
    "RUN pip wheel p@",
    "RUN uv pip install p@",
    "RUN uv pip uninstall p@",
    "RUN uv tool install p@",
    "RUN uv sync --no-install-package n@ --index https://index.example/@",
    "RUN uv sync --python 3.@ --config-setting @",
    "RUN UV_@=1 uv sync",
    "RUN uv run --with w@ python -m m@ --option @",
    "RUN make t@ > /o@",
    "RUN V@=@ make t@",
    "RUN export X@=@",
    "RUN cd /d? && make t@",
    "RUN . /s@.sh && make t@",
    "RUN if [ -f f? ]; then make t@; else make e@ || make g@; fi",
    "RUN for name in a@ b@; do make t@; done",
    "RUN make a@ | make b@ & make c@",
    "RUN <<END\nmake a@\n# no word\nmake b@ --flag=@\nEND",
    "RUN <<END\n#!/usr/bin/env python3\nprint('a@')\nEND",
    "RUN cat <<END > /f@\nbody@ more@\nEND",
    "RUN [\"make\", \"t@\"]",
    "RUN sh -c 'make t@ && make u@'",
    "RUN env K@=@ make t@",
    "RUN sudo make t@",
    "RUN --mount=type=secret,id=s@ make t@",
    "RUN --mount=type=bind,source=b@,target=/t? make t@",
    "RUN --mount=type=bind,from=i@,target=/t? make t@",
    "RUN --network=n@ make t@",
    "RUN mkdir -p /m? /n? && chown -R o? /m?",
    "RUN rm -rf /r@",
    "RUN ./install@.sh --prefix /p@",
    "ONBUILD RUN o@",
];

/// The end of the last stage: what its containers are.
const ENDS: [&str; 7] = [
    "RUN mkdir -p /m@ /n@\nRUN chown -R o@ /c@\nUSER u@\nCMD [\"c@\"]",
    "CMD [\"c@\", \"a@\"]",
    "ENTRYPOINT e@ --flag @\nCMD [\"d@\"]",
    "CMD c@ && d@ > /tmp/@",
    "STOPSIGNAL S@\nLABEL l@=@ m@=@\nEXPOSE p@\nVOLUME [\"/v@\"]\nCMD [\"c@\"]",
    "HEALTHCHECK --interval=@ --unknown=@ CMD h@ @\nCMD [\"c@\"]",
    "SHELL [\"/bin/@\", \"@\"]\nCMD uv run --extra x@ c@",
];

/// A Dockerfile in which every word of its own is another, and those that must be accounted for.
fn accounted() -> impl Strategy<Value = (String, Vec<String>)> {
    let instructions = prop::collection::vec(prop::sample::select(&INSTRUCTIONS[..]), 0..6);
    // What one `uv sync` installs, the next one may take out again.
    let others: Vec<&str> = INSTRUCTIONS.into_iter().filter(|instruction| !instruction.contains("uv sync")).collect();
    let others = prop::collection::vec(prop::sample::select(others), 0..6);
    let syncs =
        prop::sample::select(&["RUN uv sync --extra x@", "RUN uv sync --group g@", "RUN uv sync --package p@"][..]);
    (instructions, syncs, others, any::<bool>(), prop::sample::select(&ENDS[..])).prop_map(
        |(first, sync, second, has_two_stages, end)| {
            let parts = if has_two_stages {
                let next = ["FROM python:3.13-slim\nCOPY --from=builder /app/.venv /app/.venv"];
                [&["FROM python:3.13-slim AS builder"], &first[..], &[sync], &next, &second, &[end]].concat()
            } else {
                [&["FROM python:3.13-slim"], &first[..], &[sync], &second, &[end]].concat()
            };
            let mut words = Vec::new();
            let mut text = String::new();
            let mut count = 0;
            for char in parts.join("\n").chars() {
                if char == '@' || char == '?' {
                    count += 1;
                    let word = format!("z{count:03}z");
                    text += &word;
                    words.extend((char == '@').then_some(word));
                } else {
                    text.push(char);
                }
            }
            (text + "\n", words)
        },
    )
}

/// Where each word is: how many Dockerfile words came to which end.
fn account(text: &str, words: &[String]) -> Counts {
    let manifests = BTreeMap::new();
    let surroundings = Surroundings { project: None, manifests: &manifests, is_directory: &|_| None, read: &|_| None };
    let imported = import(&SourceFile::new("Dockerfile", text), &surroundings);
    let imported = imported.unwrap_or_else(|errors| panic!("{}\n{text}", errors.render()));
    let told = |word: &str| {
        imported.warnings.iter().any(|warning| {
            let mut places = warning.spans.iter().map(|span| &span.file.text[span.range.clone()]);
            warning.message.contains(word) || places.any(|place| place.contains(word))
        })
    };
    let lost: Vec<&String> =
        words.iter().filter(|word| !imported.config.contains(word.as_str()) && !told(word)).collect();
    assert!(lost.is_empty(), "{lost:?} are lost\n{text}\n{}", imported.config);
    imported.counts
}

proptest! {
    #[test]
    fn no_word_of_a_dockerfile_is_lost((text, words) in accounted()) {
        account(&text, &words);
    }
}

/// The account over many: `cargo test -p uv-buildkit-tests --test properties account -- --nocapture` prints it.
#[test]
fn the_account_of_words() {
    let mut runner = TestRunner::deterministic();
    let mut total = Counts::default();
    const FILES: usize = 2_000;
    for _ in 0..FILES {
        let (text, words) = accounted().new_tree(&mut runner).expect("a file is made").current();
        let counts = account(&text, &words);
        total.written += counts.written;
        total.implied += counts.implied;
        total.told += counts.told;
        total.open += counts.open;
    }
    println!("{FILES} Dockerfiles: {total:?}");
    assert!(total.open == 0 && total.written > 10_000 && total.told > 10_000, "{total:?}");
}
