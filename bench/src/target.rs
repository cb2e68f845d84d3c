//! Which server, which destination, and messages of what length.

use std::net::SocketAddr;

use clap::Args;

/// What all loads have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// Where STOMP is spoken
    #[arg(long, value_name = "ADDR")]
    pub(crate) server: SocketAddr,
    /// The queue or topic
    #[arg(long, default_value = "/queue/bench")]
    pub(crate) destination: String,
    /// How long a message is
    #[arg(long, default_value_t = 256)]
    pub(crate) bytes: usize,
    /// Who logs in
    #[arg(long, default_value = "guest")]
    pub(crate) login: String,
    /// With which password
    #[arg(long, default_value = "guest")]
    pub(crate) passcode: String,
}

/// How many digits the number of a receipt has.
pub(crate) const RECEIPT_DIGITS: usize = 12;

/// A SEND that is made once and written often: only the number of its receipt changes, in place.
#[derive(Debug)]
pub(crate) struct Send {
    frame: Vec<u8>,
    receipt_at: Option<usize>,
    body_at: usize,
}

impl Send {
    pub(crate) fn new(target: &Target, with_receipt: bool) -> Self {
        let Target {
            destination, bytes, ..
        } = target;
        let mut frame = format!("SEND\ndestination:{destination}\npersistent:true\n").into_bytes();
        frame.extend_from_slice(format!("content-length:{bytes}\n").as_bytes());
        let receipt_at = with_receipt.then(|| {
            frame.extend_from_slice(b"receipt:");
            frame.extend_from_slice(&[b'0'; RECEIPT_DIGITS]);
            frame.push(b'\n');
            frame.len() - RECEIPT_DIGITS - 1
        });
        frame.push(b'\n');
        let body_at = frame.len();
        frame.resize(body_at + bytes, b'x');
        frame.push(0);
        Self {
            frame,
            receipt_at,
            body_at,
        }
    }

    /// The frame, with the number of a receipt in it if it asks for one.
    pub(crate) fn frame(&mut self, receipt: u64) -> &[u8] {
        if let Some(at) = self.receipt_at {
            write_digits(&mut self.frame[at..at + RECEIPT_DIGITS], receipt);
        }
        &self.frame
    }

    /// Writes a number to the beginning of the body.
    pub(crate) fn stamp(&mut self, number: u64) {
        write_digits(
            &mut self.frame[self.body_at..self.body_at + STAMP_DIGITS],
            number,
        );
    }
}

/// How many digits a stamp in a body has, which is the least that a body must be long.
pub(crate) const STAMP_DIGITS: usize = 20;

fn write_digits(to: &mut [u8], mut number: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The number that these digits are.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(bytes: usize) -> Target {
        Target {
            server: ([127, 0, 0, 1], 1).into(),
            destination: "/queue/q".to_owned(),
            bytes,
            login: String::new(),
            passcode: String::new(),
        }
    }

    #[test]
    fn a_frame_has_its_receipt_and_stamp() {
        let mut send = Send::new(&target(22), true);
        send.stamp(1234);
        let expected = "SEND\ndestination:/queue/q\npersistent:true\ncontent-length:22\n\
                        receipt:000000000056\n\n00000000000000001234xx\0";
        assert_eq!(str::from_utf8(send.frame(56)), Ok(expected));
        assert_eq!(number(b"000000000056"), Some(56));
        assert_eq!(number(b"5x"), None);
    }

    #[test]
    fn without_a_receipt_there_is_no_header() {
        let mut send = Send::new(&target(1), false);
        let expected = "SEND\ndestination:/queue/q\npersistent:true\ncontent-length:1\n\nx\0";
        assert_eq!(str::from_utf8(send.frame(56)), Ok(expected));
    }
}
