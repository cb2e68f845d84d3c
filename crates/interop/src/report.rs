//! What an end has seen of an exchange, and what it should have seen.

use serde::Deserialize;

use crate::exchange::{Exchange, Role};

/// What one end has seen. The peers of others write it as JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Report {
    /// The subprotocol; empty for none.
    pub(crate) protocol: String,
    /// The extensions as the server answered, where the end can see that.
    pub(crate) extensions: Option<String>,
    /// The messages that arrived as they were sent, in their order.
    pub(crate) same: usize,
    /// What arrived otherwise.
    pub(crate) wrong: Vec<String>,
    /// The payload of the last pong.
    pub(crate) pong: Option<String>,
    /// The code and the reason of the Close, as programs see them.
    pub(crate) close: (u16, String),
    /// Whether the closing handshake was completed.
    pub(crate) clean: bool,
}

/// The bytes of an open connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bytes {
    pub(crate) of_client: u64,
    pub(crate) of_server: u64,
}

/// What can be seen of an exchange, depending on the peer.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) client: Report,
    /// None of a program that only echoes.
    pub(crate) server: Option<Report>,
    pub(crate) bytes: Option<Bytes>,
    /// Whether the peer can compress; our ends can.
    pub(crate) both_deflate: bool,
    /// The ends that can send pings.
    pub(crate) pinging: Vec<Role>,
}

/// Everything in `seen` that is not as it should be.
pub(crate) fn problems(exchange: &Exchange, seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let ends = [
        (Role::Client, Some(&seen.client)),
        (Role::Server, seen.server.as_ref()),
    ];
    for (role, report) in ends {
        let Some(report) = report else { continue };
        let pings = seen.pinging.contains(&role);
        let found = check_end(exchange, role, report, pings);
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("{role:?}: {problem}")),
        );
    }
    problems.extend(check_extensions(exchange, seen));
    if let Some(bytes) = seen.bytes {
        for (who, bytes, bounds) in [
            ("client", bytes.of_client, exchange.expect.client_bytes),
            ("server", bytes.of_server, exchange.expect.server_bytes),
        ] {
            if bounds.is_some_and(|(min, max)| !(min..=max).contains(&bytes)) {
                problems.push(format!("the {who} sent {bytes} bytes, not {bounds:?}"));
            }
        }
    }
    problems
}

fn check_end(exchange: &Exchange, role: Role, report: &Report, pings: bool) -> Vec<String> {
    let mut problems = report.wrong.clone();
    let mut check = |holds: bool, what: String| {
        if !holds {
            problems.push(what);
        }
    };
    let count = exchange.count();
    check(
        report.same == count,
        format!("{} messages of {count}", report.same),
    );
    let protocol = &report.protocol;
    check(
        *protocol == exchange.expect.protocol,
        format!("subprotocol {protocol:?}"),
    );
    check(
        report.clean,
        "the closing handshake was not completed".to_owned(),
    );
    let close = &exchange.close;
    let (code, reason) = &report.close;
    check(*code == close.code_seen(), format!("closed with {code}"));
    // Who closes is answered with the code; the reason may or may not come back.
    let told = close.by != role;
    check(
        !told || *reason == close.reason,
        format!("closed with the reason {reason:?}"),
    );
    let last = exchange.pings();
    if last > 0 && pings {
        let pong = report.pong.as_deref();
        let answered = pong == Some(&*last.to_string());
        check(answered, format!("the last pong is {pong:?}, not {last}"));
    }
    problems
}

fn check_extensions(exchange: &Exchange, seen: &Seen) -> Option<String> {
    let extensions = seen.client.extensions.as_deref()?;
    let mut parts = extensions.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let parameters: Vec<&str> = parts.collect();
    let holds = if seen.both_deflate && exchange.compresses() {
        let has = |parameter: &String| parameters.contains(&parameter.as_str());
        name == "permessage-deflate" && exchange.expect.parameters.iter().all(has)
    } else {
        name.is_empty()
    };
    (!holds).then(|| format!("the extensions are {extensions:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Exchange {
        let json = serde_json::json!({
            "name": "two messages",
            "messages": [{"text": "one"}, {"text": "two", "pieces": 3}],
            "close": {"by": "client", "code": 4000, "reason": "bye"},
            "expect": {"parameters": ["server_max_window_bits=9"], "client_bytes": [10, 20]},
        });
        serde_json::from_value(json).unwrap()
    }

    fn good() -> Seen {
        let end = Report {
            same: 2,
            pong: Some("2".into()),
            close: (4000, "bye".into()),
            clean: true,
            ..Report::default()
        };
        let extensions = "permessage-deflate; server_max_window_bits=9";
        Seen {
            client: Report {
                extensions: Some(extensions.into()),
                ..end.clone()
            },
            server: Some(end),
            bytes: Some(Bytes {
                of_client: 20,
                of_server: 1,
            }),
            both_deflate: true,
            pinging: vec![Role::Client, Role::Server],
        }
    }

    fn check(change: impl FnOnce(&mut Seen), expected: &[&str]) {
        let mut seen = good();
        change(&mut seen);
        assert_eq!(problems(&exchange(), &seen), expected);
    }

    #[test]
    fn what_is_as_it_should_be() {
        check(|_| {}, &[]);
        check(|seen| seen.server = None, &[]);
        check(|seen| seen.client.close.1.clear(), &[]);
    }

    #[test]
    fn whatever_differs_is_told() {
        let server = |change: fn(&mut Report)| {
            move |seen: &mut Seen| seen.server.iter_mut().for_each(change)
        };
        check(server(|end| end.same = 1), &["Server: 1 messages of 2"]);
        check(server(|end| end.wrong.push("odd".into())), &["Server: odd"]);
        check(
            server(|end| end.pong = None),
            &["Server: the last pong is None, not 2"],
        );
        check(
            server(|end| end.close.1.clear()),
            &["Server: closed with the reason \"\""],
        );
        check(
            |seen| seen.client.close.0 = 1000,
            &["Client: closed with 1000"],
        );
        check(
            |seen| seen.client.clean = false,
            &["Client: the closing handshake was not completed"],
        );
        check(
            |seen| seen.client.protocol.push('x'),
            &["Client: subprotocol \"x\""],
        );
        check(
            |seen| seen.client.extensions = Some("permessage-deflate".into()),
            &["the extensions are \"permessage-deflate\""],
        );
        check(
            |seen| seen.client.extensions = Some(String::new()),
            &["the extensions are \"\""],
        );
        check(
            |seen| seen.bytes.iter_mut().for_each(|bytes| bytes.of_client = 21),
            &["the client sent 21 bytes, not Some((10, 20))"],
        );
    }
}
