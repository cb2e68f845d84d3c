//! Servers that others wrote: where they are, how they differ, and what the cases do with them.

use std::{env, process, time::Duration};

use gumboot_stomp::{Backoff, Client, Message, Outgoing, Session, Subscription};
use tokio::{process::Command, time::timeout};
use url::Url;

/// What never happens takes no longer than this to fail.
const SOON: Duration = Duration::from_secs(30);

/// The user that RabbitMQ has from the start, for loopback only. Others have it as well.
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

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ActiveMq,
    RabbitMq,
}

/// A server, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    pub(crate) kind: Kind,
    /// The URL of STOMP over TCP, without a user.
    stomp: String,
    /// The URL of STOMP over WebSocket, if it has that.
    web: Option<String>,
    /// A program that stops and starts it: `rabbitmqctl`.
    ctl: Option<String>,
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
    other: Other,
    way: Way,
    case: &'static str,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::ActiveMq, Self::RabbitMq];

    /// The name, as the server says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ActiveMq => "ActiveMQ",
            Self::RabbitMq => "RabbitMQ",
        }
    }

    /// The variable that names its STOMP over TCP.
    pub(crate) fn variable(self) -> String {
        self.other_variable("STOMP")
    }

    fn other_variable(self, what: &str) -> String {
        format!("GUMBOOT_{}_{what}", self.name().to_uppercase())
    }

    /// The header that bounds what is under way.
    pub(crate) fn prefetch_header(self) -> &'static str {
        match self {
            Self::ActiveMq => "activemq.prefetchSize",
            Self::RabbitMq => "prefetch-count",
        }
    }

    /// The one that the environment names.
    pub(crate) fn named(self) -> Option<Other> {
        let named = |what| env::var(self.other_variable(what)).ok();
        Some(Other {
            kind: self,
            stomp: named("STOMP")?,
            web: named("WEB"),
            ctl: named("CTL"),
        })
    }
}

impl Other {
    /// What STOMP goes over.
    pub(crate) fn ways(&self) -> &'static [Way] {
        match self.web {
            Some(_) => &[Way::Stream, Way::WebSocket],
            None => &[Way::Stream],
        }
    }

    /// Whether a case can stop it.
    pub(crate) fn can_be_stopped(&self) -> bool {
        self.ctl.is_some()
    }
}

impl At {
    pub(crate) fn new(other: &Other, case: &'static str, way: Way) -> Self {
        Self {
            other: other.clone(),
            way,
            case,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.other.kind
    }

    /// The host and port of STOMP over TCP.
    pub(crate) fn stream_address(&self) -> &str {
        let url = &self.other.stomp;
        url.strip_prefix("stomp://").expect("it is a URL of stomp:")
    }

    /// The host and port, of the way that is taken.
    pub(crate) fn address(&self) -> String {
        let url = Url::parse(self.url()).expect("it is a URL");
        let port = url.port().expect("the URL names a port");
        format!("{}:{port}", url.host_str().expect("the URL names a host"))
    }

    fn url(&self) -> &str {
        let url = match self.way {
            Way::Stream => Some(&self.other.stomp),
            Way::WebSocket => self.other.web.as_ref(),
        };
        url.expect("it has that way")
    }

    /// A client that nobody has told who it is.
    pub(crate) fn stranger(&self) -> Client {
        client(self.url())
    }

    pub(crate) fn client(&self) -> Client {
        self.stranger().login(USER, USER)
    }

    /// A client whose connections go to another address.
    pub(crate) fn client_by(&self, address: &str) -> Client {
        client(&self.url().replace(&self.address(), address)).login(USER, USER)
    }

    pub(crate) async fn session(&self) -> Session {
        let session = soon(self.client().connect()).await;
        session.expect("it takes us in")
    }

    /// A destination of this case alone; also of this run, since queues outlive it.
    pub(crate) fn destination(&self, kind: &str, name: &str) -> String {
        let case = self.case.replace("::", "-");
        format!("/{kind}/{case}-{:?}-{name}-{}", self.way, process::id())
    }

    /// Runs `rabbitmqctl`.
    pub(crate) async fn control(&self, arguments: &[&str]) {
        let ctl = self.other.ctl.as_ref().expect("it can be stopped");
        let output = Command::new(ctl).args(arguments).output();
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

fn client(url: &str) -> Client {
    // Tests need not wait long.
    let soon = Backoff::new()
        .first_max(Duration::from_millis(100))
        .wait_max(Duration::from_secs(1));
    let client = Client::new(url).expect("the URL is one of STOMP");
    client.reconnect(soon)
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
