//! `gumboot queue ls`: the queues and durable subscriptions of a server, as a table or as lines of JSON.

use std::{
    cmp::Reverse,
    fmt::Write as _,
    io::{self, Write},
};

use gumboot_broker::Destination;
use serde_json::Value;

use super::{
    figures::{self, Figures},
    visit::Visit,
};
use crate::command::{render, stomp::Failure};

/// As many queues as are listed.
const LISTED_MAX: usize = 250_000;

/// What the columns are called.
const TITLES: [&str; COLUMNS] = [
    "queue",
    "messages",
    "ready",
    "leased",
    "delayed",
    "bytes",
    "consumers",
];

const COLUMNS: usize = 7;

pub(super) struct Plan {
    pub(super) pattern: Option<Pattern>,
    pub(super) sort: Sort,
    pub(super) json: bool,
}

/// What stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// By name.
    Name,
    /// The most messages.
    Messages,
    /// The most bytes.
    Bytes,
}

/// Which queues are listed.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Those that a destination covers.
    Destination(Destination),
    /// Those with this in their name.
    Part(String),
}

impl Pattern {
    pub(super) fn new(typed: String) -> Self {
        match Destination::parse(&typed) {
            Ok(destination) if destination.is_pattern() => Self::Destination(destination),
            _ => Self::Part(typed),
        }
    }

    fn matches(&self, figures: &Figures) -> bool {
        let names = [&figures.name, &figures.topic, &figures.client];
        match self {
            Self::Part(part) => names.iter().any(|name| name.contains(part.as_str())),
            Self::Destination(pattern) => names
                .iter()
                .any(|name| Destination::parse(name).is_ok_and(|name| pattern.covers(&name))),
        }
    }
}

pub(super) async fn run(visit: &Visit<'_>, plan: Plan) -> Result<(), Failure> {
    let mut listed = Vec::new();
    let listing = figures::each(visit, None, |figures, value| {
        let is_wanted = |pattern: &Pattern| pattern.matches(&figures);
        if plan.pattern.as_ref().is_none_or(is_wanted) {
            if listed.len() >= LISTED_MAX {
                let why = format!("there are more than {LISTED_MAX} queues: name a pattern");
                return Err(Failure::Usage(why));
            }
            listed.push((figures, value));
        }
        Ok(())
    });
    tokio::select! {
        biased;
        done = listing => done?,
        () = visit.stopped() => return Ok(()),
    }
    sort(&mut listed, plan.sort);
    let text = match plan.json {
        true => lines(&listed),
        false => table(&listed),
    };
    // Who has had enough, such as `head`, is no failure.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Other(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

fn sort(listed: &mut [(Figures, Value)], by: Sort) {
    let name = |figures: &Figures| {
        let Figures {
            kind,
            name,
            client,
            topic,
            ..
        } = figures;
        // Queues stand before durable subscriptions.
        let is_durable = kind != "queue";
        (is_durable, name.clone(), client.clone(), topic.clone())
    };
    listed.sort_by_cached_key(|(figures, _)| {
        let most = match by {
            Sort::Name => 0,
            Sort::Messages => figures.messages,
            Sort::Bytes => figures.bytes,
        };
        (Reverse(most), name(figures))
    });
}

fn lines(listed: &[(Figures, Value)]) -> String {
    let lines = listed.iter();
    lines
        .map(|(_, value)| render::escaped_json(&value.to_string()) + "\n")
        .collect()
}

fn table(listed: &[(Figures, Value)]) -> String {
    let rows = listed.iter().map(|(figures, _)| row(figures));
    let rows: Vec<_> = [TITLES.map(str::to_owned)]
        .into_iter()
        .chain(rows)
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let _ = write!(text, "{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

fn row(figures: &Figures) -> [String; COLUMNS] {
    let name = match figures.kind.as_str() {
        "queue" => figures.name.clone(),
        kind => format!(
            "{kind} {}/{} of {}",
            figures.client, figures.name, figures.topic
        ),
    };
    [
        render::escaped(&name),
        figures.messages.to_string(),
        figures.ready.to_string(),
        figures.leased.to_string(),
        figures.delayed.to_string(),
        figures.bytes.to_string(),
        figures.consumers.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn listed() -> Vec<(Figures, Value)> {
        let queue = |name: &str, messages: u64, bytes: u64| {
            json!({
                "kind": "queue", "name": name, "messages": messages, "ready": messages,
                "leased": 0, "delayed": 0, "bytes": bytes, "consumers": 0,
            })
        };
        let mut durable = queue("news", 2, 5);
        durable["kind"] = "durable".into();
        durable["client"] = "phone".into();
        durable["topic"] = "/topic/n.*".into();
        let values = [
            durable,
            queue("/queue/b.c", 1, 10),
            queue("/queue/a\u{202e}", 1, 1234),
        ];
        values
            .map(|value| (Figures::deserialize(&value).unwrap(), value))
            .into()
    }

    #[test]
    fn a_table_in_the_order_that_is_asked_for() {
        let mut listed = listed();
        sort(&mut listed, Sort::Name);
        expect![[r#"
            queue                             messages  ready  leased  delayed  bytes  consumers
            /queue/a\u{202e}                         1      1       0        0   1234          0
            /queue/b.c                               1      1       0        0     10          0
            durable phone/news of /topic/n.*         2      2       0        0      5          0
        "#]]
        .assert_eq(&table(&listed));
        let names = |listed: &[(Figures, Value)]| {
            let names = listed.iter().map(|(figures, _)| figures.name.clone());
            names.collect::<Vec<_>>()
        };
        sort(&mut listed, Sort::Messages);
        assert_eq!(names(&listed), ["news", "/queue/a\u{202e}", "/queue/b.c"]);
        sort(&mut listed, Sort::Bytes);
        assert_eq!(names(&listed), ["/queue/a\u{202e}", "/queue/b.c", "news"]);
        assert!(!lines(&listed).contains('\u{202e}'));
        assert_eq!(lines(&listed).lines().count(), 3);
    }

    #[test]
    fn patterns_and_parts_of_names() {
        let listed = listed();
        for (typed, wanted) in [
            ("/queue/*", &["/queue/a\u{202e}"][..]),
            ("/queue/**", &["/queue/b.c", "/queue/a\u{202e}"]),
            ("/topic/**", &["news"]),
            ("b.c", &["/queue/b.c"]),
            ("phone", &["news"]),
            ("/queue/b", &["/queue/b.c"]),
            ("nothing", &[]),
        ] {
            let pattern = Pattern::new(typed.to_owned());
            let found = listed
                .iter()
                .filter(|(figures, _)| pattern.matches(figures));
            let found: Vec<&str> = found.map(|(figures, _)| &*figures.name).collect();
            assert_eq!(found, wanted, "{typed}");
        }
    }
}
