//! BENCHMARKS.md: a section for each scenario, of which a run replaces its own only.

use std::fmt::Write;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::{Report, machine};
use crate::context::Failure;

const PREAMBLE: &str = "\
# Benchmarks

Written by `cargo xtask bench`; each section says when and on what it was measured, and by which command. Ratios of
servers measured in turn in the same run hold on other machines of the kind; times do not.

";

/// Said of a machine that had other work before anything was measured, or after it.
const BUSY: &str = "- The machine was busy with other work: times are longer than they would be, and ratios less sure.\n";

/// What one run of a scenario gives.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) title: &'a str,
    /// As it is typed.
    pub(super) command: &'a str,
    /// A sentence each.
    pub(super) machine: &'a [String],
    /// The part of the cores' time that other work took, before and after.
    pub(super) other_work: [Option<f64>; 2],
    /// How long it took.
    pub(super) taken: Duration,
    pub(super) report: &'a Report,
}

impl Section<'_> {
    /// From its heading on.
    pub(super) fn text(&self) -> String {
        let mut text = format!("## {}\n\n- Command: `{}`.\n", self.title, self.command);
        for line in self.machine.iter().chain(&self.report.remarks) {
            let _ = writeln!(text, "- {line}");
        }
        let [before, after] = self.other_work.map(percent);
        let _ = writeln!(
            text,
            "- It took {} s. Other work had {before} of the cores before it, and {after} after it.",
            self.taken.as_secs()
        );
        if self.other_work.into_iter().any(machine::is_busy) {
            text.push_str(BUSY);
        }
        text.push('\n');
        text.push_str(self.report.text.trim());
        text.push('\n');
        text
    }
}

fn percent(part: Option<f64>) -> String {
    part.map_or("an unknown part".to_owned(), |part| {
        format!("{:.0} %", part * 100.0)
    })
}

/// The document as it is; empty if there is none yet. What cannot be read is not to be written over.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read
            .map_err(|error| Failure::Broken(format!("cannot read {}: {error}", path.display()))),
    }
}

/// The document with the section of this title replaced or added, and the other sections as they are. Sections stand in
/// the order of `titles`; what has another heading comes last.
pub(super) fn with_section(document: &str, titles: &[&str], title: &str, section: &str) -> String {
    let mut sections: Vec<(&str, &str)> = sections(document)
        .into_iter()
        .filter(|(other, _)| *other != title)
        .collect();
    sections.push((title, section));
    sections.sort_by_key(|(title, _)| {
        let known = titles.iter().position(|other| other == title);
        known.unwrap_or(titles.len())
    });
    let texts: Vec<&str> = sections.iter().map(|(_, text)| text.trim()).collect();
    format!("{PREAMBLE}{}\n", texts.join("\n\n"))
}

/// The sections of a document: the heading, and the text with the heading.
fn sections(document: &str) -> Vec<(&str, &str)> {
    const HEADING: &str = "## ";
    let headings = document.match_indices(HEADING).map(|(at, _)| at);
    let begins: Vec<usize> = headings
        .filter(|&at| at == 0 || document.as_bytes()[at - 1] == b'\n')
        .collect();
    let ends = begins.iter().copied().skip(1).chain([document.len()]);
    let pieces = begins
        .iter()
        .zip(ends)
        .map(|(&from, to)| &document[from..to]);
    pieces
        .map(|piece| {
            let heading = piece.lines().next().unwrap_or_default();
            (heading[HEADING.len()..].trim(), piece)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: [&str; 3] = ["A", "B", "C"];

    fn document(sections: &str) -> String {
        format!("{PREAMBLE}{sections}")
    }

    #[test]
    fn only_the_section_of_that_title_is_replaced() {
        let before = document("## A\n\na\n\n### B\n\nof A\n\n## B\n\nold\n\n## C\n\nc ## d\n");
        let after = with_section(&before, &TITLES, "B", "## B\n\nnew\n");
        let expected = document("## A\n\na\n\n### B\n\nof A\n\n## B\n\nnew\n\n## C\n\nc ## d\n");
        assert_eq!(after, expected);
    }

    #[test]
    fn a_new_section_comes_where_it_belongs() {
        let before = "# Another preamble\n\n## C\n\nc\n\n## Z\n\nz\n\n## A\n\na\n";
        let after = with_section(before, &TITLES, "B", "## B\n\nb\n");
        let expected = document("## A\n\na\n\n## B\n\nb\n\n## C\n\nc\n\n## Z\n\nz\n");
        assert_eq!(after, expected);
        let first = with_section("", &TITLES, "B", "## B\n\nb\n");
        assert_eq!(first, document("## B\n\nb\n"));
    }

    #[test]
    fn only_a_document_that_is_not_there_is_empty() {
        let folder = std::env::temp_dir();
        let missing = folder.join(format!("xtask-document-{}", std::process::id()));
        assert_eq!(read(&missing).expect("it may be missing"), "");
        let Err(Failure::Broken(reason)) = read(&folder) else {
            panic!("a folder is no document");
        };
        assert!(reason.starts_with("cannot read "), "{reason}");
    }

    #[test]
    fn a_section_says_how_it_was_measured() {
        let mut section = Section {
            title: "A",
            command: "cargo xtask bench a",
            machine: &["Machine: m.".to_owned()],
            other_work: [Some(0.012), None],
            taken: Duration::from_secs(61),
            report: &Report {
                remarks: vec!["Peer: 1.2.".to_owned()],
                text: "\nText.\n\n".to_owned(),
            },
        };
        let expected = "## A\n\n- Command: `cargo xtask bench a`.\n- Machine: m.\n- Peer: 1.2.\n\
             - It took 61 s. Other work had 1 % of the cores before it, and an unknown part after it.\n\nText.\n";
        assert_eq!(section.text(), expected);
        section.other_work[1] = Some(0.3);
        assert!(
            section
                .text()
                .contains("and 30 % after it.\n- The machine was busy ")
        );
    }
}
