//! What a user can get wrong: one clear line on standard error, and exit status 2.

use std::net::TcpListener;

use crate::program::run;

/// Runs with `arguments`: status 2, nothing on standard output, and on standard error just this line.
#[track_caller]
fn check(arguments: &[&str], line: &str) {
    let output = run(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, format!("gumboot: {line}\n"), "{arguments:?}");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

#[test]
fn a_port_in_use() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let used = other.local_addr().unwrap().to_string();
    let line = format!("cannot listen on {used}: it is in use");
    check(&["--listen", &used, "--stomp-listen", "off"], &line);
    check(
        &["serve", "--listen", &used, "--stomp-listen", "off"],
        &line,
    );
    check(&["--listen", "127.0.0.1:0", "--stomp-listen", &used], &line);
    check(&["echo", "--listen", &used], &line);
}

#[test]
fn an_address_that_is_not_of_this_machine() {
    let output = run(&[
        "--listen",
        "192.0.2.1:0",
        "--stomp-listen",
        "off",
        "--allow-anonymous",
    ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with("gumboot: cannot listen on 192.0.2.1:0: "),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn flags_that_are_wrong() {
    let see = "(see gumboot --help)";
    check(
        &["--listne", "127.0.0.1:0"],
        &format!("unexpected argument '--listne' found {see}"),
    );
    check(
        &["--listen", "nowhere"],
        &format!(
            "invalid value 'nowhere' for '--listen <ADDR>': invalid socket address syntax {see}"
        ),
    );
    check(
        &["--stomp-listen", "no"],
        &format!(
            "invalid value 'no' for '--stomp-listen <ADDR>': \
             neither an address, such as 127.0.0.1:61613, nor `off` {see}"
        ),
    );
    check(
        &["echo", "--threads", "0"],
        &format!(
            "invalid value '0' for '--threads <N>': number would be zero for non-zero type {see}"
        ),
    );
    check(
        &["launch"],
        &format!("unrecognized subcommand 'launch' {see}"),
    );
    for flag in [
        &["--log", "loud"][..],
        &["--listen"],
        &["echo", "--stomp-listen", "off"],
    ] {
        let output = run(flag);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag:?}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("gumboot: "), "{stderr}");
        assert!(stderr.contains(flag.iter().find(|flag| flag.starts_with("--")).unwrap()));
    }
}

#[test]
fn files_of_tls_that_cannot_be_used() {
    let see = "(see gumboot --help)";
    let missing = "the following required arguments were not provided: --tls-key <FILE>";
    for command in ["serve", "echo"] {
        check(
            &[command, "--tls-cert", "cert.pem"],
            &format!("{missing} {see}"),
        );
        let nowhere = [
            "--tls-cert",
            "/nowhere/c.pem",
            "--tls-key",
            "/nowhere/k.pem",
        ];
        check(
            &[&[command][..], &nowhere].concat(),
            "cannot read /nowhere/c.pem: No such file or directory (os error 2)",
        );
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        check(
            &[command, "--tls-cert", manifest, "--tls-key", manifest],
            &format!("{manifest}: there is no certificate in it"),
        );
    }
}

#[test]
fn what_publish_and_subscribe_do_not_take() {
    let see = "(see gumboot --help)";
    let missing = "the following required arguments were not provided:";
    for command in ["publish", "subscribe"] {
        let typed = [command, "stomp://127.0.0.1:1", "/topic/a"];
        let with = |flags: &[&'static str]| [&typed[..], flags].concat();
        check(
            &typed[..1],
            &format!(
                "{missing} <URL> <DESTINATION>{} {see}",
                match command {
                    "subscribe" => "...",
                    _ => "",
                }
            ),
        );
        check(
            &[command, "http://127.0.0.1:1/", "/topic/a"],
            "the scheme is http:, not ws:, wss:, stomp:, tcp:, stomps:, stomp+ssl: or ssl:",
        );
        check(
            &with(&["-H", "a=b"]),
            "--header 'a=b': there is no colon in it",
        );
        check(
            &with(&["--stomp", "1.3"]),
            &format!("invalid value '1.3' for '--stomp <VERSION>': not one of 1.0, 1.1, 1.2 {see}"),
        );
        check(
            &with(&["--timeout", "0"]),
            &format!("invalid value '0' for '--timeout <SECONDS>': no time at all {see}"),
        );
        check(
            &with(&["--cacert", "/nowhere/c.pem"]),
            "cannot read /nowhere/c.pem: No such file or directory (os error 2)",
        );
        check(
            &with(&["--connect-header", "login:me"]),
            "the header \"login\" cannot be sent",
        );
    }
    check(
        &[
            "subscribe",
            "stomp://127.0.0.1:1",
            "/topic/a",
            "--ack",
            "never",
        ],
        &format!(
            "invalid value 'never' for '--ack <MODE>': \
             not one of auto, client, client-individual {see}"
        ),
    );
}

#[test]
fn an_origin_that_is_none() {
    let line = "--allow-origin: 'example.com' is not an origin such as https://example.com";
    check(&["--allow-origin", "example.com"], line);
    check(&["serve", "--allow-origin", "example.com"], line);
}

#[test]
fn help_and_version_are_no_mistakes() {
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    let version = concat!("gumboot ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), version);
    for (arguments, flags) in [
        (
            &["--help"][..],
            &[
                "serve",
                "echo",
                "--listen",
                "--stomp-listen",
                "--log",
                "--allow-origin",
            ][..],
        ),
        (
            &["serve", "--help"],
            &["--listen", "--stomp-listen", "--log", "--allow-origin"],
        ),
        (
            &["echo", "--help"],
            &["--listen", "--threads", "127.0.0.1:9001"],
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        for flag in flags {
            assert!(help.contains(flag), "no {flag} in {help}");
        }
    }
}
