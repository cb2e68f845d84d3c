//! The configuration file and passwords, as an operator meets them.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    net::{SocketAddr, TcpListener},
    os::unix::ffi::OsStrExt,
    process::{Command, Output, Stdio},
};

use gumboot_testkit::{Over, StompPeer};

use crate::{
    program::{Program, address, run},
    tls::Folder,
};

const ANY: &str = "127.0.0.1:0";

/// Runs with variables and an input.
fn run_with(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gumboot"))
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The whole `[[users]]` table that `gumboot passwd` makes.
fn user(name: &str, password: &str) -> String {
    let output = run_with(&["passwd", name], &[], &format!("{password}\n"));
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    text(output.stdout)
}

fn stomp(program: &Program) -> SocketAddr {
    address(&program.print(5)[4], "stomp      ", "")
}

/// Tries to log in over TCP; gives the command of the answer.
fn log_in(at: SocketAddr, login: &str, passcode: &str) -> String {
    let mut client = StompPeer::open(Over::Tcp, at, at);
    client.send(format!(
        "CONNECT\naccept-version:1.2\nhost:h\nlogin:{login}\npasscode:{passcode}\n\n\0"
    ));
    client.receive().command
}

#[test]
fn the_example_is_good() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../gumboot.example.toml");
    let output = run(&["config", "check", example]);
    assert_eq!(text(output.stderr), "");
    assert_eq!(text(output.stdout), format!("{example}: ok\n"));
    assert_eq!(output.status.code(), Some(0));
    let named = run_with(&["config", "check"], &[("GUMBOOT_CONFIG", example)], "");
    assert_eq!(text(named.stdout), format!("{example}: ok\n"));
}

