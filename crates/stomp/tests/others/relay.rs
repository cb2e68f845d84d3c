//! A way to a server that a case can cut.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Carries octets both ways, for as many connections as come.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    cuts: watch::Sender<()>,
}

impl Relay {
    /// A relay to a host and port.
    pub(crate) async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let cuts = watch::Sender::new(());
        let (to, subscriber) = (to.to_owned(), cuts.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let cut = subscriber.subscribe();
                tokio::spawn(carry(stream, to.clone(), cut));
            }
        });
        Self { address, cuts }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Ends all connections that stand, with what is under way in them.
    pub(crate) fn cut(&self) {
        self.cuts.send_replace(());
    }
}

async fn carry(mut stream: TcpStream, to: String, mut cut: watch::Receiver<()>) {
    // Who connected learns by the end that it cannot be reached.
    if let Ok(mut other) = TcpStream::connect(to).await {
        tokio::select! {
            _ = copy_bidirectional(&mut stream, &mut other) => {}
            _ = cut.changed() => {}
        }
    }
}
