//! What a manifest tells people of its project: `description`, `license` and `urls` of `[project]`.

use std::collections::BTreeMap;

use toml::Value;

/// What is told of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// One line.
    pub description: Option<String>,
    /// An SPDX expression, or what stands for one in older manifests.
    pub license: Option<String>,
    /// By labels without case, blanks and punctuation, as indexes read them (packaging.python.org: well-known project URLs).
    urls: BTreeMap<String, String>,
}

/// The text of a licence has lines; its name is shorter than this.
const LICENSE_NAME: usize = 100;

impl About {
    /// From the values of the keys. What has another type is somebody else's mistake to tell.
    pub(super) fn new(description: Option<&Value>, license: Option<&Value>, urls: Option<&Value>) -> Self {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let license = license.and_then(|license| license.as_str().or_else(|| license.get("text")?.as_str()));
        let is_name = |license: &&str| license.len() <= LICENSE_NAME && !license.contains('\n');
        let urls = urls.and_then(Value::as_table).into_iter().flatten();
        Self {
            description: description.and_then(text),
            license: license.filter(is_name).map(ToOwned::to_owned),
            urls: urls.filter_map(|(label, url)| Some((normalized(label), text(url)?))).collect(),
        }
    }

    /// Where its sources are.
    pub fn source(&self) -> Option<&str> {
        self.url(&["source", "repository", "sourcecode", "github"])
    }

    /// Where there is more about it.
    pub fn homepage(&self) -> Option<&str> {
        self.url(&["homepage"])
    }

    fn url(&self, labels: &[&str]) -> Option<&str> {
        labels.iter().find_map(|label| self.urls.get(*label)).map(String::as_str)
    }
}

fn normalized(label: &str) -> String {
    label.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> About {
        let project: Value = toml::from_str(text).unwrap();
        About::new(project.get("description"), project.get("license"), project.get("urls"))
    }

    #[test]
    fn reads_what_labels_tell() {
        let told = about(
            "description = \"Sells\"\nlicense = \"MIT OR Apache-2.0\"\n\
             urls = { \"Source Code\" = \"https://git.example/shop\", Homepage = \"https://shop.example\", Bugs = 1 }",
        );
        assert_eq!(told.description.as_deref(), Some("Sells"));
        assert_eq!(told.license.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(told.source(), Some("https://git.example/shop"));
        assert_eq!(told.homepage(), Some("https://shop.example"));
    }

    #[test]
    fn takes_no_text_of_a_license_for_its_name() {
        assert_eq!(about("license = { text = \"BSD-3-Clause\" }").license.as_deref(), Some("BSD-3-Clause"));
        assert_eq!(about("license = { text = \"Permission is\\nhereby\" }").license, None);
        assert_eq!(about("license = { file = \"LICENSE\" }\ndescription = 1\nurls = 2"), About::default());
    }
}