#[test]
fn problems_are_told_with_file_line_and_key() {
    let folder = Folder::new("problems");
    let file = folder.path("gumboot.toml");
    let written = "\nlistne = '127.0.0.1:0'\n[limits]\nmailbox-bytes-max = '1 MB'\n";
    fs::write(&file, written).unwrap();
    for arguments in [&["config", "check", &file][..], &["--config", &file]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let stderr = text(output.stderr);
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{stderr}");
        let unknown = format!("gumboot: {file}:2: listne: unknown key `listne`, expected");
        assert!(lines[0].starts_with(&unknown), "{stderr}");
        let bad = format!("gumboot: {file}:4: limits.mailbox-bytes-max: invalid value");
        assert!(lines[1].starts_with(&bad), "{stderr}");
    }
    fs::write(&file, "[tls]\ncert = 'c.pem'\nkey = 'k.pem'\n").unwrap();
    let stderr = text(run(&["config", "check", &file]).stderr);
    let cert = folder.path("c.pem");
    assert!(
        stderr.starts_with(&format!("gumboot: {file}:1: tls: cannot read {cert}: ")),
        "{stderr}"
    );
    let output = run(&["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_flag_goes_before_a_variable_and_that_before_the_file() {
    let folder = Folder::new("precedence");
    let file = folder.path("gumboot.toml");
    fs::write(&file, "listen = 'file'\n").unwrap();
    let stderr = |variables: &[(&str, &str)], arguments: &[&str]| {
        let arguments = [&["serve", "--config", &file], arguments].concat();
        text(run_with(&arguments, variables, "").stderr)
    };
    assert!(stderr(&[], &[]).contains(":1: listen: "));
    // Each address is in use, so that the one that was taken is told.
    let used = [(); 3].map(|()| TcpListener::bind(ANY).unwrap());
    let [in_file, in_variable, typed] =
        used.each_ref().map(|l| l.local_addr().unwrap().to_string());
    fs::write(
        &file,
        format!("listen = '{in_file}'\nstomp-listen = 'off'\n"),
    )
    .unwrap();
    let variable = [("GUMBOOT_LISTEN", &*in_variable)];
    for (variables, arguments, taken) in [
        (&[][..], &[][..], &in_file),
        (&variable, &[], &in_variable),
        (&variable, &["--listen", &typed], &typed),
    ] {
        let expected = format!("gumboot: cannot listen on {taken}: it is in use\n");
        assert_eq!(stderr(variables, arguments), expected);
    }
}

#[test]
fn a_password_that_was_hashed_logs_in_until_it_is_changed() {
    let folder = Folder::new("users");
    let file = folder.path("gumboot.toml");
    fs::write(&file, user("ann", "old")).unwrap();
    let arguments = ["--config", &file, "--listen", ANY, "--stomp-listen", ANY];
    let mut program = Program::start(&[&arguments[..], &["--user", "bob:b:c"]].concat());
    let at = stomp(&program);
    assert_eq!(log_in(at, "ann", "old"), "CONNECTED");
    assert_eq!(log_in(at, "bob", "b:c"), "CONNECTED");
    assert_eq!(log_in(at, "ann", "new"), "ERROR");

    // What cannot be read changes nothing; then it is read again.
    fs::write(&file, "users = 5").unwrap();
    program.signal("HUP");
    program.expect_log("users and certificate stay as they were: ");
    assert_eq!(log_in(at, "ann", "old"), "CONNECTED");
    fs::write(&file, user("ann", "new")).unwrap();
    program.signal("HUP");
    program.expect_log("users and certificate are now as they were read again");
    assert_eq!(log_in(at, "ann", "new"), "CONNECTED");
    assert_eq!(log_in(at, "ann", "old"), "ERROR");
    assert_eq!(log_in(at, "bob", "b:c"), "CONNECTED");
}

#[test]
fn a_hangup_does_not_end_a_server_without_users_and_says_that_there_are_some_now() {
    let folder = Folder::new("no-users");
    let file = folder.path("gumboot.toml");
    fs::write(&file, "").unwrap();
    let arguments = ["--config", &file, "--listen", ANY, "--stomp-listen", ANY];
    let mut program = Program::start(&arguments);
    let at = stomp(&program);
    program.signal("HUP");
    program.expect_log("are now as they were read again");
    fs::write(&file, user("ann", "secret")).unwrap();
    program.signal("HUP");
    program.expect_log("there are users now: start again; until then everyone may do everything");
    assert_eq!(log_in(at, "who", "ever"), "CONNECTED");
}

#[test]
fn a_hangup_brings_users_and_certificate_or_neither() {
    let folder = Folder::new("both");
    folder.certify();
    let file = folder.path("gumboot.toml");
    fs::write(&file, user("ann", "old")).unwrap();
    let flags = ["serve", "--config", &file, "--stomp-listen", ANY];
    let mut program = folder.start(&flags);
    let at = stomp(&program);
    fs::write(&file, user("ann", "new")).unwrap();
    let key = folder.path("key.pem");
    let kept = fs::read(&key).unwrap();
    for (broken, changed, why) in [
        ("no key", "", "key.pem"),
        ("", "[destinations]\nbare = 'queue'\n", "[destinations]"),
    ] {
        match broken {
            "" => fs::write(&key, &kept).unwrap(),
            broken => fs::write(&key, broken).unwrap(),
        }
        fs::write(&file, changed.to_owned() + &user("ann", "new")).unwrap();
        program.signal("HUP");
        program.expect_log(why);
        assert_eq!(log_in(at, "ann", "new"), "ERROR");
        assert_eq!(log_in(at, "ann", "old"), "CONNECTED");
    }
    fs::write(&file, user("ann", "new")).unwrap();
    program.signal("HUP");
    program.expect_log("are now as they were read again");
    assert_eq!(log_in(at, "ann", "new"), "CONNECTED");
}

#[test]
fn a_user_who_is_no_text_does_not_start_an_open_server() {
    let output = Command::new(env!("CARGO_BIN_EXE_gumboot"))
        .args(["--listen", ANY, "--stomp-listen", "off"])
        .env("GUMBOOT_SERVER_USER", OsStr::from_bytes(b"ann:\xff"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(output.stderr),
        "gumboot: GUMBOOT_SERVER_USER: not UTF-8\n"
    );
}

#[test]
fn what_is_no_password() {
    for (input, problem) in [
        ("\n", "gumboot: the password is empty\n"),
        ("", "gumboot: the password is empty\n"),
        (
            "a\rb\n",
            "gumboot: no client can send a password with line ends\n",
        ),
    ] {
        let output = run_with(&["passwd"], &[], input);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(output.stderr), problem);
        assert!(output.stdout.is_empty());
    }
    let long = "x".repeat(5000);
    let output = run_with(&["passwd"], &[], &long);
    assert_eq!(
        text(output.stderr),
        "gumboot: a password has 4096 bytes at most\n"
    );
    // A folder cannot be read: no fault of who typed.
    let folder = fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gumboot"))
        .arg("passwd")
        .stdin(folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stderr).starts_with("gumboot: cannot read the password: "));
    let hash = run_with(&["passwd"], &[], "secret");
    assert!(text(hash.stdout).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn beyond_this_machine_it_does_not_start_without_users() {
    let open = ["--listen", "0.0.0.0:0", "--stomp-listen", "off"];
    let output = run(&open);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(output.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("gumboot: --listen: 0.0.0.0:0 can be reached from other machines"),
        "{stderr}"
    );
    for allowed in [&["--allow-anonymous"][..], &["--user", "ann:secret"]] {
        let program = Program::start(&[&open[..], allowed].concat());
        address(&program.print(4)[3], "echo       ws://", "/echo");
    }
}
