//! STOMP frames: any octets give the same, in one piece or in many, in each version.

use gumboot_stomp_proto::{Decoded, Decoder, Input, Limits, Version};

/// The first byte says which version, and how the rest is cut.
pub fn stomp_decode(data: &[u8]) {
    let Some((&first, octets)) = data.split_first() else {
        return;
    };
    let version = Version::ALL.get(usize::from(first % 4)).copied();
    let step = usize::from(first >> 2) + 1;
    let whole = decode(version, std::iter::once(octets));
    let pieces = decode(version, octets.chunks(step));
    assert_eq!(whole, pieces);
}

/// What there is to tell of what was decoded, up to the first error.
fn decode<'a>(version: Option<Version>, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = Decoder::new(Limits::before_login());
    if let Some(version) = version {
        decoder.set_version(version);
    }
    let mut log = Vec::new();
    for piece in pieces {
        let mut input = Input::new(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(Decoded::HeartBeat)) => log.push("beat".to_owned()),
                Ok(Some(Decoded::Frame(frame))) => {
                    let headers: Vec<_> = frame.headers().collect();
                    log.push(format!(
                        "{} {headers:?} {:?}",
                        frame.command(),
                        frame.body()
                    ));
                }
                Ok(None) => break,
                Err(error) => {
                    log.push(format!("{:?}", error.kind()));
                    return log;
                }
            }
        }
    }
    log
}
