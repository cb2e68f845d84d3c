//! Operations on a broker: whatever clients do, no bound is passed, nothing of a queue is delivered twice without a
//! word, and when all have gone nothing is left.

use std::collections::{HashMap, HashSet};

use arbitrary::{Arbitrary, Unstructured};
use gumboot_broker_core::{
    AckMode, Broker, Credit, Delivery, DeliveryId, Destination, Limits, Login, MessageId, Nack,
    Output, Properties, QueueName, Send, SessionId, Settings, Subscribe, SubscriptionId, Timestamp,
    Usage,
};

const SESSIONS: u8 = 3;
const QUEUES: [&str; 3] = ["/queue/a", "/queue/b", "/queue/dead-letters"];
const TOPICS: [&str; 3] = ["/topic/a.b", "/topic/a.*", "/topic/**"];
const NAMES: [&str; 2] = ["t", "u"];
const CREDIT_MAX: u8 = 4;
const QUEUED_BYTES_MAX: usize = 2000;
const DURABLE_BYTES_MAX: usize = 800;
const TRANSACTIONS_BYTES_MAX: usize = 500;

#[derive(Debug, Arbitrary)]
enum Operation {
    Abort(u8, bool),
    Acknowledge {
        session: u8,
        subscription: u8,
        number: u8,
        transaction: Option<bool>,
        nack: Option<(bool, u8)>,
    },
    Begin(u8, bool),
    Commit(u8, bool),
    Disconnect(u8),
    Pass(u8),
    Send {
        session: u8,
        to: u8,
        bytes: u8,
        priority: u8,
        delay: u8,
        group: Option<bool>,
        transaction: Option<bool>,
    },
    Sent(u8, u8, u8),
    Subscribe {
        session: u8,
        to: u8,
        ack: u8,
        credit: u8,
        exclusive: bool,
        no_local: bool,
    },
    Unsent(u8, u8, u8),
    Unsubscribe(u8, u8),
}

/// Which messages of queues were delivered. Those sent to queues have even numbers.
#[derive(Default)]
struct Seen {
    delivered: HashSet<u32>,
    /// Those that came into a dead-letter queue, where they are new.
    dead: HashSet<u32>,
    /// What each delivery was.
    names: HashMap<(SessionId, DeliveryId), u32>,
    /// Those that the driver did not send: they may come as if for the first time.
    unsent: HashSet<u32>,
}

impl Output<u32> for Seen {
    fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, u32>) {
        let number = *delivery.message;
        self.names.extend(delivery.id.map(|id| ((to, id), number)));
        if number.is_multiple_of(2) {
            let is_first = self.delivered.insert(number);
            let is_new = is_first || self.unsent.contains(&number);
            assert!(is_new || delivery.redelivered || self.dead.remove(&number));
        }
    }

    fn enqueued(&mut self, queue: &QueueName, _: MessageId, message: &u32, _: &Properties) {
        if queue.destination().as_str() == QUEUES[2] {
            self.dead.insert(*message);
        }
    }
}

struct World {
    broker: Broker<u32>,
    seen: Seen,
    now: Timestamp,
    /// The next number of a subscription, and of a message.
    next: u32,
}

/// The bytes are operations, as `arbitrary` reads them.
pub fn broker_operations(data: &[u8]) {
    let Ok(operations) = Vec::<Operation>::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let limits = Limits {
        queued_bytes_max: QUEUED_BYTES_MAX,
        durable_bytes_max: DURABLE_BYTES_MAX,
        transactions_bytes_max: TRANSACTIONS_BYTES_MAX,
        ..Limits::default()
    };
    let mut world = World {
        broker: Broker::new(Settings {
            limits,
            ..Settings::default()
        }),
        seen: Seen::default(),
        now: Timestamp::from_millis(0),
        next: 0,
    };
    (0..SESSIONS).for_each(|session| world.connect(session));
    for operation in operations {
        world.apply(operation);
        world.catch_up();
        let usage = world.broker.usage();
        assert!(usage.queued_bytes <= QUEUED_BYTES_MAX);
        assert!(usage.durable_bytes <= DURABLE_BYTES_MAX.min(usage.queued_bytes));
        assert!(usage.transactions_bytes <= TRANSACTIONS_BYTES_MAX);
    }
    world.end();
}

fn name(second: bool) -> &'static str {
    NAMES[usize::from(second)]
}

fn destination(to: u8) -> Destination {
    let all = [QUEUES, TOPICS].concat();
    Destination::parse(all[usize::from(to) % all.len()]).expect("the names are destinations")
}

impl World {
    fn connect(&mut self, session: u8) {
        let login = Login::anonymous(format!("s{session}"));
        let connected = self.broker.handle_connect(id(session), login);
        connected.expect("there is room for these few");
    }

    /// What is due is done.
    fn catch_up(&mut self) {
        while self.broker.poll_timeout().is_some_and(|at| at <= self.now) {
            self.broker.handle_timeout(self.now, &mut self.seen);
        }
    }

