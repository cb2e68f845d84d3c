//! The configuration file, in TOML: what may stand in it, and what it means for a server.
//!
//! A key that is not known, or a value that does not fit, is told with the file, the line and the key. What flags and
//! variables say beside it is in `command::serve`.

mod destinations;
mod durability;
mod history;
mod limits;
mod problem;
mod units;
mod users;

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use gumboot_broker::{Config, OriginPolicy};
use gumboot_websocket::proto;
use serde::Deserialize;
use tracing_subscriber::filter::LevelFilter;

pub(crate) use self::users::{Secret, WrittenUsers};
use self::{
    destinations::{Destinations, Policy, Queue, resolve_queues},
    durability::resolve_durabilities,
    history::{History, resolve_histories},
    limits::{HeartBeat, Limits},
    problem::Problems,
    units::{bytes_or_off, from_text},
    users::{Role, User},
};

/// The bytes of a configuration file at most.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A configuration file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    #[serde(deserialize_with = "from_text")]
    listen: Option<SocketAddr>,
    #[serde(deserialize_with = "from_text")]
    stomp_listen: Option<StompListen>,
    #[serde(deserialize_with = "from_text")]
    stomps_listen: Option<StompListen>,
    allow_origin: Option<Vec<Origin>>,
    allow_anonymous: Option<bool>,
    compress: Option<bool>,
    hide_server: Option<bool>,
    #[serde(deserialize_with = "from_text")]
    log: Option<LevelFilter>,
    data: Option<PathBuf>,
    #[serde(deserialize_with = "bytes_or_off")]
    free_space_min: Option<u64>,
    tls: Option<TlsFiles>,
    heart_beat: HeartBeat,
    limits: Limits,
    destinations: Destinations,
    queues: Vec<Queue>,
    topics: Policy,
    durability: Vec<durability::Written>,
    history: Vec<History>,
    roles: Vec<Role>,
    users: Vec<User>,
}

/// The files of `[tls]`; a relative path begins at the folder of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TlsFiles {
    /// The certificate and those that signed it, in PEM.
    pub(crate) cert: PathBuf,
    /// Its private key, in PEM.
    pub(crate) key: PathBuf,
}

/// An address, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StompListen(pub(crate) Option<SocketAddr>);

/// Neither an address nor `off`.
#[derive(Debug)]
pub(crate) struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an address, such as 127.0.0.1:61613, nor `off`")
    }
}

impl std::error::Error for InvalidAddress {}

impl FromStr for StompListen {
    type Err = InvalidAddress;

    fn from_str(typed: &str) -> Result<Self, InvalidAddress> {
        match typed {
            "off" => Ok(Self(None)),
            address => address
                .parse()
                .map(|address| Self(Some(address)))
                .map_err(|_| InvalidAddress),
        }
    }
}

/// An origin that may be allowed.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Origin(String);

impl TryFrom<String> for Origin {
    type Error = gumboot_broker::InvalidOrigin;

    fn try_from(origin: String) -> Result<Self, Self::Error> {
        OriginPolicy::same_origin().allow(&origin)?;
        Ok(Self(origin))
    }
}

/// What a configuration file says, or what holds without one.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) stomp_listen: Option<StompListen>,
    pub(crate) stomps_listen: Option<StompListen>,
    pub(crate) allow_origin: Option<Vec<String>>,
    pub(crate) allow_anonymous: Option<bool>,
    pub(crate) compress: Option<bool>,
    pub(crate) hide_server: Option<bool>,
    pub(crate) log: Option<LevelFilter>,
    pub(crate) tls: Option<TlsFiles>,
    /// Where messages are kept.
    pub(crate) data: Option<PathBuf>,
    /// The bytes that stay free on its disk; 0 if that is not looked at.
    pub(crate) free_space_min: Option<u64>,
    /// All of which only the file speaks: limits, heart-beats, destinations and queues.
    pub(crate) config: Config,
    /// What a WebSocket may send; `compress` is not looked at.
    pub(crate) websocket: Option<proto::Config>,
    pub(crate) users: WrittenUsers,
    /// Where the keys stand that are not in a table, and the tables.
    places: BTreeMap<String, String>,
}

impl Read {
    /// Where a key stands, as `FILE:LINE: KEY`; the key, if it does not.
    pub(crate) fn place(&self, key: &str) -> String {
        self.places.get(key).map_or(key, String::as_str).to_owned()
    }
}

/// Reads a configuration file.
///
/// # Errors
/// What is wrong with it: a line for each problem.
pub(crate) fn read(path: &Path) -> Result<Read, Vec<String>> {
    let cannot =
        |reason: &dyn fmt::Display| vec![format!("cannot read {}: {reason}", path.display())];
    let length = fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if length > FILE_BYTES_MAX {
        return Err(cannot(&format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| cannot(&error))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    parse(&path.display().to_string(), &text, folder)
}

/// Reads the text of a configuration file of this name, in this folder.
fn parse(name: &str, text: &str, folder: &Path) -> Result<Read, Vec<String>> {
    let mut problems = Problems::new(name, text);
    let Some(file) = problems.parse::<File>() else {
        return Err(problems.into_lines());
    };
    let read = file.resolve(folder, &mut problems);
    let lines = problems.into_lines();
    if lines.is_empty() {
        Ok(read)
    } else {
        Err(lines)
    }
}

impl File {
    fn resolve(self, folder: &Path, problems: &mut Problems<'_>) -> Read {
        let mut config = Config::default();
        let mut websocket = proto::Config::server();
        self.limits.apply(&mut config, &mut websocket);
        self.heart_beat.apply(&mut config.heart_beat);
        config.reply_to_subscribes = self.destinations.reply_to_subscribes;
        config.kinds = self.destinations.kinds(problems);
        let kinds = &config.kinds;
        config.broker.queues = resolve_queues(self.queues, kinds, problems);
        config.durability.patterns = resolve_durabilities(self.durability, kinds, problems);
        config.broker.histories = resolve_histories(self.history, kinds, problems);
        config.broker.topic = self.topics.resolve(kinds, problems).into();
        let users = WrittenUsers::resolve(self.users, self.roles, kinds, problems);
        let origins = |origins: Vec<Origin>| origins.into_iter().map(|origin| origin.0).collect();
        Read {
            listen: self.listen,
            stomp_listen: self.stomp_listen,
            stomps_listen: self.stomps_listen,
            allow_origin: self.allow_origin.map(origins),
            allow_anonymous: self.allow_anonymous,
            compress: self.compress,
            hide_server: self.hide_server,
            log: self.log,
            tls: self.tls.map(|tls| TlsFiles {
                cert: folder.join(tls.cert),
                key: folder.join(tls.key),
            }),
            data: self.data.map(|data| folder.join(data)),
            free_space_min: self.free_space_min,
            config,
            websocket: Some(websocket),
            users,
            places: problems.places(),
        }
    }
}

/// What a file of this text says, by the name of `g.toml`.
#[cfg(test)]
pub(crate) fn of_text(text: &str) -> Read {
    parse("g.toml", text, Path::new("/etc/gumboot")).unwrap()
}

#[cfg(test)]
mod tests;
