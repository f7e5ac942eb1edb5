//! Why packages are in an image: ways from its root, what needs them, and what they alone bring.

use std::collections::{BTreeMap, VecDeque};

use crate::plan::Plan;

/// The dependencies of a plan, by number: a package is asked about many times.
pub struct Facts<'plan> {
    names: Vec<&'plan str>,
    numbers: BTreeMap<&'plan str, usize>,
    needs: Vec<Vec<usize>>,
    root: Option<usize>,
    /// The package before each on the shortest way from the root.
    before: Vec<Option<usize>>,
}

impl<'plan> Facts<'plan> {
    /// Those of a plan.
    pub fn of(plan: &'plan Plan) -> Self {
        let names: Vec<&str> = plan.dependencies.keys().map(String::as_str).collect();
        let numbers: BTreeMap<&str, usize> = names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
        let numbered = |name: &String| numbers.get(name.as_str()).copied();
        let needs: Vec<Vec<usize>> =
            plan.dependencies.values().map(|needed| needed.iter().filter_map(numbered).collect()).collect();
        let root = numbers.get(plan.root.as_str()).copied();
        let before = root.map(|root| before(&needs, root)).unwrap_or_default();
        Self { names, numbers, needs, root, before }
    }

    /// The shortest way from the root to a package, both among it.
    pub fn way(&self, name: &str) -> Vec<&'plan str> {
        let mut way = Vec::new();
        let mut next = self.numbers.get(name).copied();
        while let Some(number) = next {
            way.push(self.names[number]);
            next = self.before.get(number).copied().flatten();
        }
        way.reverse();
        way
    }

    /// What a package needs.
    pub fn needs(&self, name: &str) -> Vec<&'plan str> {
        let needed = self.numbers.get(name).map(|number| &self.needs[*number][..]).unwrap_or_default();
        needed.iter().map(|number| self.names[*number]).collect()
    }

    /// What needs a package.
    pub fn needed_by(&self, name: &str) -> Vec<&'plan str> {
        let Some(number) = self.numbers.get(name) else { return Vec::new() };
        let needing = self.names.iter().zip(&self.needs).filter(|(_, needs)| needs.contains(number));
        needing.map(|(name, _)| *name).collect()
    }

    /// Packages that would not be there without this one.
    pub fn brought_by(&self, name: &str) -> Vec<&'plan str> {
        let (Some(root), Some(without)) = (self.root, self.numbers.get(name).copied()) else { return Vec::new() };
        if root == without {
            return Vec::new();
        }
        let mut is_reached = vec![false; self.names.len()];
        is_reached[without] = true;
        is_reached[root] = true;
        let mut stack = vec![root];
        while let Some(number) = stack.pop() {
            for next in &self.needs[number] {
                if !is_reached[*next] {
                    is_reached[*next] = true;
                    stack.push(*next);
                }
            }
        }
        self.names.iter().zip(is_reached).filter(|(_, is_reached)| !is_reached).map(|(name, _)| *name).collect()
    }
}

/// Breadth first.
fn before(needs: &[Vec<usize>], root: usize) -> Vec<Option<usize>> {
    let mut before = vec![None; needs.len()];
    let mut queue = VecDeque::from([root]);
    while let Some(number) = queue.pop_front() {
        for next in &needs[number] {
            if *next != root && before[*next].is_none() {
                before[*next] = Some(number);
                queue.push_back(*next);
            }
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each name with those of what it needs.
    fn facts(edges: &[(&'static str, &[&'static str])]) -> Facts<'static> {
        let names: Vec<&str> = edges.iter().map(|(name, _)| *name).collect();
        let numbers: BTreeMap<&str, usize> = names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
        let needs: Vec<Vec<usize>> =
            edges.iter().map(|(_, needed)| needed.iter().map(|name| numbers[name]).collect()).collect();
        let before = before(&needs, 0);
        Facts { names, numbers, needs, root: Some(0), before }
    }

    #[test]
    fn ways_are_the_shortest_and_circles_end() {
        let facts =
            facts(&[("app", &["http", "web"]), ("http", &["idna"]), ("idna", &["app", "http"]), ("web", &["http"])]);
        assert_eq!(facts.way("idna"), ["app", "http", "idna"]);
        assert_eq!(facts.way("app"), ["app"]);
        assert_eq!(facts.needed_by("http"), ["app", "idna", "web"]);
        assert_eq!(facts.needs("web"), ["http"]);
        assert!(facts.way("other").is_empty());
    }

    #[test]
    fn what_others_need_too_is_not_brought_alone() {
        let facts = facts(&[
            ("app", &["aws", "web"]),
            ("aws", &["core", "time"]),
            ("core", &["json"]),
            ("json", &[]),
            ("time", &[]),
            ("web", &["time"]),
        ]);
        assert_eq!(facts.brought_by("aws"), ["core", "json"]);
        assert!(facts.brought_by("web").is_empty() && facts.brought_by("app").is_empty());
    }
}
