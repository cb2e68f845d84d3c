//! Log-ins that succeed and that do not, and what they cost.

use std::time::Duration;

use gumboot_broker_core::Kinds;

use super::{
    super::{permissions::Pattern, throttle::REFUSED_AFTER},
    *,
};

fn entry(name: &str, password: &str) -> UserEntry {
    UserEntry {
        name: name.to_owned(),
        password: PasswordHash::new(password).unwrap(),
        roles: Vec::new(),
        permissions: Permissions::default(),
    }
}

fn reading(pattern: &str) -> Permissions {
    Permissions {
        read: vec![Pattern::parse(pattern, Kinds::usual()).unwrap()],
        ..Permissions::default()
    }
}

fn users(entries: impl IntoIterator<Item = UserEntry>) -> Arc<Users> {
    Arc::new(Users::new(entries, &BTreeMap::new()).unwrap())
}

async fn try_login(
    users: &Arc<Users>,
    login: Option<&str>,
    passcode: Option<&str>,
) -> (Result<Arc<str>, LoginRefused>, Duration) {
    let start = Instant::now();
    let user = users.authenticate(login, passcode).await;
    (user.map(|user| Arc::clone(user.name())), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_right_passcode_is_taken_and_any_other_refused_late() {
    let users = users([entry("ann", "a:b\\c\\\\"), entry("bob", "secret")]);
    let (user, _) = try_login(&users, Some("ann"), Some("a:b\\c\\\\")).await;
    assert_eq!(user.as_deref(), Ok("ann"));
    let wrong = Err(LoginRefused::Wrong);
    let no_login = Err(LoginRefused::NoLogin);
    for (login, passcode, expected) in [
        (Some("ann"), Some("secret"), &wrong),
        (Some("bob"), Some("secret "), &wrong),
        (Some("bob"), Some(""), &wrong),
        (Some("bob"), None, &wrong),
        (Some("Bob"), Some("secret"), &wrong),
        (Some("eve"), Some("nobody"), &wrong),
        (Some(""), Some(""), &wrong),
        (None, Some("secret"), &no_login),
        (None, None, &no_login),
    ] {
        let (user, took) = try_login(&users, login, passcode).await;
        assert_eq!(&user, expected, "{login:?} {passcode:?}");
        assert!(took >= REFUSED_AFTER, "{login:?} {passcode:?} {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_are_no_users_nobody_logs_in() {
    let (user, _) = try_login(&users([]), Some("ann"), Some("nobody")).await;
    assert_eq!(user, Err(LoginRefused::Wrong));
}

#[tokio::test(start_paused = true)]
async fn users_that_are_replaced() {
    let users = users([entry("ann", "old")]);
    let ann = users.authenticate(Some("ann"), Some("old")).await.unwrap();
    users.replace(Users::new([entry("ann", "new")], &BTreeMap::new()).unwrap());
    let (old, _) = try_login(&users, Some("ann"), Some("old")).await;
    assert_eq!(old, Err(LoginRefused::Wrong));
    let (new, _) = try_login(&users, Some("ann"), Some("new")).await;
    assert_eq!(new.as_ref(), Ok(ann.name()));
}

#[test]
fn what_is_unknown_takes_as_long_as_the_costliest() {
    let costly = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ\
                  $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let costly = UserEntry {
        password: costly.parse().unwrap(),
        ..entry("eve", "x")
    };
    let users = users([entry("ann", "a"), costly]);
    let (user, password) = users.find("nobody");
    assert!(user.is_none());
    let params = password.params();
    assert_eq!((params.m_cost(), params.t_cost()), (65_536, 3));
}

#[tokio::test(start_paused = true)]
async fn a_user_may_what_the_roles_may() {
    let roles = BTreeMap::from([
        ("reader".to_owned(), reading("/topic/news.**")),
        ("own".to_owned(), reading("/queue/{user}")),
    ]);
    let ann = UserEntry {
        roles: vec!["reader".to_owned(), "own".to_owned()],
        permissions: reading("/topic/a"),
        ..entry("ann", "a")
    };
    let users = Arc::new(Users::new([ann, entry("bob", "b")], &roles).unwrap());
    let ann = users.authenticate(Some("ann"), Some("a")).await.unwrap();
    let bob = users.authenticate(Some("bob"), Some("b")).await.unwrap();
    for (destination, allowed) in [
        ("/topic/news.a", true),
        ("/topic/a", true),
        ("/queue/ann", true),
        ("/queue/bob", false),
        ("/topic/**", false),
    ] {
        let destination = Destination::parse(destination).unwrap();
        assert_eq!(ann.allows(Action::Read, &destination), allowed);
        assert!(!ann.allows(Action::Write, &destination));
        assert!(!bob.allows(Action::Read, &destination));
    }
}

#[test]
fn what_does_not_fit_together() {
    let refused = |entries: Vec<UserEntry>| {
        let roles = BTreeMap::from([("own".to_owned(), reading("/queue/{user}"))]);
        Users::new(entries, &roles).unwrap_err().to_string()
    };
    let with = |role: &str, name: &str| UserEntry {
        roles: vec![role.to_owned()],
        ..entry(name, "x")
    };
    assert_eq!(
        refused(vec![entry("ann", "a"), entry("ann", "b")]),
        "two users have the name \"ann\""
    );
    assert_eq!(
        refused(vec![with("nobody", "ann")]),
        "the user \"ann\" has the role \"nobody\", which does not exist"
    );
    assert!(refused(vec![with("own", "a.b")]).starts_with("{user} in '/queue/{user}' cannot be"));
    for name in ["", "a\nb", &"x".repeat(USER_NAME_BYTES_MAX + 1)] {
        let refused = refused(vec![entry(name, "x")]);
        assert!(
            refused.starts_with("a user's name has 1 to 255 bytes"),
            "{refused}"
        );
    }
    let longest = entry(&"x".repeat(USER_NAME_BYTES_MAX), "x");
    assert!(Users::new([longest], &BTreeMap::new()).is_ok());
}

#[test]
fn no_hash_is_in_a_log() {
    let shown = format!("{:?}", users([entry("ann", "secret")]));
    assert!(
        shown.contains("ann") && !shown.contains("argon2"),
        "{shown}"
    );
}
