//! What goes before what, and who may be let in.

use std::os::unix::ffi::OsStringExt;

use super::*;

const NONE: Variable<'static> = &|_| None;

fn resolve(args: Args, variables: &[(&str, &str)]) -> Result<Resolved, Vec<String>> {
    args.resolve(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
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
        ("GUMBOOT_HIDE_SERVER", "true"),
        ("GUMBOOT_LOG", "error"),
        ("GUMBOOT_SERVER_USER", "ann:a:b"),
    ];
    let resolved = resolve(Args::default(), &variables).unwrap();
    assert_eq!(resolved.config.listen, "127.0.0.1:1".parse().unwrap());
    assert!(resolved.config.hide_server);
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
            "GUMBOOT_STOMPS_LISTEN: it needs a certificate: --tls-cert and --tls-key, or [tls]",
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
    let open = |whence: &str| {
        format!(
            "{whence} can be reached from other machines and there are no users: name them by --user or [[users]], \
             or say --allow-anonymous"
        )
    };
    for at in ["0.0.0.0:80", "[::]:80"] {
        let whence = format!("--listen: {at}");
        assert_eq!(refused(listening(at), &[]), open(&whence));
    }
    let stomp = [("GUMBOOT_STOMP_LISTEN", "192.0.2.1:1")];
    let whence = "GUMBOOT_STOMP_LISTEN: 192.0.2.1:1";
    assert_eq!(refused(Args::default(), &stomp), open(whence));
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
    assert!(refused(both, &[]).starts_with("--allow-anonymous: there are users, so nobody is"));
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

#[test]
fn a_variable_that_is_no_text_is_not_passed_over() {
    let no_text = || OsString::from_vec(b"\xff".to_vec());
    for name in [
        "GUMBOOT_LISTEN",
        "GUMBOOT_STOMP_LISTEN",
        "GUMBOOT_STOMPS_LISTEN",
        "GUMBOOT_LOG",
        "GUMBOOT_ALLOW_ORIGIN",
        "GUMBOOT_COMPRESS",
        "GUMBOOT_HIDE_SERVER",
        "GUMBOOT_ALLOW_ANONYMOUS",
        "GUMBOOT_SERVER_USER",
    ] {
        let resolved = Args::default().resolve(&|asked| (asked == name).then(no_text));
        assert_eq!(
            resolved.map(drop).unwrap_err(),
            [format!("{name}: not UTF-8")]
        );
    }
    // A path may be of any bytes.
    let resolved = Args::default().resolve(&|asked| (asked == "GUMBOOT_CONFIG").then(no_text));
    let problems = resolved.map(drop).unwrap_err();
    assert!(problems[0].starts_with("cannot read "), "{problems:?}");
}

#[test]
fn what_the_file_says_is_told_with_its_line() {
    let over = |args: Args, text: &str| args.over(config::of_text(text)).map(drop).unwrap_err();
    let of_file = |text: &str| over(Args::default(), text);
    let open = of_file("\nlisten = '0.0.0.0:1'");
    assert!(open.starts_with("g.toml:2: listen: 0.0.0.0:1 can be reached"));
    let open = of_file("stomp-listen = '0.0.0.0:1'");
    assert!(open.starts_with("g.toml:1: stomp-listen: 0.0.0.0:1 can be reached"));
    let stomps = of_file("\n\nstomps-listen = '127.0.0.1:0'");
    assert!(stomps.starts_with("g.toml:3: stomps-listen: it needs a certificate"));
    let tls = of_file("\n[tls]\ncert = '/nowhere/c'\nkey = 'k'");
    assert!(
        tls.starts_with("g.toml:2: tls: cannot read /nowhere/c"),
        "{tls}"
    );
    let args = Args {
        user: user("ann:secret"),
        ..Args::default()
    };
    let both = over(args, "\nallow-anonymous = true");
    assert!(both.starts_with("g.toml:2: allow-anonymous: there are users"));
    let name = [("GUMBOOT_SERVER_USER", "pa55word")];
    let problem = "GUMBOOT_SERVER_USER: it is NAME:PASSWORD";
    assert_eq!(refused(Args::default(), &name), problem);
}
