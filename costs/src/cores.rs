//! Which core the server has and which the clients: where both share one, the scheduler says how often the server is woken,
//! and so what some cases count.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use crate::Failure;

/// The numbers of cores, as the kernel counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    /// Another than that of the server, if there is one.
    pub(crate) clients: Option<usize>,
}

/// This thread.
const SELF: Pid = Pid::from_raw(0);

impl Cores {
    /// Of those that this process may use.
    pub(crate) fn choose() -> Result<Self, Failure> {
        let allowed = sched_getaffinity(SELF)?;
        let is_allowed = |core: &usize| allowed.is_set(*core).unwrap_or(false);
        Self::among((0..CpuSet::count()).filter(is_allowed))
    }

    fn among(mut allowed: impl Iterator<Item = usize>) -> Result<Self, Failure> {
        let server = allowed.next().ok_or("the kernel names no core")?;
        let clients = allowed.next();
        Ok(Self { server, clients })
    }

    /// Has this thread, which is all clients, run on the core of the clients only.
    pub(crate) fn pin_clients(self) -> Result<(), Failure> {
        let Some(core) = self.clients else {
            return Ok(());
        };
        let mut only = CpuSet::new();
        only.set(core)?;
        Ok(sched_setaffinity(SELF, &only)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_have_another_core_where_there_is_one() {
        let cores = |allowed: &[usize]| Cores::among(allowed.iter().copied()).ok();
        let expected = |server, clients| Some(Cores { server, clients });
        assert_eq!(cores(&[2, 5, 7]), expected(2, Some(5)));
        assert_eq!(cores(&[3]), expected(3, None));
        assert_eq!(cores(&[]), None);
    }

    #[test]
    fn the_clients_are_where_the_server_is_not() {
        let cores = Cores::choose().expect("it runs somewhere");
        cores.pin_clients().expect("it may be there");
        let now = Cores::choose().expect("it runs somewhere");
        assert_eq!(now.server, cores.clients.unwrap_or(cores.server));
        assert_eq!(now.clients, None);
    }
}
