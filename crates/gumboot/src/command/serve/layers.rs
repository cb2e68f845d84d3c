//! What a server is set up with, from all that says it: a flag goes before a variable, a variable before the
//! configuration file, and that before what holds without one.

use std::{env, fmt, path::PathBuf, str::FromStr, sync::Arc};

use gumboot_broker::{Config, OriginPolicy, ServerTls, Users};
use tracing_subscriber::filter::LevelFilter;

use super::Args;
use crate::config::{self, Read, Secret, StompListen, TlsFiles};

/// What a server is set up with.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) log: LevelFilter,
}

/// A variable of the environment, by its name.
type Variable<'v> = &'v dyn Fn(&str) -> Option<String>;

/// Reads one of this process.
pub(crate) fn of_process(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
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
        fill(&mut self.config, "GUMBOOT_CONFIG", variable)?;
        fill(&mut self.listen, "GUMBOOT_LISTEN", variable)?;
        fill(&mut self.stomp_listen, "GUMBOOT_STOMP_LISTEN", variable)?;
        fill(&mut self.stomps_listen, "GUMBOOT_STOMPS_LISTEN", variable)?;
        fill(&mut self.log, "GUMBOOT_LOG", variable)?;
        if self.allow_origin.is_empty() {
            let mut origins = None::<String>;
            fill(&mut origins, "GUMBOOT_ALLOW_ORIGIN", variable)?;
            let origins = origins.unwrap_or_default();
            let origins = origins.split(',').map(str::trim).filter(|o| !o.is_empty());
            self.allow_origin = origins.map(str::to_owned).collect();
            check_origins(&self.allow_origin, "GUMBOOT_ALLOW_ORIGIN")?;
        }
        if self.tls.files().is_none() {
            let (mut cert, mut key) = (None::<PathBuf>, None::<PathBuf>);
            fill(&mut cert, "GUMBOOT_TLS_CERT", variable)?;
            fill(&mut key, "GUMBOOT_TLS_KEY", variable)?;
            if cert.is_some() != key.is_some() {
                return Err("GUMBOOT_TLS_CERT and GUMBOOT_TLS_KEY are set together".to_owned());
            }
            self.tls.set(cert, key);
        }
        let mut compress = None::<bool>;
        fill(&mut compress, "GUMBOOT_COMPRESS", variable)?;
        self.compress = if self.no_compress {
            Some(false)
        } else {
            compress
        };
        let mut anonymous = self.allow_anonymous.then_some(true);
        fill(&mut anonymous, "GUMBOOT_ALLOW_ANONYMOUS", variable)?;
        self.anonymous = anonymous;
        if self.user.is_empty() {
            let mut user = None::<Secret>;
            fill(&mut user, "GUMBOOT_SERVER_USER", variable)?;
            self.user.extend(user);
        }
        Ok(self)
    }

    /// These flags over what a file says.
    fn over(self, file: Read) -> Result<Resolved, String> {
        let mut config = file.config;
        config.listen = self.listen.or(file.listen).unwrap_or(config.listen);
        let stomp_listen = self.stomp_listen.or(file.stomp_listen);
        config.stomp_listen = stomp_listen.map_or(config.stomp_listen, |StompListen(at)| at);
        let stomps_listen = self.stomps_listen.or(file.stomps_listen);
        config.stomps_listen = stomps_listen.and_then(|StompListen(at)| at);
        let mut websocket = file
            .websocket
            .unwrap_or_else(gumboot_websocket::proto::Config::server);
        if !self.compress.or(file.compress).unwrap_or(true) {
            websocket.deflate = None;
        }
        config.websocket = Arc::new(websocket);
        let files = self.tls.files().or(file.tls);
        config.tls = files.map(read_tls).transpose()?;
        if config.stomps_listen.is_some() && config.tls.is_none() {
            return Err("--stomps-listen needs --tls-cert and --tls-key".to_owned());
        }
        let origins = if self.allow_origin.is_empty() {
            file.allow_origin.unwrap_or_default()
        } else {
            self.allow_origin
        };
        config.origins = origin_policy(&config, &origins)?;
        let users = file.users.with(&self.user);
        config.users = users
            .map_err(|error| format!("--user: {error}"))?
            .map(Arc::new);
        let anonymous = self.anonymous.or(file.allow_anonymous).unwrap_or_default();
        check_open(&config, anonymous)?;
        Ok(Resolved {
            config,
            log: self.log.or(file.log).unwrap_or(LevelFilter::INFO),
        })
    }
}

/// The users that there are now, for a server that runs; none if there are none any more.
pub(super) fn users_of(resolved: Resolved) -> Option<Users> {
    resolved.config.users.and_then(Arc::into_inner)
}

/// Takes what a variable says, if nothing has been said.
fn fill<T: FromStr<Err: fmt::Display>>(
    slot: &mut Option<T>,
    name: &str,
    variable: Variable<'_>,
) -> Result<(), String> {
    if slot.is_none()
        && let Some(text) = variable(name)
    {
        let parsed = text.parse();
        *slot = Some(parsed.map_err(|error| format!("{name}: invalid value '{text}': {error}"))?);
    }
    Ok(())
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

fn read_tls(files: TlsFiles) -> Result<ServerTls, String> {
    ServerTls::from_pem_files(files.cert, files.key).map_err(|error| error.to_string())
}

/// Whether it is meant who may log in: beyond this machine nobody is anonymous by mistake.
fn check_open(config: &Config, anonymous: bool) -> Result<(), String> {
    if config.users.is_some() {
        return if anonymous {
            Err("there are users, so nobody is anonymous: leave out either these or --allow-anonymous".to_owned())
        } else {
            Ok(())
        };
    }
    let mut listening = [
        Some(config.listen),
        config.stomp_listen,
        config.stomps_listen,
    ]
    .into_iter()
    .flatten();
    match listening.find(|address| !address.ip().is_loopback()) {
        Some(address) if !anonymous => Err(format!(
            "{address} can be reached from other machines and there are no users: name them by --user or [[users]], \
             or say --allow-anonymous"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
