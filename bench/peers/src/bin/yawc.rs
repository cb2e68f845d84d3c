//! yawc, as its documentation has it, with the check of UTF-8 that RFC 6455 §8.1 asks for; `--compress` turns compression on.

use futures_util::{SinkExt, StreamExt};
use gumboot_bench_peers::{Failure, serve};
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use yawc::{CompressionLevel, OpCode, Options, WebSocket};

const MESSAGE_BYTES_MAX: usize = 16 << 20;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::default()
        .with_utf8()
        .with_limits(MESSAGE_BYTES_MAX, 2 * MESSAGE_BYTES_MAX);
    let options = match std::env::args().any(|argument| argument == "--compress") {
        true => options.with_compression_level(CompressionLevel::default()),
        false => options.without_compression(),
    };
    serve(|stream| {
        let options = options.clone();
        async move {
            let service = service_fn(move |request| upgrade(request, options.clone()));
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            Ok(connection.await?)
        }
    })
    .await
}

async fn upgrade(
    mut request: Request<Incoming>,
    options: Options,
) -> yawc::Result<Response<Empty<Bytes>>> {
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
    tokio::spawn(async {
        let mut socket = upgraded.await?;
        while let Some(frame) = socket.next().await {
            if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
                socket.send(frame).await?;
            }
        }
        yawc::Result::Ok(())
    });
    Ok(response)
}
