//! `[limits]` and `[heart-beat]`: the bounds of a server by their names, each with a unit where it has one.

use std::time::Duration;

use gumboot_broker::{BrokerLimits, Config, HttpLimits, StompLimits};
use gumboot_websocket::proto;
use serde::Deserialize;

use super::units::{bytes, head_bytes, millis, millis_or_off, some, wait, wait_or_off};

/// A table of bounds: each key is a field of what they are bounds of.
macro_rules! bounds {
    ($(#[$doc:meta])* $name:ident of $target:ty {
        $($field:ident $(as $key:literal)?: $type:ty $(, by $read:literal)?;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        struct $name {
            $($(#[serde(rename = $key)])? $(#[serde(deserialize_with = $read)])? $field: Option<$type>,)*
        }

        impl $name {
            fn apply(self, to: &mut $target) {
                $(if let Some(value) = self.$field {
                    to.$field = value;
                })*
            }
        }
    };
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Limits {
    #[serde(deserialize_with = "some")]
    connections_max: Option<usize>,
    #[serde(deserialize_with = "some")]
    tls_handshakes_max: Option<usize>,
    #[serde(deserialize_with = "bytes")]
    mailbox_bytes_max: Option<usize>,
    http: Http,
    websocket: WebSocket,
    stomp: Stomp,
    broker: Broker,
}

impl Limits {
    pub(super) fn apply(self, config: &mut Config, websocket: &mut proto::Config) {
        if let Some(count) = self.connections_max {
            config.connections_max = count;
        }
        if let Some(count) = self.tls_handshakes_max {
            config.tls_handshakes_max = count;
        }
        if let Some(length) = self.mailbox_bytes_max {
            config.mailbox_bytes_max = length;
        }
        self.http.apply(&mut config.http);
        self.websocket.apply(websocket);
        self.stomp
            .before_login
            .apply(&mut config.stomp.limits_before_login);
        self.stomp.after_login.apply(&mut config.stomp.limits);
        self.broker.apply(&mut config.broker.limits);
    }
}

bounds! {
    /// `[limits.http]`
    Http of HttpLimits {
        head_wait_max: Duration, by "wait";
        head_bytes_max: usize, by "head_bytes";
    }
}

/// `[limits.websocket]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct WebSocket {
    #[serde(deserialize_with = "some")]
    control_frames_per_second_max: Option<u32>,
    #[serde(deserialize_with = "some")]
    fragments_per_message_max: Option<u32>,
    #[serde(deserialize_with = "bytes")]
    frame_bytes_max: Option<u64>,
    #[serde(deserialize_with = "some")]
    inflate_ratio_max: Option<u32>,
    #[serde(deserialize_with = "bytes")]
    inflate_bytes_free: Option<u64>,
    #[serde(deserialize_with = "bytes")]
    message_bytes_max: Option<u64>,
    #[serde(deserialize_with = "wait")]
    close_wait_max: Option<Duration>,
    #[serde(deserialize_with = "wait")]
    frame_stall_max: Option<Duration>,
    #[serde(deserialize_with = "wait_or_off")]
    idle_max: Option<Option<Duration>>,
    #[serde(deserialize_with = "wait_or_off")]
    ping_interval: Option<Option<Duration>>,
    #[serde(deserialize_with = "wait")]
    pong_wait_max: Option<Duration>,
}

impl WebSocket {
    fn apply(self, to: &mut proto::Config) {
        let (limits, timing) = (to.limits.clone(), to.timing.clone());
        to.limits = proto::Limits {
            control_frames_per_second_max: self
                .control_frames_per_second_max
                .unwrap_or(limits.control_frames_per_second_max),
            fragments_per_message_max: self
                .fragments_per_message_max
                .unwrap_or(limits.fragments_per_message_max),
            frame_bytes_max: self.frame_bytes_max.unwrap_or(limits.frame_bytes_max),
            inflate_ratio_max: self.inflate_ratio_max.unwrap_or(limits.inflate_ratio_max),
            inflate_bytes_free: self.inflate_bytes_free.unwrap_or(limits.inflate_bytes_free),
            message_bytes_max: self.message_bytes_max.unwrap_or(limits.message_bytes_max),
        };
        to.timing = proto::Timing {
            close_wait_max: self.close_wait_max.unwrap_or(timing.close_wait_max),
            frame_stall_max: self.frame_stall_max.unwrap_or(timing.frame_stall_max),
            idle_max: self.idle_max.unwrap_or(timing.idle_max),
            ping_interval: self.ping_interval.unwrap_or(timing.ping_interval),
            pong_wait_max: self.pong_wait_max.unwrap_or(timing.pong_wait_max),
        };
    }
}

/// `[limits.stomp]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Stomp {
    before_login: BeforeLogin,
    after_login: AfterLogin,
}

bounds! {
    /// `[limits.stomp.after-login]`
    AfterLogin of StompLimits {
        header_bytes_max: u32, by "bytes";
        headers_max: u32, by "some";
        headers_bytes_max: u32, by "bytes";
        body_bytes_max: u32, by "bytes";
        frame_stall_ms_max as "frame-stall-max": u32, by "millis";
    }
}

bounds! {
    /// `[limits.stomp.before-login]`
    BeforeLogin of StompLimits {
        header_bytes_max: u32, by "bytes";
        headers_max: u32, by "some";
        headers_bytes_max: u32, by "bytes";
        body_bytes_max: u32, by "bytes";
        login_ms_max as "login-max": u32, by "millis";
        frame_stall_ms_max as "frame-stall-max": u32, by "millis";
    }
}

bounds! {
    /// `[limits.broker]`
    Broker of BrokerLimits {
        sessions_max: usize, by "some";
        subscriptions_per_session_max: usize, by "some";
        topics_max: usize, by "some";
        queues_max: usize, by "some";
        temporaries_per_session_max: usize;
        durables_max: usize;
        consumers_per_queue_max: usize, by "some";
        groups_per_queue_max: usize;
        queued_bytes_max: usize, by "bytes";
        durable_bytes_max: usize, by "bytes";
        credit_messages_default: usize, by "some";
        credit_bytes_default: usize, by "bytes";
        credit_messages_max: usize, by "some";
        credit_bytes_max: usize, by "bytes";
        retained_max: usize;
        retained_bytes_max: usize, by "bytes";
        histories_max: usize;
        history_bytes_max: usize, by "bytes";
        replay_messages_max: usize, by "some";
        replay_bytes_max: usize, by "bytes";
        replay_queued_messages_max: usize;
        scheduled_max: usize;
        scheduled_bytes_max: usize, by "bytes";
        delay_ms_max as "delay-max": u64, by "millis";
        transactions_per_session_max: usize;
        transaction_operations_max: usize, by "some";
        transaction_bytes_max: usize, by "bytes";
        transactions_bytes_max: usize, by "bytes";
        transaction_age_ms_max as "transaction-age-max": u64, by "millis";
    }
}

/// `[heart-beat]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct HeartBeat {
    #[serde(deserialize_with = "millis_or_off")]
    can_send: Option<u32>,
    #[serde(deserialize_with = "millis_or_off")]
    wants: Option<u32>,
}

impl HeartBeat {
    pub(super) fn apply(self, to: &mut gumboot_broker::HeartBeat) {
        to.can_send_ms = self.can_send.unwrap_or(to.can_send_ms);
        to.wants_ms = self.wants.unwrap_or(to.wants_ms);
    }
}
