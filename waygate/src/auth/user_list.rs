//! Lists of users, in a file or in the environment: a line `user:role:hash` for each.

use std::{
    collections::HashSet,
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
};

use waygate_core::{Printable, Secret, view::Rights};

use super::{
    account::{Account, Password, check_name},
    password,
};

/// The variables of the environment.
const LIST: &str = "WAYGATE_ADMIN_USERS";
const FILE: &str = "WAYGATE_ADMIN_USERS_FILE";

/// The longest list, in bytes, and the most users in it. Hashing plain passwords takes time.
const LONGEST: u64 = 1 << 20;
const MOST: usize = 1_000;

/// The start of every hash that is accepted.
const HASH: &str = "$argon2id$";

/// The users that the environment names.
#[derive(Debug)]
pub(super) enum Listed {
    Users(Vec<Account>),
    File(PathBuf),
}

/// Reads the environment through `variable`.
///
/// # Errors
/// A description of the mistake.
pub(super) fn from_env(variable: impl Fn(&str) -> Option<OsString>) -> Result<Listed, String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match (set(LIST), set(FILE)) {
        (Some(_), Some(_)) => Err(format!("`{LIST}` and `{FILE}` are both set; unset one")),
        (None, None) => Err(format!("neither `{LIST}` nor `{FILE}` is set; set one")),
        (None, Some(path)) => Ok(Listed::File(path.into())),
        (Some(list), None) => {
            let text = list.to_str().ok_or("the list is not UTF-8");
            let users = text
                .map_err(str::to_owned)
                .and_then(|text| parse(text, &['\n', ';'], "it"))
                .and_then(|users| joined(&[], users));
            let users = users.map_err(|problem| format!("in `{LIST}`, {problem}"));
            users.map(Listed::Users)
        }
    }
}

/// Reads a file of bounded length.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    Ok(text)
}

/// The users of a file.
///
/// # Errors
/// A description of the first mistake, without any part of a password.
pub(super) fn parse_file(text: &str) -> Result<Vec<Account>, String> {
    parse(text, &['\n'], "the file")
}

fn parse(text: &str, ends: &[char], place: &str) -> Result<Vec<Account>, String> {
    let mut users = Vec::new();
    for (number, line) in (1..).zip(text.split(ends)) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let user = account(line).map_err(|problem| format!("line {number}: {problem}"))?;
        if users.len() == MOST {
            return Err(format!("there are more than {MOST} users"));
        }
        users.push(user);
    }
    // An empty file is one that is being written.
    if users.is_empty() {
        return Err(format!(
            "{place} has no users; expected lines `user:role:hash`"
        ));
    }
    Ok(users)
}

/// Warns of plain passwords in a list that is used.
pub(super) fn warn_of_plain(users: &[Account]) {
    let plain = |user: &&Account| matches!(user.password, Password::Plain(_));
    if let Some(user) = users.iter().find(plain) {
        let count = users.iter().filter(plain).count();
        tracing::warn!(
            user = ?Printable(&user.name),
            count,
            "the list of users has plain passwords; use hashes of argon2id"
        );
    }
}

fn account(line: &str) -> Result<Account, String> {
    let mut parts = line.splitn(3, ':');
    let (Some(name), Some(role), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("expected `user:role:hash`".to_owned());
    };
    // Without its colons, a line may be a password, so the name is not repeated.
    check_name("user name", name).map_err(|invalid| invalid.problem().to_owned())?;
    let rights: Rights = role.parse().map_err(|_| {
        "the role is not one of `viewer`, `operator`, `admin`, or one of them for services, as in `viewer@billing,orders`"
            .to_owned()
    })?;
    let password = if secret.starts_with(HASH) {
        let hash = password::parse(secret)
            .map_err(|problem| format!("the hash of `{name}` cannot be used: {problem}"))?;
        Password::Hashed(Box::new(hash))
    } else if secret.starts_with('$') || secret.is_empty() {
        return Err(format!(
            "expected a hash that starts with `{HASH}` for `{name}`"
        ));
    } else {
        Password::Plain(Secret::new(secret.to_owned()))
    };
    Ok(Account {
        name: name.to_owned(),
        rights,
        password,
    })
}

/// All users. None may be there twice.
pub(super) fn joined(fixed: &[Account], users: Vec<Account>) -> Result<Vec<Account>, String> {
    let mut names: HashSet<&str> = fixed.iter().map(|account| account.name.as_str()).collect();
    for user in &users {
        if !names.insert(&user.name) {
            return Err(format!("the user `{}` is there twice", user.name));
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use waygate_core::view::Role;

    use super::*;

    const PHC: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    fn wrong(text: &str) -> String {
        parse_file(text).unwrap_err()
    }

    #[test]
    fn a_list_has_a_user_on_each_line() {
        let text = format!("# users\n\nalice:admin:{PHC}\r\nbob:viewer@a,b:plain:with:colons\n");
        let users = parse_file(&text).unwrap();
        let names = users.iter().map(|it| (it.name.as_str(), it.rights.clone()));
        let limited = Role::Viewer.of(["a", "b"]).unwrap();
        let expected = [("alice", Role::Admin.into()), ("bob", limited)];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        assert!(matches!(users[0].password, Password::Hashed(_)));
        let Password::Plain(plain) = &users[1].password else {
            panic!("a hash");
        };
        assert_eq!(plain.expose(), "plain:with:colons");
    }

    #[test]
    fn mistakes_name_the_line_and_no_secret() {
        assert!(wrong("").contains("has no users"));
        assert!(wrong("\n# none\n").contains("has no users"));
        let line = "line 2: expected `user:role:hash`";
        assert_eq!(wrong("# x\nhunter2"), line);
        for text in [
            "alice:root:hunter2",
            "alice:admin@:hunter2",
            "alice:admin@a b:hunter2",
            "alice:admin:$hunter2",
            "alice:admin:",
            "/hunter2:admin:x",
            "alice:admin:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA",
        ] {
            let problem = wrong(text);
            assert!(problem.starts_with("line 1: "), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_user_is_there_once() {
        let twice = format!("bob:admin:{PHC}\nbob:viewer:{PHC}");
        let users = parse_file(&twice).unwrap();
        assert_eq!(
            joined(&[], users).unwrap_err(),
            "the user `bob` is there twice"
        );
        let code = parse_file("bob:admin:secret").unwrap();
        let file = parse_file(&format!("bob:admin:{PHC}")).unwrap();
        assert!(joined(&code, file).is_err());
    }

    #[test]
    fn the_environment_has_one_list() {
        let with = |list: &str, file: &str| {
            from_env(|name| {
                let value = if name == LIST { list } else { file };
                Some(value.into())
            })
        };
        let made = with(&format!("alice:admin:{PHC};bob:viewer:{PHC}"), "").unwrap();
        assert!(matches!(made, Listed::Users(users) if users.len() == 2));
        let made = with("", "/run/users").unwrap();
        assert!(matches!(made, Listed::File(path) if path == Path::new("/run/users")));
        for (list, file, problem) in [
            ("", "", "neither"),
            ("x", "y", "both set"),
            ("x", "", "line 1"),
        ] {
            let error = with(list, file).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
