//! The user that a container runs as: one of the base's own, or one that is added without a shell, by new texts of the base's `passwd`
//! and `group`.

use crate::config::{DEFAULT_ID, DEFAULT_NAME, UserConfig};
use crate::diagnostic::{Diagnostic, Span};

/// Who runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Numeric group id.
    pub gid: u32,
    /// Home directory.
    pub home: String,
}

/// What has to be written into the image for its user to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The base's user whose place it takes.
    pub replaces: Option<String>,
    /// New text of `/etc/passwd`; absent when the base has the user already.
    pub passwd: Option<String>,
    /// New text of `/etc/group`; absent when the base has the group already.
    pub group: Option<String>,
    /// The home directory is to be made, and to be the user's.
    pub make_home: bool,
}

/// A shell that refuses to run, so that nobody logs in as the user.
const NO_LOGIN: &str = "/usr/sbin/nologin";

/// Ids from here on are for people (shadow: `UID_MIN`), below for programs that the base or its packages bring.
const FIRST_OF_PEOPLE: u32 = 1000;

/// Who owns nothing, by convention.
const NOBODY: u32 = 65534;

/// Where homes lie that are there to be written to. A user of a base's own may live in what others read, such as `/var/www`.
const HOMES: &str = "/home/";

/// A line of `/etc/passwd`.
struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Entry<'a> {
    /// None of a line that is no user's.
    fn parse(line: &'a str) -> Option<Self> {
        let [name, _, uid, gid, _, home, ..] = line.split(':').collect::<Vec<_>>()[..] else { return None };
        Some(Self { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
    }
}

/// Names and ids of the base's groups.
struct Groups<'a>(Vec<(&'a str, u32)>);

impl<'a> Groups<'a> {
    fn parse(text: &'a str) -> Self {
        let group = |line: &'a str| {
            let [name, _, gid, ..] = line.split(':').collect::<Vec<_>>()[..] else { return None };
            Some((name, gid.parse().ok()?))
        };
        Self(text.lines().filter_map(group).collect())
    }

    fn by_name(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, gid)| *gid)
    }

    fn by_id(&self, gid: u32) -> Option<&'a str> {
        self.0.iter().find(|(_, known)| *known == gid).map(|(name, _)| *name)
    }
}

