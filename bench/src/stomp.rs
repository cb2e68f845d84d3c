//! STOMP over WebSocket, with frames written by hand.

use crate::{
    Failure,
    client::{Client, Connector, READ_BYTES, deflate::Inflater},
    connection::expect,
    reply::{Reply, parse},
};

/// The subprotocol that is offered.
const SUBPROTOCOL: &str = "v12.stomp";

/// Who logs in.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Account {
    /// Who logs in
    #[arg(long, default_value = "guest")]
    login: String,
    /// With which password
    #[arg(long, default_value = "guest")]
    passcode: String,
}

/// What both sides promise, so long that no measurement sees one.
const HEART_BEAT: &str = "120000,120000";

/// Opens a WebSocket, logs in, and has heart-beats agreed.
pub(crate) fn log_in(connector: &Connector, account: &Account) -> Result<Client, Failure> {
    let mut client = connector.open(Some(SUBPROTOCOL))?;
    let Account { login, passcode } = account;
    let connect = format!(
        "CONNECT\naccept-version:1.2\nhost:/\nlogin:{login}\npasscode:{passcode}\nheart-beat:{HEART_BEAT}\n\n\0"
    );
    client.send_text(connect.as_bytes())?;
    wait_for(&mut client, |reply| {
        expect(reply, b"CONNECTED")?;
        match reply.header("heart-beat") {
            None | Some(b"0,0") => Err("the server agrees to no heart-beats".into()),
            Some(_) => Ok(()),
        }
    })?;
    Ok(client)
}

/// Subscribes, and waits until the server has done it.
pub(crate) fn subscribe(client: &mut Client, destination: &str, ack: &str) -> Result<(), Failure> {
    let subscribe =
        format!("SUBSCRIBE\nid:0\ndestination:{destination}\nack:{ack}\nreceipt:subscribed\n\n\0");
    client.send_text(subscribe.as_bytes())?;
    wait_for(client, |reply| expect(reply, b"RECEIPT"))
}

/// Waits for a frame, the only one that may come.
fn wait_for(
    client: &mut Client,
    check: impl Fn(&Reply<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; READ_BYTES];
    let mut inflater = Inflater::default();
    let mut come = false;
    while !come {
        client.receive(&mut buffer, |compressed, payload| {
            let payload = match compressed {
                true => inflater.inflate_alone(payload)?,
                false => payload,
            };
            replies(payload, |reply| {
                check(reply)?;
                come = true;
                Ok(())
            })
        })?;
    }
    Ok(())
}

/// Gives each frame of a message to a function; line ends between them are heart-beats.
pub(crate) fn replies(
    mut message: &[u8],
    mut each: impl FnMut(&Reply<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        message = message.trim_ascii_start();
        if message.is_empty() {
            return Ok(());
        }
        let (reply, length) = parse(message).ok_or_else(|| {
            let shown = String::from_utf8_lossy(message);
            format!("a message has a part of a STOMP frame: {shown}")
        })?;
        each(&reply)?;
        message = &message[length..];
    }
}

/// A SEND of this body, with a receipt if one is named.
pub(crate) fn send_frame(to: &mut Vec<u8>, destination: &str, receipt: Option<u64>, body: &[u8]) {
    to.extend_from_slice(b"SEND\ndestination:");
    to.extend_from_slice(destination.as_bytes());
    if let Some(receipt) = receipt {
        to.extend_from_slice(format!("\nreceipt:{receipt}").as_bytes());
    }
    to.extend_from_slice(format!("\ncontent-length:{}\n\n", body.len()).as_bytes());
    to.extend_from_slice(body);
    to.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_of_a_message_is_seen() {
        let mut message = b"\n".to_vec();
        send_frame(&mut message, "/topic/a", Some(7), b"x\0y");
        message.extend_from_slice(b"\r\n");
        send_frame(&mut message, "/topic/b", None, b"");
        let mut seen = Vec::new();
        let end = replies(&message, |reply| {
            let receipt = reply.header("receipt").map(<[u8]>::to_vec);
            seen.push((reply.body.to_vec(), receipt));
            Ok(())
        });
        assert!(end.is_ok());
        assert_eq!(
            seen,
            [(b"x\0y".to_vec(), Some(b"7".to_vec())), (vec![], None)]
        );
        message.pop();
        assert!(replies(&message, |_| Ok(())).is_err(), "the end is missing");
    }
}
