//! A server for a test, on ports of its own, and clients of it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use gumboot_broker::{Addresses, Config, Server};
use gumboot_testkit::{Over, StompPeer, WAIT_MAX, WebSocketPeer};
use tokio::{runtime::Builder, sync::oneshot};

/// A server that runs until it is told to stop, at the latest when the test ends.
pub(crate) struct TestServer {
    addresses: Addresses,
    stop: Option<oneshot::Sender<()>>,
    /// Told when `run` has returned.
    returned: mpsc::Receiver<Instant>,
}

/// The default configuration, on free ports.
pub(crate) fn config() -> Config {
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Config {
        listen: free_port,
        stomp_listen: Some(free_port),
        ..Config::default()
    }
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell_addresses, addresses) = mpsc::channel();
        let (tell_return, returned) = mpsc::channel();
        thread::spawn(move || {
            let mut builder = Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(config).await.unwrap();
                tell_addresses.send(server.addresses()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
            // The test may have ended already.
            let _ = tell_return.send(Instant::now());
            runtime.shutdown_background();
        });
        Self {
            addresses: addresses.recv_timeout(WAIT_MAX).unwrap(),
            stop: Some(stop),
            returned,
        }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.addresses.http
    }

    pub(crate) fn stomp(&self) -> SocketAddr {
        self.addresses.stomp.unwrap()
    }

    pub(crate) fn stomps(&self) -> Option<SocketAddr> {
        self.addresses.stomps
    }

    /// A client that has not logged in.
    #[track_caller]
    pub(crate) fn open(&self, over: Over) -> StompPeer {
        StompPeer::open(over, self.http(), self.stomp())
    }

    /// A client that speaks `version`.
    #[track_caller]
    pub(crate) fn client(&self, over: Over, version: &str) -> StompPeer {
        let mut client = self.open(over);
        let connected = client.connect(&format!("accept-version:{version}\nhost:h\n"));
        assert_eq!(connected.header("version"), Some(version));
        client
    }

    #[track_caller]
    pub(crate) fn echo(&self) -> WebSocketPeer {
        WebSocketPeer::open(self.http(), "/echo", "")
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until `run` has returned; gives how long that was after `since`.
    pub(crate) fn returned_after(&self, since: Instant) -> Duration {
        self.returned.recv_timeout(WAIT_MAX).unwrap() - since
    }
}

/// Runs a check over each way to carry STOMP; what is printed tells which one failed.
#[track_caller]
pub(crate) fn over_each(mut check: impl FnMut(Over)) {
    for over in Over::ALL {
        eprintln!("{over:?}");
        check(over);
    }
}

/// Header lines as [`StompFrame`](gumboot_testkit::StompFrame) has them.
pub(crate) fn headers(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    lines.iter().map(owned).collect()
}
