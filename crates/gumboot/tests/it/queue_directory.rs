//! `gumboot queue --data`: the same in the directory of a server that does not run.

use std::{collections::BTreeMap, fs, path::Path, process::Stdio};

use gumboot_testkit::{Over, StompPeer};

use crate::{
    piped::{Piped, finish, pipe, signal, start},
    program::{Program, address},
    queue_look::check,
    tls::Folder,
};

/// A server that keeps its messages in the folder, and a client of it.
fn serve(data: &str) -> (Program, StompPeer) {
    let listen = ["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"];
    let program = Program::start(&[&["serve", "--data", data], &listen[..]].concat());
    let stomp = address(&program.print(5)[4], "stomp      ", "");
    let mut client = StompPeer::open(Over::Tcp, stomp, stomp);
    client.connect("accept-version:1.2\n");
    (program, client)
}

/// Waits for a RECEIPT, of whatever level.
#[track_caller]
fn expect_receipt(client: &mut StompPeer, id: &str) {
    let receipt = client.expect("RECEIPT");
    assert_eq!(receipt.header("receipt-id"), Some(id));
}

/// Ends a server in order.
fn stop(mut program: Program, client: StompPeer) {
    program.signal("TERM");
    drop(client);
    assert!(program.wait().success());
}

/// Fills queues in a folder, while a server is there.
fn fill(data: &str, messages: &[(&str, &str)]) {
    let (program, mut client) = serve(data);
    for (queue, body) in messages {
        client.publish(queue, body);
    }
    client.send("SEND\ndestination:/topic/done\nreceipt:done\n\n\0");
    expect_receipt(&mut client, "done");
    stop(program, client);
}

#[track_caller]
fn queue(data: &str, arguments: &[&str]) -> Piped {
    pipe(&[&["queue"], arguments, &["--data", data]].concat(), "")
}

#[track_caller]
fn bodies(data: &str, name: &str) -> Vec<String> {
    let peeked = queue(data, &["peek", name]);
    assert_eq!((peeked.status, &*peeked.stderr), (Some(0), ""));
    peeked.text().lines().map(str::to_owned).collect()
}

#[test]
fn each_subcommand_and_a_server_finds_what_was_done() {
    let folder = Folder::new("queue-data");
    let (data, file) = (folder.path("data"), folder.path("file"));
    fill(
        &data,
        &[("/queue/a", "1"), ("/queue/a", "2"), ("/queue/b", "3")],
    );
    let listed = queue(&data, &["ls", "--json"]);
    assert_eq!(listed.text().lines().count(), 2, "{listed:?}");
    assert_eq!((listed.status, &*listed.stderr), (Some(0), ""));
    assert_eq!(bodies(&data, "/queue/a"), ["1", "2"]);
    let exported = queue(&data, &["export", "/queue/a", &file]);
    check(
        &exported,
        0,
        &format!("exported 2 messages to {file}\n"),
        "",
    );
    let moved = queue(&data, &["move", "/queue/a", "/queue/c"]);
    check(&moved, 0, "moved 2 messages\n", "");
    let purged = queue(&data, &["purge", "/queue/b", "--yes"]);
    check(&purged, 0, "purged 1 message\n", "");
    let imported = queue(&data, &["import", &file]);
    check(&imported, 0, "imported 2 messages\n", "");
    let (program, mut client) = serve(&data);
    for (id, queue) in ["/queue/a", "/queue/c"].iter().enumerate() {
        client.send(format!(
            "SUBSCRIBE\nid:{id}\ndestination:{queue}\nack:auto\n\n\0"
        ));
        for body in ["1", "2"] {
            let message = client.expect_message(body);
            assert_eq!(message.header("destination"), Some(*queue));
            assert_eq!(message.header("redelivered"), None);
        }
    }
    stop(program, client);
    let nothing = queue(&data, &["ls"]);
    assert_eq!(nothing.text().lines().count(), 1, "{nothing:?}");
}

#[test]
fn a_directory_that_a_server_has_open_or_nobody_has_filled_is_refused() {
    let folder = Folder::new("queue-locked");
    let data = folder.path("data");
    let (program, client) = serve(&data);
    let said = format!(
        "gumboot: another process has {data} open; if that is a server, name it with --url\n"
    );
    check(&queue(&data, &["ls"]), 2, "", &said);
    stop(program, client);
    assert_eq!(queue(&data, &["ls"]).status, Some(0));
    let nowhere = folder.path("nowhere");
    let said = format!("gumboot: no server has kept messages in {nowhere}\n");
    check(&queue(&nowhere, &["ls"]), 2, "", &said);
    assert!(!Path::new(&nowhere).exists());
}

#[test]
fn the_configuration_of_the_server_holds_and_messages_of_others_are_moved() {
    let folder = Folder::new("queue-config");
    let (data, config) = (folder.path("data"), folder.path("gumboot.toml"));
    // What it says of the network is for servers.
    let text = "listen = \"192.0.2.1:1\"\nallow-anonymous = true\nhide-server = true\n\
                [destinations]\nbare = \"queue\"\n";
    fs::write(&config, text).unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"];
    let command = ["serve", "--data", &data, "--config", &config];
    let program = Program::start(&[&command[..], &flags].concat());
    let stomp = address(&program.print(5)[4], "stomp      ", "");
    let mut client = StompPeer::open(Over::Tcp, stomp, stomp);
    client.connect("accept-version:1.2\n");
    client.send("SEND\ndestination:jobs\nuser-id:ann\nreceipt:r\n\nhello\0");
    expect_receipt(&mut client, "r");
    stop(program, client);
    let moved = queue(&data, &["move", "jobs", "others", "--config", &config]);
    check(&moved, 0, "moved 1 message\n", "");
    let flags = ["peek", "others", "--headers", "--config", &config];
    let peeked = queue(&data, &flags);
    assert!(peeked.text().contains("\nuser-id: ann\n"), "{peeked:?}");
}

/// The bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.len(),
            // It is gone meanwhile.
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn who_is_killed_in_the_middle_has_lost_and_doubled_nothing() {
    const COUNT: usize = 3_000;
    let folder = Folder::new("queue-kill");
    let data = folder.path("data");
    let numbers: Vec<String> = (0..COUNT).map(|number| format!("{number:0>100}")).collect();
    let messages: Vec<_> = numbers.iter().map(|body| ("/queue/a", &**body)).collect();
    fill(&data, &messages);
    let mut was_in_the_middle = 0;
    for round in 0..4 {
        let (from, to) = match round % 2 {
            0 => ("/queue/a", "/queue/b"),
            _ => ("/queue/b", "/queue/a"),
        };
        let mut child = start(&["queue", "move", from, to, "--data", &data], Stdio::null());
        // Once some portions are on the disk, at the latest when it has ended.
        let before = size(Path::new(&data));
        let is_running = |child: &mut std::process::Child| child.try_wait().unwrap().is_none();
        while is_running(&mut child) && size(Path::new(&data)) < before + 60_000 {}
        if is_running(&mut child) {
            signal(child.id(), "KILL");
        }
        finish(child);
        let mut found = BTreeMap::<String, usize>::new();
        let queues = ["/queue/a", "/queue/b"].map(|queue| bodies(&data, queue));
        was_in_the_middle += usize::from(queues.iter().all(|bodies| !bodies.is_empty()));
        for body in queues.concat() {
            *found.entry(body).or_default() += 1;
        }
        let doubled = found.values().filter(|count| **count > 1).count();
        assert_eq!((found.len(), doubled), (COUNT, 0), "round {round}");
    }
    assert!(was_in_the_middle > 0, "none was killed before its end");
}
