//! How many exchanges a peer does and leaves out in each direction, and whether that is what was committed for it.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// The exchanges of one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// Those that were as they should be.
    pub(crate) good: usize,
    /// Those that the peer cannot do, by the reason.
    #[serde(default)]
    pub(crate) left_out: BTreeMap<String, usize>,
}

/// The exchanges of every direction; none of one that was not run.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Done {
    /// The peer is a client of our server.
    pub(crate) connect: Option<Counts>,
    /// The peer is a client of the program.
    pub(crate) program: Option<Counts>,
    /// The peer is a server of our client.
    pub(crate) serve: Option<Counts>,
}

impl Counts {
    /// The exchanges that were done or left out.
    #[cfg(test)]
    pub(crate) fn all(&self) -> usize {
        self.good + self.left_out.values().sum::<usize>()
    }
}

impl Done {
    /// Every direction that is not as it is in `expected`. To do more is a difference too: it is to be committed, so that
    /// it is not lost again.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<String> {
        let directions = [
            ("connect", &self.connect, &expected.connect),
            ("program", &self.program, &expected.program),
            ("serve", &self.serve, &expected.serve),
        ];
        let words = |counts: &Option<Counts>| match counts {
            Some(counts) => counts.to_string(),
            None => "nothing".to_owned(),
        };
        directions
            .into_iter()
            .filter(|(_, done, expected)| done != expected)
            .map(|(direction, done, expected)| {
                format!(
                    "{direction}: {}; expected: {}",
                    words(done),
                    words(expected)
                )
            })
            .collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} good", self.good)?;
        for (reason, count) in &self.left_out {
            write!(f, ", {count} left out ({reason})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::exchange;

    fn done(json: &str) -> Done {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn whatever_differs_is_told() {
        let expected =
            done(r#"{"connect": {"good": 3, "left_out": {"too large": 1}}, "serve": {"good": 4}}"#);
        assert_eq!(expected.differences(&expected), [""; 0]);
        let fewer = done(r#"{"connect": {"good": 2, "left_out": {"too large": 2}}}"#);
        assert_eq!(
            fewer.differences(&expected),
            [
                "connect: 2 good, 2 left out (too large); expected: 3 good, 1 left out (too large)",
                "serve: nothing; expected: 4 good",
            ]
        );
        let other = done(
            r#"{"connect": {"good": 3, "left_out": {"no": 1}}, "program": {"good": 1}, "serve": {"good": 5}}"#,
        );
        assert_eq!(other.differences(&expected).len(), 3);
    }

    #[test]
    fn what_is_committed_for_the_peers_is_about_all_exchanges() {
        let count = exchange::all().unwrap().len();
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../peers");
        for peer in ["browser", "node", "python"] {
            let text = fs::read_to_string(peers.join(peer).join("interop_expect.json"));
            let done = done(&text.unwrap());
            assert!(done.connect.is_some() && done.program.is_some(), "{peer}");
            for counts in [done.connect, done.program, done.serve].iter().flatten() {
                assert_eq!(counts.all(), count, "{peer}: {counts}");
            }
        }
    }
}
