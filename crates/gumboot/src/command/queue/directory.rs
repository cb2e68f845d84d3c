//! The directory of a server that does not run: served by this process for as long as the task takes, on a port of loopback,
//! to one user whom nobody else knows.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
};

use gumboot_broker::{Config, Endpoints, Server, StartError};
use gumboot_stomp::Client;
use gumboot_websocket::Proxy;
use tokio::sync::oneshot;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    command::{
        EXIT_USAGE, log,
        serve::{Data, FREE_SPACE_MIN},
        stomp::{Failure, Wanted},
    },
    config::{self, Read, Secret, WrittenUsers},
};

/// The one user.
const USER: &str = "gumboot-queue";

/// A directory to be served.
pub(super) struct Directory {
    data: Data,
    config: Config,
    wanted: Wanted,
    password: String,
}

impl Directory {
    /// A directory, with the configuration of its server; nothing of that is opened to others.
    ///
    /// # Errors
    /// There are no messages in it, or the file is wrong.
    pub(super) fn new(
        directory: PathBuf,
        file: Option<PathBuf>,
        wanted: Wanted,
    ) -> Result<Self, String> {
        let read = file.map_or_else(|| Ok(Read::default()), |file| config::read(&file));
        let read = read.map_err(|problems| problems.join("; "))?;
        let mut config = read.config;
        if let Some(websocket) = read.websocket {
            config.websocket = Arc::new(websocket);
        }
        let data = Data {
            directory,
            free_space_min: read.free_space_min.unwrap_or(FREE_SPACE_MIN),
        };
        if !data.is_there() {
            let directory = data.directory.display();
            return Err(format!("no server has kept messages in {directory}"));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| format!("no random bytes: {error}"))?;
        let password = format!("{:032x}", u128::from_be_bytes(random));
        Ok(Self {
            config: private(config, &password)?,
            data,
            wanted,
            password,
        })
    }

    /// Serves it while `work` is done, and ends that in order.
    pub(super) async fn serve(
        mut self,
        work: impl AsyncFnOnce(&Wanted) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        log(LevelFilter::WARN);
        let directory = self.data.directory.display().to_string();
        let opened = self.data.open(&mut self.config).await;
        opened.map_err(|error| match error.status {
            _ if error.is_locked => Failure::Usage(format!(
                "another process has {directory} open; if that is a server, name it with --url"
            )),
            EXIT_USAGE => Failure::Usage(error.text),
            _ => Failure::Other(error.text),
        })?;
        let bound = Server::bind(self.config).await;
        let server = bound.map_err(|error: StartError| Failure::Other(error.to_string()))?;
        let url = format!("ws://{}/ws", server.addresses().http);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.run(async { drop(stopped.await) }));
        let client = Client::new(&url).map_err(|error| Failure::Other(error.to_string()))?;
        let direct = gumboot_websocket::Client::new().proxy(Proxy::none());
        let wanted = Wanted {
            client: client
                .login(USER, self.password)
                .transport(direct)
                .receipt_wait_max(self.wanted.wait_max)
                .no_reconnect(),
            wait_max: self.wanted.wait_max,
        };
        let done = work(&wanted).await;
        drop(stop);
        let ended = serving.await;
        done.and(ended.map_err(|error| Failure::Other(error.to_string())))
    }
}

/// The same for nobody but us.
fn private(config: Config, password: &str) -> Result<Config, String> {
    let Ok(user) = Secret::from_str(&format!("{USER}:{password}"));
    let users = WrittenUsers::default().with(&[user])?;
    Ok(Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        stomp_listen: None,
        stomps_listen: None,
        tls: None,
        endpoints: Endpoints::Stomp,
        users: users.map(Arc::new),
        // Its messages are those of others.
        foreign_user_ids: true,
        // Without the configuration of the server, nobody knows which these are.
        drops_histories: false,
        hide_server: false,
        origins: Config::default().origins,
        ..config
    })
}
