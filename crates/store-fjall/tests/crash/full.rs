//! A disk that takes no more, played by a limit on the length of files.

use std::{env, process::Command};

use gumboot_store_fjall::{FjallStore, Options};
use tempfile::TempDir;

use super::{PRODUCERS, kill};

pub(super) fn a_full_disk_confirms_nothing() {
    let directory = TempDir::new().expect("a temporary directory");
    // The first start makes room for a journal, the second gives back what is not used of it.
    for _ in 0..2 {
        FjallStore::open(directory.path(), Options::default()).expect("the store opens");
    }
    let program = env::current_exe().expect("this program has a path");
    // The shell ignores the signal, so that a write fails instead. The unit of the limit is half a KiB or one.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\""])
        .arg(program)
        .arg("child")
        .arg(directory.path())
        .arg("8000")
        .output()
        .expect("the child runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let failures = text.lines().filter(|line| line.starts_with("error "));
    assert_eq!(failures.count(), PRODUCERS, "{text}");
    for line in text.lines().filter(|line| line.starts_with(['e', 'a'])) {
        assert!(
            line.contains("confirms nothing until it is opened anew"),
            "{line}"
        );
        assert!(line.contains("File too large"), "{line}");
    }
    let mut confirmed = [0; PRODUCERS];
    text.lines()
        .for_each(|line| kill::note(line, &mut confirmed));
    println!("confirmed before the disk was full: {confirmed:?}");
    assert!(confirmed.iter().any(|confirmed| *confirmed > 0));
    kill::check(directory.path(), &confirmed);
}
