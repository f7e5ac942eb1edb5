//! Users and groups that a Dockerfile adds: `useradd`, `adduser`, `groupadd`, `addgroup`, of Debian and of busybox.

use std::collections::{BTreeMap, BTreeSet};

/// A user with what its commands say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Absent where the system chooses.
    pub uid: Option<u32>,
    /// The same.
    pub gid: Option<u32>,
    /// Absent where it is `/home/NAME`.
    pub home: Option<String>,
}

/// Those that were added so far.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: Vec<Account>,
    groups: BTreeMap<String, Option<u32>>,
    uids: Ids,
    gids: Ids,
}

/// Options that a value follows, of any of the commands.
const WITH_VALUE: [&str; 28] = [
    "-u",
    "--uid",
    "-g",
    "--gid",
    "-G",
    "--groups",
    "-d",
    "--home",
    "--home-dir",
    "-h",
    "-s",
    "--shell",
    "-c",
    "--comment",
    "--gecos",
    "-k",
    "--skel",
    "--ingroup",
    "-K",
    "--key",
    "-b",
    "--base-dir",
    "-e",
    "--expiredate",
    "-p",
    "--password",
    "-f",
    "--inactive",
];

/// The users that usual bases have, with their ids and home.
const OF_BASES: [(&str, u32, &str); 3] =
    [("nonroot", 65532, "/home/nonroot"), ("nobody", 65534, "/nonexistent"), ("www-data", 33, "/var/www")];

/// Ids of users, or of groups: each has its own.
#[derive(Clone, Debug, Default)]
struct Ids {
    /// Those that are given away, by the base or by commands.
    taken: BTreeSet<u32>,
    /// How many were looked at: of users, of a system's.
    passed: (u32, u32),
}

impl Ids {
    /// The id that `useradd`, and `adduser` for a user who is no system's, chooses (Debian's `login.defs`, busybox's `adduser.c`):
    /// the first that is free, from 1000 up; of a system's, from 999 down. None is given back, so what was passed once is never free.
    fn free(&mut self, is_of_system: bool) -> Option<u32> {
        let passed = if is_of_system { &mut self.passed.1 } else { &mut self.passed.0 };
        let is_free = |id: &u32| !self.taken.contains(id);
        let found = match is_of_system {
            true => (100..1000 - *passed).rev().find(is_free).map(|id| (id, 1000 - id)),
            false => (1000 + *passed..60_000).find(is_free).map(|id| (id, id + 1 - 1000)),
        };
        let (id, now_passed) = found?;
        *passed = now_passed;
        self.taken.insert(id);
        Some(id)
    }
}

impl Accounts {
    /// Those of an image: Ubuntu's, since 23.04, has a user with the uid 1000.
    pub fn of_image(image: &str) -> Self {
        let name = image.rsplit('/').next().unwrap_or(image);
        let version = name.strip_prefix("ubuntu:").unwrap_or_default();
        let has_ubuntu =
            ["24.04", "25.", "26.", "noble", "plucky", "latest"].iter().any(|new| version.starts_with(new));
        let ids = Ids { taken: has_ubuntu.then_some(1000).into_iter().collect(), ..Ids::default() };
        Self { uids: ids.clone(), gids: ids, ..Self::default() }
    }

    /// Notes what a command adds. Gives back whether it was one of these.
    pub fn add(&mut self, words: &[String]) -> bool {
        let (Some(program), Some(arguments)) = (words.first(), words.get(1..)) else { return false };
        let (options, names) = options(program, arguments);
        let is_of_system = arguments.iter().any(|word| ["-r", "--system", "-S"].contains(&word.as_str()));
        let value = |names: &[&str]| {
            let found = options.iter().find(|(name, _)| names.contains(&name.as_str()));
            found.map(|(_, value)| value.clone())
        };
        let number = |names: &[&str]| value(names).and_then(|value| value.parse().ok());
        match (program.as_str(), &names[..]) {
            ("groupadd" | "addgroup", [group, ..]) => {
                // That of `addgroup --system` depends on the base.
                let is_known = program == "groupadd" || !is_of_system;
                let gid = number(&["-g", "--gid"]);
                let gid = gid.or_else(|| is_known.then(|| self.gids.free(is_of_system))?);
                self.gids.taken.extend(gid);
                self.groups.insert(group.clone(), gid);
                true
            }
            // Debian's `adduser USER GROUP` only puts one into the other.
            ("useradd" | "adduser", [name, ..]) => {
                let group = value(&["-g", "--gid", "-G", "--ingroup"]);
                let gid = group.and_then(|group| match group.parse() {
                    Ok(gid) => Some(gid),
                    Err(_) => self.groups.get(&group).copied().flatten(),
                });
                let busybox_home = if program == "adduser" { value(&["-h"]) } else { None };
                let home = value(&["-d", "--home", "--home-dir"]).or(busybox_home);
                // A group that has the name is the user's.
                let group = self.groups.get(name).copied().flatten();
                let is_known = program == "useradd" || !is_of_system;
                let uid = number(&["-u", "--uid"]);
                let uid = uid.or_else(|| is_known.then(|| self.uids.free(is_of_system))?);
                self.uids.taken.extend(uid);
                // Without another one, it has a group of its number.
                self.gids.taken.extend(uid.filter(|_| gid.or(group).is_none()));
                let account = Account { name: name.clone(), uid, gid: gid.or(group), home };
                self.users.retain(|known| known.name != account.name);
                self.users.push(account);
                true
            }
            ("usermod" | "passwd" | "chpasswd", _) => true,
            _ => false,
        }
    }

