//! `gumboot queue export` and `import`: what was in a queue is in it again, and a file is whole or refused.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    process::Stdio,
};

use gumboot_testkit::StompFrame;

use crate::{
    piped::{finish, signal, start},
    queue_look::{Queues, check},
    raw_broker::{RawBroker, RawClient},
    tls::Folder,
};

/// All that is ready in a queue, as a subscriber gets it, without what names the delivery.
fn messages(queues: &Queues, queue: &str) -> Vec<StompFrame> {
    let mut client = queues.client();
    client.send(format!(
        "SUBSCRIBE\nid:1\ndestination:{queue}\nbrowser:true\n\n\0"
    ));
    let mut all = Vec::new();
    loop {
        let mut message = client.expect("MESSAGE");
        if message.header("browser") == Some("end") {
            return all;
        }
        let of_delivery = ["destination", "message-id"];
        let headers = &mut message.headers;
        headers.retain(|(name, _)| !of_delivery.contains(&name.as_str()));
        all.push(message);
    }
}

#[test]
fn what_was_exported_is_imported_as_it_was() {
    let queues = Queues::serve(&[]);
    let folder = Folder::new("queue-file");
    let file = folder.path("a.jsonl");
    let mut client = queues.client();
    let big = "ü\\\"\n".repeat(1 << 20);
    let bodies = ["text", "", "\u{1b}\u{7f}", "a\0b", "\u{feff}ü🦀\r\n", &big];
    for body in bodies {
        let length = body.len();
        client.send(format!(
            "SEND\ndestination:/queue/a\nz:\\n\\c\\\\\\r\na:ü 🦀\nz:second\npriority:7\nempty:\n\
             content-type:text/plain\ncontent-length:{length}\n\n{body}\0"
        ));
    }
    client.send(b"SEND\ndestination:/queue/a\nreceipt:r\ncontent-length:3\n\n\xff\0\xfe\0");
    client.expect_receipt("r");
    check(
        &queues.run(&["export", "/queue/a", &file]),
        0,
        &format!("exported 7 messages to {file}\n"),
        "",
    );
    let imported = "imported 7 messages\n";
    check(
        &queues.run(&["import", &file, "--to", "/queue/b"]),
        0,
        imported,
        "",
    );
    let (mut a, mut b) = (messages(&queues, "/queue/a"), messages(&queues, "/queue/b"));
    assert_eq!(a.len(), 7);
    // Of a repeated header the first counts, and clients see no other.
    for message in a.iter_mut().chain(&mut b) {
        let mut names = Vec::new();
        message.headers.retain(|(name, _)| {
            let is_new = !names.contains(name);
            names.push(name.clone());
            is_new
        });
    }
    assert!(a == b, "{:?}\n{:?}", a[0], b[0]);
    // To where they were.
    check(&queues.run(&["import", &file]), 0, imported, "");
    assert_eq!(messages(&queues, "/queue/a").len(), 14);
}

#[test]
fn a_file_that_is_there_stays_unless_it_is_forced() {
    let queues = Queues::serve(&[]);
    queues.fill("/queue/a", &["x"]);
    let folder = Folder::new("queue-force");
    let file = folder.path("a");
    fs::write(&file, "precious").unwrap();
    let said =
        format!("gumboot: {file} is there already: --force puts the new file in its place\n");
    check(&queues.run(&["export", "/queue/a", &file]), 2, "", &said);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let forced = queues.run(&["export", "/queue/a", &file, "--force"]);
    check(&forced, 0, &format!("exported 1 message to {file}\n"), "");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 3);
    let nowhere = queues.run(&["export", "/queue/a", &folder.path("no/a")]);
    assert_eq!(nowhere.status, Some(2), "{nowhere:?}");
    assert!(
        nowhere.stderr.contains("/no/a: No such file"),
        "{nowhere:?}"
    );
    // An empty queue is a file without messages.
    let empty = folder.path("empty");
    let exported = queues.run(&["export", "/queue/none", &empty]);
    check(
        &exported,
        0,
        &format!("exported 0 messages to {empty}\n"),
        "",
    );
    check(
        &queues.run(&["import", &empty]),
        0,
        "imported 0 messages\n",
        "",
    );
}