/// Finds the user in the base's texts, or adds it to them. A name or an id that the base gives to someone else is refused: files and
/// programs of the base would change hands. A user that the base has for people, and nothing runs as, makes room.
pub fn plan(config: &UserConfig, passwd: &str, group: &str, span: Option<&Span>) -> Result<Account, Diagnostic> {
    let entries: Vec<Entry<'_>> = passwd.lines().filter_map(Entry::parse).collect();
    let groups = Groups::parse(group);
    let name = config.name.as_deref().unwrap_or(DEFAULT_NAME);
    let uid = config.uid.unwrap_or(DEFAULT_ID);
    let taken = |reason: &str, holder: &Entry<'_>| {
        let free = free(uid, |id| groups.by_id(id).is_some() || entries.iter().any(|entry| entry.uid == id));
        let Entry { name: theirs, uid: their_uid, .. } = holder;
        let other = if *theirs == name { format!("{name}2") } else { name.to_owned() };
        let problem = format!("user `{name}` cannot be added: {reason}");
        Diagnostic::new("config::user_taken", problem)
            .at_some(span.cloned())
            .help(format!("to run as that user, with uid {their_uid}, write `user = \"{theirs}\"`"))
            .help(format!("or use a free name and uid: `user = {{ name = \"{other}\", uid = {free} }}`"))
    };
    let holder = entries.iter().find(|entry| entry.uid == uid);
    let namesake = entries.iter().find(|entry| entry.name == name);
    let known = match (&config.name, config.uid) {
        (None, Some(_)) => holder,
        (_, wanted) => namesake.filter(|namesake| wanted.is_none_or(|uid| uid == namesake.uid)),
    };
    if let Some(known) = known {
        return Ok(of_the_base(known, config, passwd));
    }
    if let Some(namesake) = namesake {
        return Err(taken(&format!("the base image has it with uid {}", namesake.uid), namesake));
    }
    if name == "root" {
        return Ok(Account::of_root(config));
    }
    // Further names of root are no harm.
    let holder = holder.filter(|_| uid != 0);
    let is_for_people = |entry: &Entry<'_>| entry.uid >= FIRST_OF_PEOPLE && entry.uid != NOBODY;
    let replaced = match holder {
        Some(holder) if config.uid.is_some() && is_for_people(holder) => Some(holder.name),
        Some(holder) => {
            return Err(taken(&format!("uid {uid} belongs to `{}` in the base image", holder.name), holder));
        }
        None => None,
    };
    let is_own_group = |group: &str| Some(group) == replaced;
    let gid = match (config.gid, groups.by_name(name)) {
        (Some(gid), _) | (None, Some(gid)) => gid,
        // As `useradd` does: another group with the number of the uid is no reason to be in it.
        (None, None) => match groups.by_id(uid) {
            Some(other) if !is_own_group(other) => free(uid, |gid| groups.by_id(gid).is_some()),
            _ => uid,
        },
    };
    let new_group = match groups.by_id(gid) {
        Some(known) if !is_own_group(known) => None,
        _ => {
            if let Some(other) = groups.by_name(name).filter(|other| *other != gid) {
                let problem =
                    format!("group `{name}` cannot be added with gid {gid}: the base image has it with gid {other}");
                return Err(Diagnostic::new("config::user_taken", problem)
                    .at_some(span.cloned())
                    .help(format!("remove `gid`, or write `gid = {other}`")));
            }
            Some(format!("{name}:x:{gid}:"))
        }
    };
    let user =
        User { name: name.to_owned(), uid, gid, home: config.home.clone().unwrap_or_else(|| format!("/home/{name}")) };
    let line = format!("{name}:x:{uid}:{gid}::{}:{NO_LOGIN}", user.home);
    let group = match replaced {
        Some(replaced) => Some(without_user(group, replaced, new_group.as_deref())),
        None => new_group.map(|line| with_line(group, &line)),
    };
    let passwd = match replaced {
        Some(replaced) => map_lines(passwd, |old| (first_part(old) == replaced).then(|| line.clone())),
        None => with_line(passwd, &line),
    };
    let replaces = replaced.map(ToOwned::to_owned);
    Ok(Account { user, replaces, passwd: Some(passwd), group, make_home: true })
}

/// A user that the base has. Its home is its own unless the config names another, which is the config's to make.
fn of_the_base(known: &Entry<'_>, config: &UserConfig, passwd: &str) -> Account {
    let home = config.home.as_deref().unwrap_or(known.home);
    let user = User {
        name: known.name.to_owned(),
        uid: known.uid,
        gid: config.gid.unwrap_or(known.gid),
        home: home.to_owned(),
    };
    let moved = || {
        map_lines(passwd, |line| {
            let mut parts: Vec<&str> = line.split(':').collect();
            let is_known = parts.first() == Some(&known.name);
            *parts.get_mut(5).filter(|_| is_known)? = home;
            Some(parts.join(":"))
        })
    };
    Account {
        user,
        replaces: None,
        passwd: (home != known.home).then(moved),
        group: None,
        make_home: home != known.home || home.starts_with(HOMES),
    }
}

impl Account {
    /// Root, where the base does not say who that is.
    fn of_root(config: &UserConfig) -> Self {
        let home = config.home.clone().unwrap_or_else(|| "/root".to_owned());
        let user = User { name: "root".to_owned(), uid: 0, gid: config.gid.unwrap_or_default(), home };
        Self { user, replaces: None, passwd: None, group: None, make_home: config.home.is_some() }
    }
}

