//! Processes that die, and disks that are full: a child writes and prints what is confirmed, and its directory is
//! looked at afterwards. The child is this program, with arguments.

mod child;
mod full;
mod kill;

use std::{env, path::Path};

/// Producers of the child, each with streams of its own.
const PRODUCERS: usize = 4;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [mode, directory, bytes] if mode == "child" => {
            let bytes = bytes.parse().expect("a number of bytes");
            child::run(Path::new(directory), bytes);
        }
        _ => {
            kill::killed_processes_lose_nothing();
            println!("test killed_processes_lose_nothing ... ok");
            full::a_full_disk_confirms_nothing();
            println!("test a_full_disk_confirms_nothing ... ok");
        }
    }
}
