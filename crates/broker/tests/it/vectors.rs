//! Runs the exchanges in `vectors/` against the server: over a stream, whole and octet by octet, and over a WebSocket,
//! with one message for all that is sent at once and with one for each octet; in each version, and once more with a store.
//!
//! The notation is told in `vectors/README.md`.

mod actor;
mod expected;
mod script;
mod wire;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    thread,
};

use gumboot_broker::Level;
use gumboot_broker_core::{Destination, HistoryPolicy, Overflow, QueuePolicy};

use self::{
    actor::{Actor, Way},
    script::{Step, Vector, What},
    wire::Bindings,
};
use crate::{
    played_store::PlayedStore,
    support::{TestServer, config},
};

macro_rules! files {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )*
        const FILES: &[&str] = &[$(stringify!($name)),*];
    };
}

files! {
    acknowledge bodies connect destinations disconnect durable errors framing headers history properties queues receipts
    redelivery slow subscribe transactions websocket
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

#[test]
fn every_file_is_run() {
    let entries = std::fs::read_dir(folder()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|e| e == "txt"));
    let stem =
        |path: std::path::PathBuf| path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let mut found: Vec<_> = texts.filter_map(stem).collect();
    found.sort();
    assert_eq!(found, FILES);
}

/// Runs the vectors of a file, each with a server of its own for each version and way.
fn check(name: &str) {
    let path = folder().join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).expect("the vectors are in the repository");
    for vector in script::parse(&text) {
        // Most of the time is waiting, so all versions and ways of a vector go side by side.
        thread::scope(|scope| {
            for version in &vector.versions {
                let ways = Way::ALL.into_iter().filter(|way| vector.goes_over(*way));
                let ways: Vec<_> = ways.collect();
                let without = ways.iter().map(|way| (*way, false));
                // With a store, whatever it is carried by.
                let with = ways.iter().take(1).map(|way| (*way, true));
                for (way, has_store) in without.chain(with) {
                    let vector = &vector;
                    let run = move || run(vector, version, way, has_store);
                    scope.spawn(move || {
                        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                            let store = if has_store { ", with a store" } else { "" };
                            eprintln!(
                                "in {name}.txt: == {} ({version}, {way:?}{store})",
                                vector.title
                            );
                            resume_unwind(panic);
                        }
                    });
                }
            }
        });
    }
}

fn run(vector: &Vector, version: &str, way: Way, has_store: bool) {
    let server = server(vector, has_store);
    let mut stage = Stage {
        server: &server,
        version,
        way,
        actors: BTreeMap::new(),
        bindings: Bindings::new(version),
    };
    for step in &vector.steps {
        let played = catch_unwind(AssertUnwindSafe(|| stage.play(step)));
        if let Err(panic) = played {
            eprintln!("at: {}", step.line);
            resume_unwind(panic);
        }
    }
    let everyone: Vec<_> = stage.actors.keys().copied().collect();
    for actor in everyone {
        stage.expect_nothing(actor);
    }
}

/// A server for a vector, set up as that says.
fn server(vector: &Vector, has_store: bool) -> TestServer {
    let mut config = config();
    if has_store {
        config.store = PlayedStore::new(Level::Synced).share();
    }
    let mut policy = QueuePolicy::default();
    for (name, value) in &vector.settings {
        let number = || value.parse().expect("the setting is a number");
        match name.as_str() {
            "credit-messages-default" => config.broker.limits.credit_messages_default = number(),
            "deliveries-max" => policy.deliveries_max = number() as u32,
            "history-messages-max" => {
                let topics = Destination::parse("/topic/h.**").expect("a pattern of topics");
                let messages_max = number();
                let policy = HistoryPolicy {
                    messages_max,
                    ..HistoryPolicy::default()
                };
                config.broker.histories = vec![(topics, policy.into())];
            }
            "mailbox-bytes-max" => config.mailbox_bytes_max = number(),
            "queue-messages-max" => policy.messages_max = number(),
            "queue-overflow" => {
                assert_eq!(value, "drop-oldest");
                policy.overflow = Overflow::DropOldest;
            }
            "replay-messages-max" => config.broker.limits.replay_messages_max = number(),
            "subscription-messages-max" => {
                let messages_max = number();
                config.broker.topic = QueuePolicy {
                    messages_max,
                    ..QueuePolicy::default()
                }
                .into();
            }
            "transaction-age-ms-max" => {
                config.broker.limits.transaction_age_ms_max = number() as u64;
            }
            "transaction-bytes-max" => config.broker.limits.transaction_bytes_max = number(),
            "transaction-operations-max" => {
                config.broker.limits.transaction_operations_max = number();
            }
            "transactions-per-session-max" => {
                config.broker.limits.transactions_per_session_max = number();
            }
            _ => panic!("there is no setting {name}"),
        }
    }
    // What is put aside as dead has room, whatever the vector's queues have.
    let graves = Destination::parse("/queue/dead-letters").expect("a queue's name");
    config.broker.queues = vec![(graves, QueuePolicy::default().into())];
    config.broker.queue = policy.into();
    TestServer::with(config)
}

/// The clients of a vector while it runs.
struct Stage<'a> {
    server: &'a TestServer,
    version: &'a str,
    way: Way,
    actors: BTreeMap<char, Actor>,
    bindings: Bindings,
}

impl Stage<'_> {
    fn play(&mut self, step: &Step) {
        match &step.what {
            What::Opens => self.open(step.actor),
            What::Sends(text) => {
                let octets = self.bindings.octets(text);
                self.connected(step.actor).send(&octets);
            }
            What::SendsOneMessage(first, text) => {
                let octets = self.bindings.octets(text);
                self.connected(step.actor).send_message(*first, &octets);
            }
            What::Receives(expected) => {
                let Self {
                    bindings, actors, ..
                } = self;
                let actor = actors
                    .get_mut(&step.actor)
                    .expect("the client has connected");
                actor.expect(expected, bindings);
            }
            What::Drops => self.actor(step.actor).drop_connection(),
            What::Leaves => self.actor(step.actor).leave(),
            What::Ends(code) => self.actor(step.actor).expect_end(*code),
            What::HearsNothing => self.expect_nothing(step.actor),
        }
    }

    fn open(&mut self, name: char) {
        let client = self.server.open(self.way.over());
        let actor = Actor::new(client, self.way, self.version);
        let before = self.actors.insert(name, actor);
        assert!(
            before.is_none_or(|actor| actor.has_ended()),
            "{name} is here already"
        );
    }

    /// A client, which connects now if it has not.
    fn connected(&mut self, name: char) -> &mut Actor {
        if self.actors.get(&name).is_none_or(Actor::has_ended) {
            self.open(name);
            self.actor(name).connect();
        }
        self.actor(name)
    }

    fn actor(&mut self, name: char) -> &mut Actor {
        self.actors
            .get_mut(&name)
            .expect("the client has connected")
    }

    /// Once all that all clients have sent is done, there is nothing for this one that it was not to get.
    fn expect_nothing(&mut self, name: char) {
        for actor in self.actors.values_mut() {
            actor.settle();
        }
        let actor = self.actor(name);
        actor.settle();
        actor.expect_nothing_kept();
    }
}