    fn apply(&mut self, operation: Operation) {
        let Self {
            broker,
            seen,
            now,
            next,
        } = self;
        let now = *now;
        *next += 1;
        // What is refused has no effect; the rest of the run shows that.
        match operation {
            Operation::Abort(session, t) => {
                let _ = broker.handle_abort(now, id(session), name(t));
            }
            Operation::Acknowledge {
                session,
                subscription,
                number,
                transaction,
                nack,
            } => {
                let (session, delivery) = (id(session), delivery(subscription, number));
                let transaction = transaction.map(name);
                let _ = match nack {
                    None => broker.handle_ack(now, session, delivery, transaction, seen),
                    Some((requeue, delay)) => {
                        let delay_ms = u64::from(delay % 4);
                        let nack = Nack { requeue, delay_ms };
                        broker.handle_nack(now, session, delivery, nack, transaction, seen)
                    }
                };
            }
            Operation::Begin(session, t) => {
                let _ = broker.handle_begin(now, id(session), name(t));
            }
            Operation::Commit(session, t) => {
                let _ = broker.handle_commit(now, id(session), name(t), seen);
            }
            Operation::Disconnect(session) => {
                broker.handle_disconnect(now, id(session), seen);
                self.connect(session % SESSIONS);
            }
            Operation::Pass(millis) => self.now = now.after(millis.into()),
            Operation::Send {
                session,
                to,
                bytes,
                priority,
                delay,
                group,
                transaction,
            } => {
                let is_queue = usize::from(to) % (QUEUES.len() + TOPICS.len()) < QUEUES.len();
                let properties = Properties {
                    bytes: bytes.into(),
                    priority,
                    delay_ms: u64::from(delay % 4),
                    group: group.map(|group| name(group).into()),
                    ..Properties::default()
                };
                let send = Send {
                    destination: &destination(to),
                    message: &(2 * *next + u32::from(!is_queue)),
                    properties: &properties,
                    transaction: transaction.map(name),
                };
                let _ = broker.handle_send(now, id(session), &send, seen);
            }
            Operation::Sent(session, subscription, number) => {
                broker.handle_sent(now, id(session), delivery(subscription, number), seen);
            }
            Operation::Unsent(session, subscription, number) => {
                let (session, delivery) = (id(session), delivery(subscription, number));
                broker.handle_unsent(session, delivery);
                seen.unsent.extend(seen.names.get(&(session, delivery)));
            }
            Operation::Subscribe {
                session,
                to,
                ack,
                credit,
                exclusive,
                no_local,
            } => {
                let acks = [AckMode::Auto, AckMode::Client, AckMode::ClientIndividual];
                let destination = destination(to);
                let subscribe = Subscribe {
                    ack: acks[usize::from(ack % 3)],
                    credit: Some(Credit {
                        messages: (credit % CREDIT_MAX).into(),
                        bytes: 1000,
                    }),
                    exclusive,
                    no_local,
                    ..Subscribe::new(&destination)
                };
                let subscription = SubscriptionId(*next);
                let _ = broker.handle_subscribe(now, id(session), subscription, subscribe, seen);
            }
            Operation::Unsubscribe(session, subscription) => {
                let subscription = SubscriptionId(subscription.into());
                let _ = broker.handle_unsubscribe(now, id(session), subscription, seen);
            }
        }
    }

    /// All go, queues are emptied, and nothing is left.
    fn end(&mut self) {
        for session in 0..SESSIONS {
            self.broker
                .handle_disconnect(self.now, id(session), &mut self.seen);
        }
        self.now = self.now.after(1000);
        self.catch_up();
        self.connect(0);
        for (subscription, queue) in (0..).zip(QUEUES) {
            let queue = Destination::parse(queue).expect("the names are destinations");
            let subscribe = Subscribe::new(&queue);
            let subscription = SubscriptionId(subscription);
            let done = self.broker.handle_subscribe(
                self.now,
                id(0),
                subscription,
                subscribe,
                &mut self.seen,
            );
            done.expect("there is room for these few");
            let all = DeliveryId {
                subscription,
                number: u64::MAX,
            };
            while self
                .broker
                .queue_usage(&queue)
                .is_some_and(|usage| usage.messages > 0)
            {
                self.broker
                    .handle_sent(self.now, id(0), all, &mut self.seen);
                self.catch_up();
            }
        }
        self.broker
            .handle_disconnect(self.now, id(0), &mut self.seen);
        assert_eq!(self.broker.usage(), Usage::default());
    }
}

fn id(session: u8) -> SessionId {
    SessionId((session % SESSIONS).into())
}

fn delivery(subscription: u8, number: u8) -> DeliveryId {
    DeliveryId {
        subscription: SubscriptionId(subscription.into()),
        number: number.into(),
    }
}
