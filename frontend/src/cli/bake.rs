//! A bake file with every target of a project.

use std::fmt::Write as _;

/// Names of a project's targets.
pub struct Targets {
    /// All of them, in their order.
    pub all: Vec<String>,
    /// Those that run something.
    pub checks: Vec<String>,
    /// Those that are files instead of images.
    pub artifacts: Vec<String>,
}

/// The text of `docker-bake.hcl`: images by default, `artifacts` and `checks` apart. `file` is what `-f` would name; none for `Dockerfile`, which
/// need not be named.
pub fn text(targets: &Targets, file: Option<&str>) -> String {
    let quoted = |target: &String| format!("\"{}\"", bake_name(target));
    let group = |name: &str, targets: &[String]| {
        let targets: Vec<String> = targets.iter().map(quoted).collect();
        format!("group \"{name}\" {{\n  targets = [{}]\n}}\n", targets.join(", "))
    };
    let Targets { all, checks, artifacts } = targets;
    let is_image = |target: &&String| !checks.contains(target) && !artifacts.contains(target);
    let images: Vec<String> = all.iter().filter(is_image).cloned().collect();
    let mut text = group("default", &images);
    for (name, targets) in [("artifacts", artifacts), ("checks", checks)] {
        if !targets.is_empty() {
            text += &format!("\n{}", group(name, targets));
        }
    }
    for target in all {
        let name = quoted(target);
        // A check leaves reports, which nobody asked for here.
        let output = match (checks.contains(target), artifacts.contains(target)) {
            (true, _) => "output = [\"type=cacheonly\"]".to_owned(),
            (_, true) => format!("output = [\"type=local,dest=dist/{}\"]", bake_name(target)),
            (false, false) => format!("tags = [\"{}\"]", target.to_lowercase()),
        };
        let mut body = format!("  target = \"{target}\"\n  {output}\n");
        if let Some(file) = file {
            body.insert_str(0, &format!("  dockerfile = \"{file}\"\n"));
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "\ntarget {name} {{\n  context = \".\"\n{body}}}\n");
    }
    text
}

/// Names in bake have no dots.
fn bake_name(target: &str) -> String {
    target.chars().map(|char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_every_target() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let all = names(&["api", "api.debug", "test", "api.wheels"]);
        let targets = super::Targets { all, checks: names(&["test"]), artifacts: names(&["api.wheels"]) };
        insta::assert_snapshot!(super::text(&targets, Some("uv.build.toml")), @r#"
        group "default" {
          targets = ["api", "api_debug"]
        }

        group "artifacts" {
          targets = ["api_wheels"]
        }

        group "checks" {
          targets = ["test"]
        }

        target "api" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "api"
          tags = ["api"]
        }

        target "api_debug" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "api.debug"
          tags = ["api.debug"]
        }

        target "test" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "test"
          output = ["type=cacheonly"]
        }

        target "api_wheels" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "api.wheels"
          output = ["type=local,dest=dist/api_wheels"]
        }
        "#);
    }
}
