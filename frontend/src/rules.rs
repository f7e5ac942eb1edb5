//! The rules of `--check`: every warning is of one. `docs/reference/rules.md` explains them.

use crate::diagnostic::Diagnostic;

/// What a kind of warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The code of its warnings.
    pub code: &'static str,
    /// What they say of any project.
    pub description: &'static str,
    /// They fail a build, unless the rule is skipped.
    pub is_error: bool,
}

/// Every rule, by code.
pub const RULES: [Rule; 18] = [
    rule("config::unexpanded_variable", "A command contains a variable, but no shell expands it"),
    rule("context::unused", "A named context has no effect"),
    rule("files::private", "An image contains a file that is usually private"),
    error("image::cannot_start", "An image lacks a program or file that its command needs"),
    rule("image::no_command", "An image has no command of its own, and starts what its base starts"),
    error("image::nothing_starts", "uv-buildkit finds no command for an image without a config"),
    rule("layers::large_family", "Packages that share a layer are larger than `layers.max-size`"),
    rule("layers::large_wheel", "A wheel is larger than `layers.max-size`"),
    rule("lock::no_hash", "A download has no hash in the lockfile"),
    rule("members::not_editable", "A project that may compile code is not installed as a link"),
    rule("option::not_applied", "An option has no effect here"),
    rule("option::unused_build_arg", "A build arg is not declared"),
    rule("plan::nothing_installed", "A project is not a package, so the environment does not contain it"),
    rule("platform::all_emulated", "Every step is emulated, although the builder could run some itself"),
    rule("platform::check_elsewhere", "A check runs on a different platform from the image"),
    rule("platform::other_patch", "Another patch version of Python compiles the bytecode"),
    rule("python::pin_left_aside", "The Python of the image is not the Python in `.python-version`"),
    rule("uv::setting_left_aside", "A setting of uv has no effect on an image"),
];

const fn rule(code: &'static str, description: &'static str) -> Rule {
    Rule { code, description, is_error: false }
}

const fn error(code: &'static str, description: &'static str) -> Rule {
    Rule { code, description, is_error: true }
}

impl Rule {
    /// The rule of a warning.
    pub fn of(warning: &Diagnostic) -> Option<Self> {
        RULES.into_iter().find(|rule| rule.code == warning.code)
    }

    /// Where it is explained: the document's heading is the code, of which a link keeps no colons.
    pub fn url(&self) -> String {
        format!(
            "https://github.com/uv-buildkit/uv-buildkit/blob/main/docs/reference/rules.md#{}",
            self.code.replace("::", "")
        )
    }
}
