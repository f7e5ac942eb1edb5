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
    rule("config::unexpanded_variable", "A command contains a variable, and no shell expands it"),
    rule("context::unused", "A named context is not used"),
    rule("files::private", "A file that is usually kept private is copied with a whole directory"),
    error("image::cannot_start", "An image does not have what its command names"),
    rule("image::no_command", "An image has no command of its own, and starts the command of its base"),
    error("image::nothing_starts", "There is no config, and no command was found for an image"),
    rule("layers::large_family", "Packages that share a layer are larger than `layers.max-size`"),
    rule("layers::large_wheel", "A wheel is larger than `layers.max-size`"),
    rule("lock::no_hash", "A download has no hash in the lockfile"),
    rule("members::not_editable", "A project is not installed as editable, because its build may compile code"),
    rule("option::not_applied", "An option has no effect here"),
    rule("option::unused_build_arg", "A build arg is not declared"),
    rule("plan::nothing_installed", "A project is not a package, and its own files are not in the environment"),
    rule("platform::all_emulated", "Every step is emulated, although the builder could run some itself"),
    rule("platform::check_elsewhere", "A check runs on another platform than the image"),
    rule("platform::other_patch", "Bytecode is compiled with another patch version of Python"),
    rule("python::pin_left_aside", "The image has another Python than `.python-version` requests"),
    rule("uv::setting_left_aside", "A uv setting has no effect on an image"),
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
