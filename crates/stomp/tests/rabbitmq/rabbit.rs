//! Where RabbitMQ is, and what the cases do with it.

use std::{env, process, time::Duration};

use gumboot_stomp::{Backoff, Client, Message, Outgoing, Session, Subscription};
use tokio::{process::Command, time::timeout};

/// The URL of its STOMP over TCP, without a user.
pub(crate) const STOMP_VARIABLE: &str = "GUMBOOT_RABBITMQ_STOMP";

/// The URL of its STOMP over WebSocket.
const WEB_VARIABLE: &str = "GUMBOOT_RABBITMQ_WEB";

/// A program that is its `rabbitmqctl`.
const CTL_VARIABLE: &str = "GUMBOOT_RABBITMQ_CTL";

/// What never happens takes no longer than this to fail.
const SOON: Duration = Duration::from_secs(30);

/// The user that RabbitMQ has from the start, for loopback only.
pub(crate) const USER: &str = "guest";

/// Waits for what must happen.
#[track_caller]
pub(crate) fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let at = std::panic::Location::caller();
    async move {
        let told = timeout(SOON, future).await;
        told.unwrap_or_else(|_| panic!("{at}: it did not happen in time"))
    }
}

/// Where RabbitMQ is.
#[derive(Debug, Clone)]
pub(crate) struct Rabbit {
    stomp: String,
    web: String,
    ctl: String,
}

/// What STOMP goes over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Stream,
    WebSocket,
}

/// What a case is given.
#[derive(Debug, Clone)]
pub(crate) struct At {
    rabbit: Rabbit,
    way: Way,
    case: &'static str,
}

impl Rabbit {
    /// The one that the environment names.
    pub(crate) fn named() -> Option<Self> {
        let stomp = env::var(STOMP_VARIABLE).ok()?;
        let other = |name| env::var(name).unwrap_or_else(|_| panic!("{name} is missing"));
        Some(Self {
            stomp,
            web: other(WEB_VARIABLE),
            ctl: other(CTL_VARIABLE),
        })
    }
}

impl At {
    pub(crate) fn new(rabbit: &Rabbit, case: &'static str, way: Way) -> Self {
        Self {
            rabbit: rabbit.clone(),
            way,
            case,
        }
    }

    /// The host and port of STOMP over TCP.
    pub(crate) fn stream_address(&self) -> &str {
        let url = &self.rabbit.stomp;
        url.strip_prefix("stomp://").expect("it is a URL of stomp:")
    }

    /// A client that nobody has told who it is.
    pub(crate) fn stranger(&self) -> Client {
        let url = match self.way {
            Way::Stream => &self.rabbit.stomp,
            Way::WebSocket => &self.rabbit.web,
        };
        // Tests need not wait long.
        let soon = Backoff::new()
            .first_max(Duration::from_millis(100))
            .wait_max(Duration::from_secs(1));
        Client::new(url)
            .expect("the URL is one of STOMP")
            .reconnect(soon)
    }

    pub(crate) fn client(&self) -> Client {
        self.stranger().login(USER, USER)
    }

    pub(crate) async fn session(&self) -> Session {
        let session = soon(self.client().connect()).await;
        session.expect("RabbitMQ takes us in")
    }

    /// A destination of this case alone; also of this run, since queues outlive it.
    pub(crate) fn destination(&self, kind: &str, name: &str) -> String {
        let case = self.case.replace("::", "-");
        format!("/{kind}/{case}-{:?}-{name}-{}", self.way, process::id())
    }

    /// Runs `rabbitmqctl`.
    pub(crate) async fn control(&self, arguments: &[&str]) {
        let output = Command::new(&self.rabbit.ctl).args(arguments).output();
        let output = soon(output).await.expect("rabbitmqctl can be run");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// Sees that exactly these messages are left in a queue, in this order, each delivered before.
    pub(crate) async fn expect_left(&self, queue: &str, bodies: &[&str]) {
        let session = self.session().await;
        let mut subscription = session.subscribe(queue).await.expect("the queue is there");
        for body in bodies {
            let message = next(&mut subscription).await;
            assert_eq!(message.text(), Some(*body));
            assert!(message.is_redelivered(), "{message:?}");
        }
        send(&session, queue, "the end").await;
        assert_eq!(next(&mut subscription).await.text(), Some("the end"));
        soon(session.disconnect()).await.expect("it is confirmed");
    }
}

/// The next message of a subscription.
#[track_caller]
pub(crate) fn next(subscription: &mut Subscription) -> impl Future<Output = Message> {
    let received = soon(subscription.receive());
    async { received.await.expect("no loss").expect("no end") }
}

/// Sends a message, and waits until the server has taken it.
pub(crate) async fn send(session: &Session, destination: &str, body: &str) {
    let receipt = session.send_with_receipt(Outgoing::new(destination, body.to_owned()));
    let receipt = receipt.await.expect("it can be sent");
    soon(receipt).await.expect("it is taken");
}