#[test]
fn force_replaces_regular_files_alone_and_keeps_their_permissions() {
    let queues = Queues::serve(&[]);
    queues.fill("/queue/a", &["x"]);
    let folder = Folder::new("queue-mode");
    let (file, link, socket) = (folder.path("a"), folder.path("link"), folder.path("socket"));
    fs::write(&file, "precious").unwrap();
    symlink(&file, &link).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    for other in [&link, &socket] {
        let refused = queues.run(&["export", "/queue/a", other, "--force"]);
        let said =
            format!("gumboot: {other} is not a regular file, which alone --force replaces\n");
        check(&refused, 2, "", &said);
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    for mode in [0o640, 0o604] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let forced = queues.run(&["export", "/queue/a", &file, "--force"]);
        check(&forced, 0, &format!("exported 1 message to {file}\n"), "");
        let kept = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(kept & 0o777, mode);
    }
}

#[test]
fn what_is_not_shown_is_told() {
    let queues = Queues::serve(&[]);
    queues.fill("/queue/a", &["1", "2"]);
    let mut client = queues.client();
    client.send("SEND\ndestination:/queue/a\ndelay:60000\nreceipt:r\n\nlater\0");
    client.expect_receipt("r");
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\ncredit:1\n\n\0");
    client.expect_message("1");
    let folder = Folder::new("queue-rest");
    let file = folder.path("a");
    let told =
        format!("exported 1 message to {file}\nnot shown: 1 delivered to consumers, 1 delayed\n");
    check(&queues.run(&["export", "/queue/a", &file]), 0, &told, "");
}

#[test]
fn a_dead_letter_whose_time_has_passed_is_imported_all_the_same() {
    let queues = Queues::serve(&[]);
    let folder = Folder::new("queue-passed");
    let file = folder.path("a");
    let letter = "{\"destination\":\"/queue/a\",\"headers\":[[\"dead-letter-origin\",\"/queue/q\"],\
                  [\"expires\",\"1\"],[\"z\",\"1\"]],\"text\":\"x\"}";
    fs::write(
        &file,
        format!("{{\"gumboot-messages\":1}}\n{letter}\n{{\"messages\":1}}\n"),
    )
    .unwrap();
    check(
        &queues.run(&["import", &file]),
        0,
        "imported 1 message\n",
        "",
    );
    let messages = messages(&queues, "/queue/a");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].header("z"), Some("1"));
    assert_eq!(messages[0].header("expires"), None);
}

