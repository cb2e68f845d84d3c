//! The floor of a fan-out: a loop that sends whatever it reads from one connection to all others, as it is, with one
//! `send` for each. No server that sends to each subscriber by itself does with less.

use std::{
    convert::Infallible,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use crate::{Failure, client::READ_BYTES, events::Events};

/// The number of the listener in the set.
const LISTENER: usize = usize::MAX;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Runs until the process is ended.
pub(crate) fn run(args: &Args) -> Result<Infallible, Failure> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let listener = TcpListener::bind(args.listen)?;
    println!("floor {}", listener.local_addr()?);
    let mut events = Events::new()?;
    events.add(&listener, LISTENER)?;
    let mut streams = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        for number in events.wait_long()? {
            if number == LISTENER {
                let stream = accept(&listener)?;
                events.add(&stream, streams.len())?;
                streams.push(Some(stream));
                continue;
            }
            let read = streams[number]
                .as_ref()
                .map(|mut stream| stream.read(&mut buffer));
            match read {
                Some(Ok(count)) if count > 0 => send_to_others(&streams, number, &buffer[..count])?,
                _ => streams[number] = None,
            }
        }
        // Numbers begin anew with the next load.
        if streams.iter().all(Option::is_none) {
            streams.clear();
        }
    }
}

fn accept(listener: &TcpListener) -> Result<TcpStream, Failure> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn send_to_others(streams: &[Option<TcpStream>], from: usize, bytes: &[u8]) -> Result<(), Failure> {
    for (number, stream) in streams.iter().enumerate() {
        let Some(mut stream) = stream.as_ref().filter(|_| number != from) else {
            continue;
        };
        if stream.write(bytes)? != bytes.len() {
            return Err("a subscriber takes too little".into());
        }
    }
    Ok(())
}
