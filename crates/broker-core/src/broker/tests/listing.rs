//! The list of queues: what is in it, and for whom.

use super::*;

/// Reads what begins with the text.
#[derive(Debug)]
struct Reads(&'static str);

impl Access for Reads {
    fn allows(&self, _: Action, destination: &Destination) -> bool {
        destination.as_str().starts_with(self.0)
    }
}

/// What the session is shown, as text, sorted, in portions of `count`.
fn listed(w: &World, session: usize, durables: Durables, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut place = QueuePlace::default();
    loop {
        let portion = w.broker.list_queues(SessionId(session), place, durables);
        let portion: Vec<_> = portion.take(count).collect();
        let Some((next, _)) = portion.last() else {
            break;
        };
        place = *next;
        lines.extend(portion.iter().filter_map(|(_, report)| {
            let QueueReport { name, usage, .. } = report.as_ref()?;
            let whose = match name {
                QueueName::Durable { client, name, .. } => format!("{client}/{name} "),
                _ => String::new(),
            };
            Some(format!(
                "{whose}{} ready {} leased {} delayed {} of {}",
                name.destination(),
                usage.ready(),
                usage.leased,
                usage.delayed,
                usage.messages,
            ))
        }));
    }
    lines.sort();
    lines
}

fn world() -> World {
    let mut w = World::new(Settings::default());
    for (id, reads) in [(4, "/queue/a"), (5, "/topic/")] {
        let login = Login {
            access: Arc::new(Reads(reads)),
            client: Some("bob".into()),
            ..Login::anonymous(format!("s{id}"))
        };
        w.broker.handle_connect(SessionId(id), login).unwrap();
    }
    for message in 1..=3 {
        w.send(3, "/queue/a", message).unwrap();
    }
    let later = Properties {
        delay_ms: 10,
        ..Properties::default()
    };
    w.send_with(3, "/queue/a", 4, &later).unwrap();
    w.send(3, "/queue/b", 5).unwrap();
    let queue = destination("/queue/a");
    let one = Subscribe {
        ack: AckMode::Client,
        credit: Some(Credit {
            messages: 1,
            bytes: 1,
        }),
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(3, 1, one).unwrap();
    // Those that nobody is shown.
    w.subscribe(3, 2, "/temp-queue/t", AckMode::Auto);
    w.subscribe(3, 3, "/topic/acknowledged", AckMode::Client);
    let news = destination("/topic/news");
    for (session, selector) in [(1, None), (2, Some("x > 1"))] {
        let durable = Subscribe {
            durable: Some("d"),
            selector: selector.map(|text| Selector::parse(text).unwrap()),
            ..Subscribe::new(&news)
        };
        w.try_subscribe(session, 1, durable).unwrap();
        w.unsubscribe(session, 1).unwrap();
    }
    w.send(3, "/topic/news", 6).unwrap();
    w
}

const A: &str = "/queue/a ready 2 leased 1 delayed 1 of 4";
const B: &str = "/queue/b ready 1 leased 0 delayed 0 of 1";
const ALICE: &str = "alice/d /topic/news ready 1 leased 0 delayed 0 of 1";
const BOB: &str = "bob/d /topic/news ready 0 leased 0 delayed 0 of 0";

#[test]
fn all_that_lasts_is_listed_whatever_the_portion() {
    let w = world();
    for count in [1, 2, 100] {
        assert_eq!(listed(&w, 3, Durables::All, count), [A, B, ALICE, BOB]);
    }
}

#[test]
fn a_session_is_shown_what_it_may_read_and_what_is_its_own() {
    let w = world();
    for durables in [Durables::All, Durables::Own] {
        assert_eq!(listed(&w, 4, durables, 1), [A]);
        assert_eq!(listed(&w, 9, durables, 1), [""; 0]);
    }
    assert_eq!(listed(&w, 5, Durables::All, 1), [ALICE, BOB]);
    assert_eq!(listed(&w, 5, Durables::Own, 1), [BOB]);
    assert_eq!(listed(&w, 1, Durables::Own, 1), [A, B, ALICE]);
    assert!(w.broker.may_read(SessionId(5), &destination("/topic/x")));
    assert!(!w.broker.may_read(SessionId(4), &destination("/topic/x")));
    assert!(!w.broker.may_read(SessionId(9), &destination("/queue/a")));
}

#[test]
fn a_report_says_what_holds_for_the_queue() {
    let w = world();
    let all = w
        .broker
        .list_queues(SessionId(3), QueuePlace::default(), Durables::All);
    let selectors: Vec<_> = all
        .filter_map(|(_, report)| report)
        .map(|report| {
            assert_eq!(*report.policy, QueuePolicy::default());
            report.selector.map(|selector| selector.as_str().to_owned())
        })
        .collect();
    assert_eq!(selectors, [None, None, None, Some("x > 1".to_owned())]);
}