    /// Whether a command added a user.
    pub fn has(&self, name: &str) -> bool {
        self.users.iter().any(|user| user.name == name)
    }

    /// Who `USER` names: `name`, `uid`, either with `:group`.
    pub fn find(&self, user: &str) -> Account {
        let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
        let gid = group.and_then(|group| match group.parse() {
            Ok(gid) => Some(gid),
            Err(_) => self.groups.get(group).copied().flatten(),
        });
        let mut account = match name.parse::<u32>() {
            Ok(0) => Account { name: "root".to_owned(), ..Account::default() },
            Ok(uid) => match self.users.iter().find(|known| known.uid == Some(uid)) {
                Some(known) => known.clone(),
                None => of_bases(|base| base.1 == uid).unwrap_or_else(|| Account {
                    name: "app".to_owned(),
                    uid: Some(uid),
                    ..Account::default()
                }),
            },
            Err(_) => match self.users.iter().find(|known| known.name == name) {
                Some(known) => known.clone(),
                None => of_bases(|base| base.0 == name)
                    .unwrap_or_else(|| Account { name: name.to_owned(), ..Account::default() }),
            },
        };
        account.gid = gid.or(account.gid);
        account
    }
}

fn of_bases(is_wanted: impl Fn(&(&str, u32, &str)) -> bool) -> Option<Account> {
    let (name, id, home) = OF_BASES.into_iter().find(is_wanted)?;
    Some(Account { name: name.to_owned(), uid: Some(id), gid: Some(id), home: Some(home.to_owned()) })
}

/// Options with their values, and what is left.
fn options(program: &str, arguments: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut options, mut names) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some((name, value)) = argument.split_once('=').filter(|_| argument.starts_with("--")) {
            options.push((name.to_owned(), value.to_owned()));
        } else if takes_value(program, argument) {
            options.extend(rest.next().map(|value| (argument.clone(), value.clone())));
        } else if !argument.starts_with('-') {
            names.push(argument.clone());
        }
    }
    (options, names)
}

fn takes_value(program: &str, argument: &str) -> bool {
    // `-f` of groupadd and `-h` of useradd take none.
    let is_flag = matches!((program, argument), ("groupadd" | "addgroup", "-f") | ("useradd", "-h"));
    WITH_VALUE.contains(&argument) && !is_flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(commands: &[&str], user: &str) -> String {
        let mut accounts = Accounts::default();
        for command in commands {
            let words: Vec<String> = command.split(' ').map(ToOwned::to_owned).collect();
            assert!(accounts.add(&words), "{command}");
        }
        let Account { name, uid, gid, home } = accounts.find(user);
        format!("{name} {uid:?} {gid:?} {home:?}")
    }

    #[test]
    fn users_are_found_by_name_and_by_id() {
        let guide =
            ["groupadd --system --gid 999 nonroot", "useradd --system --gid 999 --uid 999 --create-home nonroot"];
        assert_eq!(find(&guide, "nonroot"), "nonroot Some(999) Some(999) None");
        assert_eq!(find(&guide, "999:999"), "nonroot Some(999) Some(999) None");
        let by_group = ["groupadd -r -g 1001 web", "useradd -r -u 1000 -g web -d /srv/web -s /sbin/nologin web"];
        assert_eq!(find(&by_group, "web"), "web Some(1000) Some(1001) Some(\"/srv/web\")");
        let busybox = ["addgroup -g 10 -S crew", "adduser -S -D -H -u 11 -G crew -h /crew crew"];
        assert_eq!(find(&busybox, "crew:crew"), "crew Some(11) Some(10) Some(\"/crew\")");
        assert_eq!(find(&["adduser --disabled-password --gecos  me"], "me"), "me Some(1000) None None");
        assert_eq!(find(&["useradd -m me"], "me"), "me Some(1000) None None");
        assert_eq!(find(&["useradd -m you", "useradd -m me"], "me"), "me Some(1001) None None");
        assert_eq!(find(&["useradd -r me"], "me"), "me Some(999) None None");
        let by_group = |options: &str| [format!("groupadd {options} web"), format!("useradd {options} -g web web")];
        let check = |options: &str| find(&by_group(options).iter().map(String::as_str).collect::<Vec<_>>(), "web");
        assert_eq!(check("--force"), "web Some(1000) Some(1000) None");
        assert_eq!(check("-r"), "web Some(999) Some(999) None");
        assert_eq!(find(&["adduser --system me"], "me"), "me None None None");
        assert_eq!(find(&[], "1000:2000"), "app Some(1000) Some(2000) None");
        assert_eq!(find(&[], "nonroot"), "nonroot Some(65532) Some(65532) Some(\"/home/nonroot\")");
        assert_eq!(find(&[], "0"), "root None None None");
    }
}