/// An id that nobody has: this one, or else the nearest below it in the range of programs or of people; above, where there is none.
fn free(id: u32, is_taken: impl Fn(u32) -> bool) -> u32 {
    const FIRST_OF_PROGRAMS: u32 = 100;
    let (first, last) = match id {
        FIRST_OF_PEOPLE.. => (FIRST_OF_PEOPLE, id),
        FIRST_OF_PROGRAMS.. => (FIRST_OF_PROGRAMS, id),
        // Those are given by distributions.
        _ => (FIRST_OF_PROGRAMS, DEFAULT_ID),
    };
    let mut candidates = (first..=last).rev().chain(last..NOBODY);
    candidates.find(|candidate| !is_taken(*candidate)).unwrap_or(id)
}

fn first_part(line: &str) -> &str {
    line.split(':').next().unwrap_or_default()
}

/// A text with a line more.
fn with_line(text: &str, line: &str) -> String {
    let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{separator}{line}\n")
}

/// A text with other lines in the place of some.
fn map_lines(text: &str, new: impl Fn(&str) -> Option<String>) -> String {
    text.lines().map(|line| new(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// The groups without a user, as `userdel` leaves them. `new` takes the place of the user's own group, where that has its gid.
fn without_user(text: &str, user: &str, new: Option<&str>) -> String {
    let gid = |line: &str| line.split(':').nth(2).map(ToOwned::to_owned);
    let mut is_written = new.is_none();
    let text = map_lines(text, |line| {
        if let Some(new) = new.filter(|new| first_part(line) == user && gid(line) == gid(new)) {
            return Some(new.to_owned());
        }
        let (group, members) = line.rsplit_once(':')?;
        let others: Vec<&str> = members.split(',').filter(|member| *member != user).collect();
        Some(format!("{group}:{}", others.join(",")))
    });
    is_written |= new.is_some_and(|new| text.lines().any(|line| line == new));
    match new {
        Some(new) if !is_written => with_line(&text, new),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
                          nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
                          ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\n";
    const GROUP: &str =
        "root:x:0:\nadm:x:4:syslog,ubuntu\nwww-data:x:33:\nvideo:x:44:ubuntu\nping:x:999:\nubuntu:x:1000:\n";

    fn config(text: &str) -> UserConfig {
        let mut config = UserConfig::default();
        for (key, value) in text.split(' ').filter_map(|pair| pair.split_once('=')) {
            match key {
                "name" => config.name = Some(value.to_owned()),
                "uid" => config.uid = value.parse().ok(),
                "gid" => config.gid = value.parse().ok(),
                _ => config.home = Some(value.to_owned()),
            }
        }
        config
    }

    /// Who runs, and the lines that are not in the base's texts.
    fn check(text: &str, passwd: &str, group: &str) -> String {
        let account = match plan(&config(text), passwd, group, None) {
            Ok(account) => account,
            Err(error) => return error.message,
        };
        let User { name, uid, gid, home } = &account.user;
        let new = |old: &str, new: &Option<String>| {
            let lines = new.iter().flat_map(|text| text.lines()).filter(|line| !old.lines().any(|old| old == *line));
            lines.map(|line| format!("\n{line}")).collect::<String>()
        };
        let made = if account.make_home { " (made)" } else { "" };
        let (passwd, group) = (new(passwd, &account.passwd), new(group, &account.group));
        format!("{name} {uid}:{gid} {home}{made}{passwd}{group}")
    }

    #[test]
    fn adds_a_line_to_each_file() {
        insta::assert_snapshot!(check("", "root:x:0:0::/root:/bin/sh", ""), @r"
        app 999:999 /home/app (made)
        app:x:999:999::/home/app:/usr/sbin/nologin
        app:x:999:
        ");
        insta::assert_snapshot!(check("name=me uid=1001 home=/srv", PASSWD, GROUP), @r"
        me 1001:1001 /srv (made)
        me:x:1001:1001::/srv:/usr/sbin/nologin
        me:x:1001:
        ");
        let account = plan(&UserConfig::default(), "root:x:0:0::/root:/bin/sh", "", None).unwrap();
        assert_eq!(account.passwd.unwrap(), "root:x:0:0::/root:/bin/sh\napp:x:999:999::/home/app:/usr/sbin/nologin\n");
    }

    #[test]
    fn finds_users_of_the_base() {
        for (text, expected) in [
            ("name=ubuntu", "ubuntu 1000:1000 /home/ubuntu (made)"),
            ("uid=1000", "ubuntu 1000:1000 /home/ubuntu (made)"),
            ("name=www-data", "www-data 33:33 /var/www"),
            ("name=www-data uid=33 gid=0", "www-data 33:0 /var/www"),
            ("name=nobody", "nobody 65534:65534 /nonexistent"),
            ("name=root", "root 0:0 /root"),
            (
                "name=www-data home=/srv/web",
                "www-data 33:33 /srv/web (made)\nwww-data:x:33:33:www-data:/srv/web:/usr/sbin/nologin",
            ),
        ] {
            assert_eq!(check(text, PASSWD, GROUP), expected);
        }
        // A base without accounts has root all the same.
        assert_eq!(check("name=root", "", ""), "root 0:0 /root");
        assert_eq!(check("", "app:x:2000:2000::/app:/bin/sh\n", ""), "app 2000:2000 /app");
    }

    #[test]
    fn takes_the_place_of_a_user_for_people() {
        insta::assert_snapshot!(check("name=app uid=1000", PASSWD, GROUP), @r"
        app 1000:1000 /home/app (made)
        app:x:1000:1000::/home/app:/usr/sbin/nologin
        adm:x:4:syslog
        video:x:44:
        app:x:1000:
        ");
        let account = plan(&config("name=app uid=1000 gid=1000"), PASSWD, GROUP, None).unwrap();
        assert_eq!(account.replaces.as_deref(), Some("ubuntu"));
        for text in [account.passwd.unwrap(), account.group.unwrap()] {
            assert!(!text.contains("ubuntu"), "{text}");
        }
        insta::assert_snapshot!(check("name=app uid=1000 gid=2000", PASSWD, GROUP), @r"
        app 1000:2000 /home/app (made)
        app:x:1000:2000::/home/app:/usr/sbin/nologin
        adm:x:4:syslog
        video:x:44:
        app:x:2000:
        ");
    }

    #[test]
    fn is_in_no_group_that_nobody_asked_for() {
        assert!(check("", PASSWD, GROUP).starts_with("app 999:998 "));
        assert!(check("name=app gid=999", PASSWD, GROUP).starts_with("app 999:999 "));
        assert!(check("name=app gid=0", PASSWD, GROUP).starts_with("app 999:0 "));
        assert!(check("name=video", PASSWD, GROUP).starts_with("video 999:44 "));
        assert!(check("name=me uid=1001", PASSWD, "it:x:1001:\nis:x:1000:\n").starts_with("me 1001:1002 "));
    }

    #[test]
    fn refuses_what_is_taken() {
        insta::assert_snapshot!(check("name=app uid=33", PASSWD, GROUP), @"user `app` cannot be added: uid 33 belongs to `www-data` in the base image");
        insta::assert_snapshot!(check("name=app uid=65534", PASSWD, GROUP), @"user `app` cannot be added: uid 65534 belongs to `nobody` in the base image");
        insta::assert_snapshot!(check("name=www-data uid=999", PASSWD, GROUP), @"user `www-data` cannot be added: the base image has it with uid 33");
        insta::assert_snapshot!(check("name=video gid=45", PASSWD, GROUP), @"group `video` cannot be added with gid 45: the base image has it with gid 44");
        insta::assert_snapshot!(check("", "redis:x:999:999::/:/bin/sh\n", ""), @"user `app` cannot be added: uid 999 belongs to `redis` in the base image");
    }
}