#[test]
fn a_mistake_in_the_file_is_found_before_anything_is_sent() {
    let queues = Queues::serve(&[]);
    queues.fill("/queue/a", &["1", "2"]);
    let folder = Folder::new("queue-wrong");
    let file = folder.path("a");
    assert_eq!(queues.run(&["export", "/queue/a", &file]).status, Some(0));
    let whole = fs::read_to_string(&file).unwrap();
    let wrong = whole.replace("\"2\"", "2");
    fs::write(&file, wrong).unwrap();
    let refused = queues.run(&["import", &file, "--to", "/queue/b"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    let said = format!("gumboot: {file}: line 3: no message: invalid type: integer `2`");
    assert!(refused.stderr.starts_with(&said), "{refused:?}");
    assert_eq!(queues.bodies("/queue/b"), [""; 0]);
    fs::write(&file, whole).unwrap();
    let late = queues.run(&["import", &file, "--from-line", "4"]);
    let said = format!("gumboot: {file}: the last message stands on line 3\n");
    check(&late, 2, "", &said);
}

/// A file with `count` messages.
fn file_of(folder: &Folder, count: usize) -> String {
    let file = folder.path("messages");
    let mut lines = "{\"gumboot-messages\":1}\n".to_owned();
    for number in 1..=count {
        let line = r#"{"destination":"/queue/a","headers":[],"text":"N"}"#;
        lines += &line.replace('N', &number.to_string());
        lines.push('\n');
    }
    lines += &format!("{{\"messages\":{count}}}\n");
    fs::write(&file, lines).unwrap();
    file
}

/// Takes messages, of another server than ours, so they ask to be kept.
fn take(client: &mut RawClient, bodies: impl IntoIterator<Item = usize>) {
    for body in bodies {
        let send = client.take("SEND");
        assert_eq!(send.body, body.to_string());
        assert_eq!(send.header("persistent"), Some("true"));
        assert_eq!(send.header("destination"), Some("/queue/a"));
    }
}

#[test]
fn the_line_that_is_refused_is_told_and_the_next_import_goes_on_there() {
    let folder = Folder::new("queue-refused");
    let file = file_of(&folder, 5);
    let server = RawBroker::new();
    let url = server.url();
    let import = ["queue", "import", &file, "--url", &url];
    let child = start(&import, Stdio::null());
    let mut client = server.accept();
    take(&mut client, 1..=2);
    let third = client.expect("SEND");
    let receipt = third.header("receipt").unwrap();
    for _ in 4..=5 {
        client.expect("SEND");
    }
    client.refuse(&format!("message:full\nreceipt-id:{receipt}\n"), "no room");
    check(
        &finish(child),
        1,
        "imported 2 messages\n\
         not confirmed from line 4 on: --from-line 4 goes on there; \
         those up to line 6 may have arrived or not\n",
        &format!("gumboot: the server refused {file}, line 4: full\n  no room\n"),
    );
    let child = start(
        &[&import[..], &["--from-line", "4"]].concat(),
        Stdio::null(),
    );
    let mut client = server.accept();
    take(&mut client, 3..=5);
    client.expect_leave();
    check(&finish(child), 0, "imported 3 messages\n", "");
}

#[test]
fn one_message_that_was_under_way_may_have_arrived() {
    let folder = Folder::new("queue-one");
    let file = file_of(&folder, 2);
    let server = RawBroker::new();
    let url = server.url();
    let child = start(&["queue", "import", &file, "--url", &url], Stdio::null());
    let mut client = server.accept();
    take(&mut client, 1..=1);
    client.expect("SEND");
    client.end();
    check(
        &finish(child),
        1,
        "imported 1 message\n\
         not confirmed from line 3 on: --from-line 3 goes on there; \
         that of line 3 may have arrived or not\n",
        &format!(
            "gumboot: {file}, line 3: sent, but not confirmed: the server ended the connection\n"
        ),
    );
}

#[test]
fn a_signal_ends_it_once_what_was_sent_is_confirmed() {
    let folder = Folder::new("queue-signal");
    // More than are sent before the first is confirmed.
    let file = file_of(&folder, 3_000);
    let server = RawBroker::new();
    let url = server.url();
    let child = start(&["queue", "import", &file, "--url", &url], Stdio::null());
    let mut client = server.accept();
    let first = client.expect("SEND");
    signal(child.id(), "INT");
    let mut confirmed = 1;
    client.confirm(&first);
    // It sends what it has begun, then no more.
    loop {
        let frame = client.expect_any();
        match frame.command.as_str() {
            "SEND" => confirmed += 1,
            command => {
                assert_eq!(command, "DISCONNECT");
                client.confirm(&frame);
                break;
            }
        }
        client.confirm(&frame);
    }
    assert!(confirmed < 3_000, "{confirmed}");
    let next = confirmed + 2;
    let told = format!(
        "imported {confirmed} messages\n\
         not confirmed from line {next} on: --from-line {next} goes on there\n"
    );
    client.end();
    check(&finish(child), 130, &told, "");
}
