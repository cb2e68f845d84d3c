//! What goes before what, and who may be let in.

use super::*;

const NONE: Variable<'static> = &|_| None;

fn resolve(args: Args, variables: &[(&str, &str)]) -> Result<Resolved, Vec<String>> {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    args.resolve(&move |name| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    })
}

/// What is wrong with it, which is one thing.
#[track_caller]
fn refused(args: Args, variables: &[(&str, &str)]) -> String {
    let mut problems = resolve(args, variables).map(drop).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn listening(address: &str) -> Args {
    Args {
        listen: Some(address.parse().unwrap()),
        ..Args::default()
    }
}

fn user(user: &str) -> Vec<Secret> {
    vec![user.parse().unwrap()]
}

#[test]
fn without_anything_it_is_loopback() {
    let resolved = resolve(Args::default(), &[]).unwrap();
    let default = Config::default();
    assert_eq!(resolved.config.listen, default.listen);
    assert_eq!(resolved.config.stomp_listen, default.stomp_listen);
    assert_eq!(resolved.log, LevelFilter::INFO);
    assert!(resolved.config.websocket.deflate.is_some());
    assert!(resolved.config.users.is_none());
}

#[test]
fn each_variable_is_heard_and_a_flag_goes_before() {
    let variables = [
        ("GUMBOOT_LISTEN", "127.0.0.1:1"),
        ("GUMBOOT_STOMP_LISTEN", "off"),
        (
            "GUMBOOT_ALLOW_ORIGIN",
            "https://a.example, https://b.example",
        ),
        ("GUMBOOT_COMPRESS", "false"),
        ("GUMBOOT_LOG", "error"),
        ("GUMBOOT_SERVER_USER", "ann:a:b"),
    ];
    let resolved = resolve(Args::default(), &variables).unwrap();
    assert_eq!(resolved.config.listen, "127.0.0.1:1".parse().unwrap());
    assert_eq!(resolved.config.stomp_listen, None);
    assert!(resolved.config.websocket.deflate.is_none());
    assert_eq!(resolved.log, LevelFilter::ERROR);
    assert!(resolved.config.users.is_some());

    let typed = Args {
        stomp_listen: Some("127.0.0.1:2".parse().unwrap()),
        log: Some(LevelFilter::DEBUG),
        ..listening("127.0.0.1:3")
    };
    let resolved = resolve(typed, &variables).unwrap();
    assert_eq!(resolved.config.listen, "127.0.0.1:3".parse().unwrap());
    assert_eq!(resolved.config.stomp_listen, "127.0.0.1:2".parse().ok());
    assert_eq!(resolved.log, LevelFilter::DEBUG);
}

#[test]
fn variables_that_are_wrong() {
    for (name, value, problem) in [
        (
            "GUMBOOT_LISTEN",
            "x",
            "GUMBOOT_LISTEN: invalid value 'x': invalid socket address syntax",
        ),
        (
            "GUMBOOT_ALLOW_ORIGIN",
            "x",
            "GUMBOOT_ALLOW_ORIGIN: 'x' is not an origin such as https://example.com",
        ),
        (
            "GUMBOOT_TLS_CERT",
            "x",
            "GUMBOOT_TLS_CERT and GUMBOOT_TLS_KEY are set together",
        ),
        (
            "GUMBOOT_STOMPS_LISTEN",
            "127.0.0.1:0",
            "--stomps-listen needs --tls-cert and --tls-key",
        ),
        (
            "GUMBOOT_COMPRESS",
            "no",
            "GUMBOOT_COMPRESS: invalid value 'no': provided string was not `true` or `false`",
        ),
        (
            "GUMBOOT_CONFIG",
            "/nowhere.toml",
            "cannot read /nowhere.toml: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(refused(Args::default(), &[(name, value)]), problem);
    }
}

#[test]
fn beyond_this_machine_there_are_users_or_it_is_said_that_there_are_none() {
    let open = |address: &str| {
        format!(
            "{address} can be reached from other machines and there are no users: name them by --user or [[users]], \
             or say --allow-anonymous"
        )
    };
    assert_eq!(refused(listening("0.0.0.0:80"), &[]), open("0.0.0.0:80"));
    assert_eq!(refused(listening("[::]:80"), &[]), open("[::]:80"));
    let stomp = [("GUMBOOT_STOMP_LISTEN", "192.0.2.1:1")];
    assert_eq!(refused(Args::default(), &stomp), open("192.0.2.1:1"));
    let with_user = Args {
        user: user("ann:secret"),
        ..listening("0.0.0.0:80")
    };
    assert!(
        with_user
            .clone()
            .resolve(NONE)
            .unwrap()
            .config
            .users
            .is_some()
    );
    let anonymous = Args {
        allow_anonymous: true,
        ..listening("0.0.0.0:80")
    };
    assert!(anonymous.clone().resolve(NONE).is_ok());
    assert!(
        resolve(
            listening("0.0.0.0:80"),
            &[("GUMBOOT_ALLOW_ANONYMOUS", "true")]
        )
        .is_ok()
    );
    let both = Args {
        user: with_user.user,
        ..anonymous
    };
    assert!(refused(both, &[]).starts_with("there are users, so nobody is anonymous"));
}

#[test]
fn users_that_are_wrong_are_not_repeated() {
    for (typed, problem) in [
        ("pa55word", "--user: it is NAME:PASSWORD"),
        ("ann:", "--user: the password is empty"),
        (
            ":pa55word",
            "--user: a user's name has 1 to 255 bytes and no control characters: \"\"",
        ),
    ] {
        let args = Args {
            user: user(typed),
            ..Args::default()
        };
        assert!(!format!("{args:?}").contains("pa55word"));
        assert_eq!(refused(args, &[]), problem);
    }
}
