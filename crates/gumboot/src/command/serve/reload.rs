//! What SIGHUP does to a server: its users and its certificate are read again, both or neither. The rest of what may
//! have changed needs a restart.

use std::sync::Arc;

use gumboot_broker::{Kinds, ServerTls, Users};
use tracing::{info, warn};

use super::{
    Args,
    layers::{Resolved, of_process},
};
use crate::{command::Reload, config::TlsFiles};

/// What a server that runs was started with, as far as it is read again or the users depend on it.
#[derive(Debug)]
struct Running {
    users: Option<Arc<Users>>,
    tls: Option<ServerTls>,
    tls_files: Option<TlsFiles>,
    kinds: Kinds,
}

/// Reads again what was typed, and what that names.
pub(super) fn of(args: Args, resolved: &Resolved) -> Reload {
    let running = Running::of(resolved);
    Arc::new(move || {
        let now = args.clone().resolve(&of_process);
        let taken = now.map_err(|problems| problems.join("; "));
        match taken.and_then(|now| running.take(now)) {
            Ok(()) => info!("users and certificate are now as they were read again"),
            Err(why) => warn!("users and certificate stay as they were: {why}"),
        }
    })
}

impl Running {
    fn of(resolved: &Resolved) -> Self {
        Self {
            users: resolved.config.users.clone(),
            tls: resolved.config.tls.clone(),
            tls_files: resolved.tls_files.clone(),
            kinds: resolved.config.kinds.clone(),
        }
    }

    /// Goes on with the users and the certificate that there are now.
    ///
    /// # Errors
    /// Why nothing has changed.
    fn take(&self, now: Resolved) -> Result<(), String> {
        if now.config.kinds != self.kinds {
            return Err("[destinations] has changed: start again".to_owned());
        }
        if now.tls_files != self.tls_files {
            return Err("certificate and key are other files now: start again".to_owned());
        }
        let users = match (&self.users, now.config.users.and_then(Arc::into_inner)) {
            (None, None) => None,
            (Some(users), Some(now)) => Some((users, now)),
            (Some(_), None) => {
                return Err("there are no users any more: to have none, start again".to_owned());
            }
            (None, Some(_)) => {
                return Err(
                    "there are users now: start again; until then everyone may do everything"
                        .to_owned(),
                );
            }
        };
        if let Some(tls) = &self.tls {
            tls.reload().map_err(|error| error.to_string())?;
        }
        // From here on nothing can fail.
        if let Some((users, now)) = users {
            users.replace(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(user: Option<&str>) -> Resolved {
        let user = user.map(|user| user.parse().unwrap());
        let args = Args {
            user: user.into_iter().collect(),
            ..Args::default()
        };
        args.resolve(&|_| None).unwrap()
    }

    #[test]
    fn what_needs_a_restart_changes_nothing() {
        let running = Running::of(&resolved(Some("ann:old")));
        let other_kinds = {
            let mut now = resolved(Some("ann:new"));
            now.config.kinds = Kinds::new([("/q/", gumboot_broker::Kind::Queue)], None);
            now
        };
        let other_files = Resolved {
            tls_files: Some(TlsFiles {
                cert: "c".into(),
                key: "k".into(),
            }),
            ..resolved(Some("ann:new"))
        };
        for (now, why) in [
            (other_kinds, "[destinations] has changed"),
            (other_files, "certificate and key are other files"),
            (resolved(None), "there are no users any more"),
        ] {
            let refused = running.take(now).unwrap_err();
            assert!(refused.starts_with(why), "{refused}");
        }
        assert_eq!(running.take(resolved(Some("ann:new"))), Ok(()));
    }

    #[test]
    fn users_that_come_later_are_not_passed_over_in_silence() {
        let running = Running::of(&resolved(None));
        let refused = running.take(resolved(Some("ann:secret"))).unwrap_err();
        assert!(refused.ends_with("until then everyone may do everything"));
        assert_eq!(running.take(resolved(None)), Ok(()));
    }
}
