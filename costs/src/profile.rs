//! What callgrind has counted: its file, of which only the sums matter here.
//!
//! A line of the file either says where one is (`fn=`), announces a call (`calls=`, then a line with what was spent in
//! it, which is counted again below the function that was called), or has costs: a position, then one number for each
//! event. Names are written out once and numbered.

use std::collections::HashMap;

use crate::Failure;

/// The events that must have been counted, in their order.
const EVENTS: &str = "Ir sysCount sysTime";

/// Reads the clock: without valgrind no system call, but a call into a page of the kernel.
const CLOCK: &[&str] = &["clock_gettime", "clock_gettime@@GLIBC_2.17"];

/// Gives memory.
const ALLOCATORS: &[&str] = &[
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
];

/// Sums over the whole program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
    /// Without those that read the clock.
    pub(crate) system_calls: u64,
    pub(crate) clock_reads: u64,
}

/// Adds up a file of callgrind.
pub(crate) fn read(text: &str) -> Result<Counts, Failure> {
    if !text
        .lines()
        .any(|line| line.strip_prefix("events: ") == Some(EVENTS))
    {
        return Err("callgrind has not counted what was asked for".into());
    }
    let mut counts = Counts::default();
    let mut names = HashMap::new();
    let (mut function, mut called) = ("", "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = numbered(&mut names, name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = numbered(&mut names, name);
        } else if let Some(call) = line.strip_prefix("calls=") {
            if ALLOCATORS.contains(&called) && !ALLOCATORS.contains(&function) {
                counts.allocations += number(call.split(' ').next())?;
            }
            // What was spent in the call is counted where it was spent.
            lines.next();
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let mut costs = line.split(' ').skip(1);
            counts.instructions += number(costs.next())?;
            let calls = costs.next().map_or(Ok(0), |calls| number(Some(calls)))?;
            match CLOCK.contains(&function) {
                true => counts.clock_reads += calls,
                false => counts.system_calls += calls,
            }
        }
    }
    Ok(counts)
}

/// The name of a function: `(1) name` where it is given, `(1)` from then on.
fn numbered<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((index, name)) => {
            names.insert(index, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

fn number(text: Option<&str>) -> Result<u64, Failure> {
    let text = text.ok_or("a line of callgrind without a number")?;
    text.parse()
        .map_err(|_| format!("callgrind: {text} is no number").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
events: Ir sysCount sysTime

fn=(1) main
cfn=(2) malloc
calls=3 0
10 300
11 5
+1 7
cfn=(3) recv
calls=2 0
* 40 2 9
fn=(2)
20 290
cfn=(4) calloc
calls=1 0
20 10
fn=(4)
1 10
fn=(3)
30 36
* 4 2 9
fn=(5) clock_gettime
40 8 4 1
totals: 360 6 10
";

    #[test]
    fn calls_are_not_counted_twice() {
        let expected = Counts {
            instructions: 360,
            allocations: 3,
            system_calls: 2,
            clock_reads: 4,
        };
        assert_eq!(read(TEXT).expect("it is well formed"), expected);
    }

    #[test]
    fn other_events_are_refused() {
        assert!(read("events: Ir\nfn=(1) main\n1 2\n").is_err());
        assert!(read(&TEXT.replace("20 290", "20 x")).is_err());
    }
}
