//! What a server is set up with, from all that says it: a flag goes before a variable, a variable before the
//! configuration file, and that before what holds without one.

use std::{
    env,
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use gumboot_broker::{Config, OriginPolicy, ServerTls};
use tracing_subscriber::filter::LevelFilter;

use super::{
    Args,
    data::{Data, FREE_SPACE_MIN},
};
use crate::config::{self, Read, Secret, StompListen, TlsFiles};

/// What a server is set up with.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) log: LevelFilter,
    /// Where the certificate was read.
    pub(crate) tls_files: Option<TlsFiles>,
    /// Where messages are kept, if they are.
    pub(crate) data: Option<Data>,
}

/// A variable of the environment, by its name.
type Variable<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// Reads one of this process.
pub(crate) fn of_process(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

impl Args {
    /// What was typed, as a server means it.
    ///
    /// # Errors
    /// What is wrong, a line for each problem.
    pub(crate) fn resolve(self, variable: Variable<'_>) -> Result<Resolved, Vec<String>> {
        let typed = self
            .with_variables(variable)
            .map_err(|problem| vec![problem])?;
        let file = match &typed.config {
            Some(path) => config::read(path)?,
            None => Read::default(),
        };
        typed.over(file).map_err(|problem| vec![problem])
    }

    /// These flags, and variables in place of those that were not typed.
    fn with_variables(mut self, variable: Variable<'_>) -> Result<Self, String> {
        let mut variables = Variables {
            variable,
            taken: Vec::new(),
        };
        variables.path(&mut self.config, "GUMBOOT_CONFIG");
        variables.path(&mut self.data, "GUMBOOT_DATA");
        variables.fill(&mut self.listen, "GUMBOOT_LISTEN")?;
        variables.fill(&mut self.stomp_listen, "GUMBOOT_STOMP_LISTEN")?;
        variables.fill(&mut self.stomps_listen, "GUMBOOT_STOMPS_LISTEN")?;
        variables.fill(&mut self.log, "GUMBOOT_LOG")?;
        if self.allow_origin.is_empty() {
            let mut origins = None::<String>;
            variables.fill(&mut origins, "GUMBOOT_ALLOW_ORIGIN")?;
            let origins = origins.unwrap_or_default();
            let origins = origins.split(',').map(str::trim).filter(|o| !o.is_empty());
            self.allow_origin = origins.map(str::to_owned).collect();
            check_origins(&self.allow_origin, "GUMBOOT_ALLOW_ORIGIN")?;
        }
        if self.tls.files().is_none() {
            let (mut cert, mut key) = (None, None);
            variables.path(&mut cert, "GUMBOOT_TLS_CERT");
            variables.path(&mut key, "GUMBOOT_TLS_KEY");
            if cert.is_some() != key.is_some() {
                return Err("GUMBOOT_TLS_CERT and GUMBOOT_TLS_KEY are set together".to_owned());
            }
            self.tls.set(cert, key);
        }
        self.compress = self.no_compress.then_some(false);
        variables.fill(&mut self.compress, "GUMBOOT_COMPRESS")?;
        self.hidden = self.hide_server.then_some(true);
        variables.fill(&mut self.hidden, "GUMBOOT_HIDE_SERVER")?;
        self.anonymous = self.allow_anonymous.then_some(true);
        variables.fill(&mut self.anonymous, "GUMBOOT_ALLOW_ANONYMOUS")?;
        if self.user.is_empty() {
            let mut user = None::<Secret>;
            variables.fill(&mut user, "GUMBOOT_SERVER_USER")?;
            self.user.extend(user);
        }
        self.variables = variables.taken;
        Ok(self)
    }

    /// Who is to be told of something that was typed, or was taken from this variable in place of it.
    fn whence(&self, flag: &'static str, variable: &'static str) -> &'static str {
        match self.variables.contains(&variable) {
            true => variable,
            false => flag,
        }
    }

    /// The same of what the file may say instead.
    fn whence_of<T>(
        &self,
        slot: Option<&T>,
        [flag, variable]: [&'static str; 2],
        file: &Read,
    ) -> String {
        match slot {
            Some(_) => self.whence(flag, variable).to_owned(),
            None => file.place(flag.trim_start_matches("--")),
        }
    }

    /// These flags over what a file says.
    fn over(self, file: Read) -> Result<Resolved, String> {
        let whence = Whence {
            listen: self.whence_of(self.listen.as_ref(), LISTEN, &file),
            stomp_listen: self.whence_of(self.stomp_listen.as_ref(), STOMP_LISTEN, &file),
            stomps_listen: self.whence_of(self.stomps_listen.as_ref(), STOMPS_LISTEN, &file),
            anonymous: self.whence_of(self.anonymous.as_ref(), ALLOW_ANONYMOUS, &file),
        };
        let whence_user = self.whence("--user", "GUMBOOT_SERVER_USER");
        let whence_tls = match self.tls.files() {
            Some(_) => String::new(),
            None => file.place("tls") + ": ",
        };
        let mut config = file.config;
        config.listen = self.listen.or(file.listen).unwrap_or(config.listen);
        let stomp_listen = self.stomp_listen.or(file.stomp_listen);
        config.stomp_listen = stomp_listen.map_or(config.stomp_listen, |StompListen(at)| at);
        let stomps_listen = self.stomps_listen.or(file.stomps_listen);
        config.stomps_listen = stomps_listen.and_then(|StompListen(at)| at);
        config.hide_server = self.hidden.or(file.hide_server).unwrap_or(false);
        let mut websocket = file
            .websocket
            .unwrap_or_else(gumboot_websocket::proto::Config::server);
        if !self.compress.or(file.compress).unwrap_or(true) {
            websocket.deflate = None;
        }
        config.websocket = Arc::new(websocket);
        let tls_files = self.tls.files().or(file.tls);
        let tls = tls_files.as_ref().map(read_tls).transpose();
        config.tls = tls.map_err(|error| whence_tls + &error)?;
        if config.stomps_listen.is_some() && config.tls.is_none() {
            let whence = whence.stomps_listen;
            return Err(format!(
                "{whence}: it needs a certificate: --tls-cert and --tls-key, or [tls]"
            ));
        }
        let origins = if self.allow_origin.is_empty() {
            file.allow_origin.unwrap_or_default()
        } else {
            self.allow_origin
        };
        config.origins = origin_policy(&config, &origins)?;
        let users = file.users.with(&self.user);
        config.users = users
            .map_err(|error| format!("{whence_user}: {error}"))?
            .map(Arc::new);
        let anonymous = self.anonymous.or(file.allow_anonymous).unwrap_or_default();
        check_open(&config, anonymous, &whence)?;
        let data = self.data.or(file.data).map(|directory| Data {
            directory,
            free_space_min: file.free_space_min.unwrap_or(FREE_SPACE_MIN),
        });
        Ok(Resolved {
            config,
            log: self.log.or(file.log).unwrap_or(LevelFilter::INFO),
            tls_files,
            data,
        })
    }
}

/// Flags, which are keys of the file too, and their variables.
const LISTEN: [&str; 2] = ["--listen", "GUMBOOT_LISTEN"];
const STOMP_LISTEN: [&str; 2] = ["--stomp-listen", "GUMBOOT_STOMP_LISTEN"];
const STOMPS_LISTEN: [&str; 2] = ["--stomps-listen", "GUMBOOT_STOMPS_LISTEN"];
const ALLOW_ANONYMOUS: [&str; 2] = ["--allow-anonymous", "GUMBOOT_ALLOW_ANONYMOUS"];

/// What has said each of these: a flag, a variable, or a line of the file.
struct Whence {
    listen: String,
    stomp_listen: String,
    stomps_listen: String,
    anonymous: String,
}

/// The environment, and what was taken from it.
struct Variables<'v> {
    variable: Variable<'v>,
    taken: Vec<&'static str>,
}

