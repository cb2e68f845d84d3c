//! Who is let in. While a password is checked, nothing else of the client is looked at.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use gumboot_broker_core::{Login, Unrestricted};
use gumboot_stomp_proto::{Frame, command::Connect, server::Accept};
use tracing::debug;

use super::{SERVER, Stomp, refused::Refused};
use crate::{
    auth::{LoginRefused, User},
    subprotocol::Carrier,
};

/// A log-in that is being checked.
pub(super) struct Pending {
    checked: Pin<Box<dyn Future<Output = Result<Arc<User>, LoginRefused>> + Send>>,
    client: Option<Arc<str>>,
    /// What came behind CONNECT: no more than one read brings, since there is none until this is done.
    held: Vec<u8>,
}

impl Pending {
    /// Takes what is looked at later.
    pub(super) fn hold(&mut self, data: &[u8]) {
        self.held.extend_from_slice(data);
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("client", &self.client)
            .field("held_bytes", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl Stomp {
    /// Without users, everyone is who they say, and may do everything. All that do not say who they are, as those of
    /// RabbitMQ, are one client without a name.
    pub(super) fn on_connect(
        &mut self,
        now: Instant,
        connect: &Connect<'_>,
        frame: &Frame<'_>,
        carrier: &mut impl Carrier,
    ) -> Result<(), Refused> {
        let client = frame.header("client-id");
        let login = connect.login.as_deref();
        if let Some(users) = &self.seat.hub().config.users {
            self.pending = Some(Box::new(Pending {
                checked: users.authenticate(login, connect.passcode.as_deref()),
                client: client.as_deref().map(Arc::from),
                held: Vec::new(),
            }));
            return Ok(());
        }
        let login = Login {
            name: session_name(),
            user: login.map(Arc::from),
            client: Some(client.as_deref().unwrap_or_default().into()),
            access: Arc::new(Unrestricted),
        };
        self.log_in(now, login, carrier)
    }

    /// Goes on with a client whose log-in has been checked; ready if there was one.
    pub(super) fn poll_login(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        carrier: &mut impl Carrier,
    ) -> Poll<()> {
        let Some(pending) = &mut self.pending else {
            return Poll::Pending;
        };
        let Poll::Ready(checked) = pending.checked.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let client = pending.client.take();
        let held = mem::take(&mut pending.held);
        self.pending = None;
        let let_in = checked
            .map_err(|refused| Refused::new("Login refused", &refused))
            .inspect(|user| self.user = Some(Arc::clone(user.name())))
            .and_then(|user| self.log_in(now, login(user, client.as_deref()), carrier));
        match let_in {
            Ok(()) => {
                self.on_data(now, &held, carrier);
                self.turn.wake();
            }
            Err(refused) => self.refuse(now, &refused, None, carrier),
        }
        Poll::Ready(())
    }

    fn log_in(
        &mut self,
        now: Instant,
        login: Login,
        carrier: &mut impl Carrier,
    ) -> Result<(), Refused> {
        let name = Arc::clone(&login.name);
        self.seat
            .connect(login)
            .map_err(Refused::by_broker("Server full"))?;
        debug!(session = self.seat.id().0, version = %self.version(), "connected");
        let hub = self.seat.hub();
        carrier.logged_in(&hub.carriage.after_login);
        let accept = Accept {
            session: Some(&name),
            server: (!hub.config.hide_server).then_some(SERVER),
            heart_beat: hub.config.heart_beat,
        };
        let mut out = Vec::new();
        self.session.accept(now, &accept, &mut out);
        self.send_frame(now, &out, carrier);
        Ok(())
    }
}

/// A user's clients are the user's own: no other user can take over their durable subscriptions. One that does not say
/// who it is, as those of RabbitMQ do not, is the user's only one without a name.
fn login(user: Arc<User>, client: Option<&str>) -> Login {
    let name = Arc::clone(user.name());
    let client = format!(
        "{}/{}",
        name.replace('%', "%25").replace('/', "%2F"),
        client.unwrap_or_default()
    );
    Login {
        name: session_name(),
        user: Some(name),
        client: Some(client.into()),
        access: user,
    }
}

/// A name that nobody can guess, since it lets others send to what is the session's own.
fn session_name() -> Arc<str> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    format!("session-{:032x}", u128::from_be_bytes(random)).into()
}