impl Variables<'_> {
    /// Takes what a variable says, if nothing has been said.
    fn fill<T: FromStr<Err: fmt::Display>>(
        &mut self,
        slot: &mut Option<T>,
        name: &'static str,
    ) -> Result<(), String> {
        if slot.is_none()
            && let Some(value) = (self.variable)(name)
        {
            // What it says instead may be a password.
            let text = value
                .into_string()
                .map_err(|_| format!("{name}: not UTF-8"))?;
            let parsed = text.parse();
            let parsed =
                parsed.map_err(|error| format!("{name}: invalid value '{text}': {error}"))?;
            *slot = Some(parsed);
            self.taken.push(name);
        }
        Ok(())
    }

    /// The same for a path, which may be of any bytes.
    fn path(&mut self, slot: &mut Option<PathBuf>, name: &'static str) {
        if slot.is_none()
            && let Some(value) = (self.variable)(name)
        {
            *slot = Some(value.into());
            self.taken.push(name);
        }
    }
}

fn check_origins(origins: &[String], whence: &str) -> Result<(), String> {
    origins.iter().try_for_each(|origin| {
        let allowed = OriginPolicy::same_origin().allow(origin).map(drop);
        allowed.map_err(|error| format!("{whence}: {error}"))
    })
}

fn origin_policy(config: &Config, allowed: &[String]) -> Result<OriginPolicy, String> {
    let mut origins = OriginPolicy::same_origin();
    if config.listen.ip().is_loopback() {
        origins = origins.loopback_only();
    }
    for origin in allowed {
        let allowed = origins.allow(origin);
        origins = allowed.map_err(|error| format!("--allow-origin: {error}"))?;
    }
    Ok(if config.tls.is_some() {
        origins.https_only()
    } else {
        origins
    })
}

fn read_tls(files: &TlsFiles) -> Result<ServerTls, String> {
    let (cert, key): (&Path, &Path) = (&files.cert, &files.key);
    ServerTls::from_pem_files(cert, key).map_err(|error| error.to_string())
}

/// Whether it is meant who may log in: beyond this machine nobody is anonymous by mistake.
fn check_open(config: &Config, anonymous: bool, whence: &Whence) -> Result<(), String> {
    if config.users.is_some() {
        return if anonymous {
            let whence = &whence.anonymous;
            Err(format!(
                "{whence}: there are users, so nobody is anonymous: leave out either these or this"
            ))
        } else {
            Ok(())
        };
    }
    let listening: [(Option<SocketAddr>, &str); 3] = [
        (Some(config.listen), &whence.listen),
        (config.stomp_listen, &whence.stomp_listen),
        (config.stomps_listen, &whence.stomps_listen),
    ];
    let mut listening = listening
        .into_iter()
        .filter_map(|(address, whence)| Some((address?, whence)));
    match listening.find(|(address, _)| !address.ip().is_loopback()) {
        Some((address, whence)) if !anonymous => Err(format!(
            "{whence}: {address} can be reached from other machines and there are no users: name them by --user or \
             [[users]], or say --allow-anonymous"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
